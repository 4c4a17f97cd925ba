// ucd.h: made by scripts/gen_ucd.py from the Unicode Character Database 15.0.0. Do not edit.
// clang-format off
#ifndef IML_SYNTH_UCD_H
#define IML_SYNTH_UCD_H

#include <stdint.h>

#define IML__UCD_VERSION "15.0.0"
typedef struct iml__ucd_rec {
    uint8_t bidi, script, vo, jt, lb, flags;
} iml__ucd_rec;

enum { // flags; WIDE: East Asian F, W, H; PICTURE: Extended_Pictographic that is not assigned yet
    IML__UCD_WHITE = 1,
    IML__UCD_IGNORABLE = 2,
    IML__UCD_MARK = 4,
    IML__UCD_WIDE = 8,
    IML__UCD_PICTURE = 16
};
enum {
    IML__SC_Zzzz, IML__SC_Zyyy, IML__SC_Latn, IML__SC_Grek, IML__SC_Cyrl, IML__SC_Armn,
    IML__SC_Hebr, IML__SC_Arab, IML__SC_Syrc, IML__SC_Thaa, IML__SC_Deva, IML__SC_Beng,
    IML__SC_Guru, IML__SC_Gujr, IML__SC_Orya, IML__SC_Taml, IML__SC_Telu, IML__SC_Knda,
    IML__SC_Mlym, IML__SC_Sinh, IML__SC_Thai, IML__SC_Laoo, IML__SC_Tibt, IML__SC_Mymr,
    IML__SC_Geor, IML__SC_Hang, IML__SC_Ethi, IML__SC_Cher, IML__SC_Cans, IML__SC_Ogam,
    IML__SC_Runr, IML__SC_Khmr, IML__SC_Mong, IML__SC_Hira, IML__SC_Kana, IML__SC_Bopo,
    IML__SC_Hani, IML__SC_Yiii, IML__SC_Ital, IML__SC_Goth, IML__SC_Dsrt, IML__SC_Zinh,
    IML__SC_Tglg, IML__SC_Hano, IML__SC_Buhd, IML__SC_Tagb, IML__SC_Limb, IML__SC_Tale,
    IML__SC_Linb, IML__SC_Ugar, IML__SC_Shaw, IML__SC_Osma, IML__SC_Cprt, IML__SC_Brai,
    IML__SC_Bugi, IML__SC_Copt, IML__SC_Talu, IML__SC_Glag, IML__SC_Tfng, IML__SC_Sylo,
    IML__SC_Xpeo, IML__SC_Khar, IML__SC_Bali, IML__SC_Xsux, IML__SC_Phnx, IML__SC_Phag,
    IML__SC_Nkoo, IML__SC_Sund, IML__SC_Lepc, IML__SC_Olck, IML__SC_Vaii, IML__SC_Saur,
    IML__SC_Kali, IML__SC_Rjng, IML__SC_Lyci, IML__SC_Cari, IML__SC_Lydi, IML__SC_Cham,
    IML__SC_Lana, IML__SC_Tavt, IML__SC_Avst, IML__SC_Egyp, IML__SC_Samr, IML__SC_Lisu,
    IML__SC_Bamu, IML__SC_Java, IML__SC_Mtei, IML__SC_Armi, IML__SC_Sarb, IML__SC_Prti,
    IML__SC_Phli, IML__SC_Orkh, IML__SC_Kthi, IML__SC_Batk, IML__SC_Brah, IML__SC_Mand,
    IML__SC_Cakm, IML__SC_Merc, IML__SC_Mero, IML__SC_Plrd, IML__SC_Shrd, IML__SC_Sora,
    IML__SC_Takr, IML__SC_Aghb, IML__SC_Bass, IML__SC_Dupl, IML__SC_Elba, IML__SC_Gran,
    IML__SC_Hmng, IML__SC_Khoj, IML__SC_Lina, IML__SC_Mahj, IML__SC_Mani, IML__SC_Mend,
    IML__SC_Modi, IML__SC_Mroo, IML__SC_Narb, IML__SC_Nbat, IML__SC_Palm, IML__SC_Pauc,
    IML__SC_Perm, IML__SC_Phlp, IML__SC_Sidd, IML__SC_Sind, IML__SC_Tirh, IML__SC_Wara,
    IML__SC_Ahom, IML__SC_Hluw, IML__SC_Hatr, IML__SC_Mult, IML__SC_Hung, IML__SC_Sgnw,
    IML__SC_Adlm, IML__SC_Bhks, IML__SC_Marc, IML__SC_Newa, IML__SC_Osge, IML__SC_Tang,
    IML__SC_Gonm, IML__SC_Nshu, IML__SC_Soyo, IML__SC_Zanb, IML__SC_Dogr, IML__SC_Gong,
    IML__SC_Maka, IML__SC_Medf, IML__SC_Rohg, IML__SC_Sogd, IML__SC_Sogo, IML__SC_Elym,
    IML__SC_Nand, IML__SC_Hmnp, IML__SC_Wcho, IML__SC_Chrs, IML__SC_Diak, IML__SC_Kits,
    IML__SC_Yezi, IML__SC_Cpmn, IML__SC_Ougr, IML__SC_Tnsa, IML__SC_Toto, IML__SC_Vith,
    IML__SC_Kawi, IML__SC_Nagm, IML__SC_COUNT,
};
enum {
    IML__VO_R, IML__VO_U, IML__VO_Tr, IML__VO_Tu, IML__VO_COUNT,
};
enum {
    IML__JT_U, IML__JT_C, IML__JT_D, IML__JT_R, IML__JT_L, IML__JT_T, IML__JT_COUNT,
};
enum {
    IML__LB_CM, IML__LB_BA, IML__LB_LF, IML__LB_BK, IML__LB_CR, IML__LB_SP, IML__LB_EX, IML__LB_QU,
    IML__LB_AL, IML__LB_PR, IML__LB_PO, IML__LB_OP, IML__LB_CP, IML__LB_IS, IML__LB_HY, IML__LB_SY,
    IML__LB_NU, IML__LB_CL, IML__LB_NL, IML__LB_GL, IML__LB_BB, IML__LB_HL, IML__LB_SA, IML__LB_JL,
    IML__LB_JV, IML__LB_JT, IML__LB_NS, IML__LB_ZW, IML__LB_ZWJ, IML__LB_B2, IML__LB_IN, IML__LB_WJ,
    IML__LB_ID, IML__LB_EB, IML__LB_H2, IML__LB_H3, IML__LB_CB, IML__LB_RI, IML__LB_EM,
    IML__LB_COUNT,
};
// ISO 15924 tag of each IML__SC_ value; FriBidi's type of each bidi class.
extern const uint32_t iml__ucd_script[164];
extern const uint32_t iml__ucd_bidi[23];
// Sorted by cp; pair = canonical opening code point, + 2^31 if cp opens: FriBidi's bracket type.
enum { IML__UCD_BRACKETS = 128 };
typedef struct iml__ucd_pair {
    uint32_t cp, pair;
} iml__ucd_pair;
extern const iml__ucd_pair iml__ucd_bracket[IML__UCD_BRACKETS];

extern const iml__ucd_rec iml__ucd_recs[711];
extern const uint16_t iml__ucd_stage1[8704];
extern const uint16_t iml__ucd_stage2[299][128];
static inline const iml__ucd_rec *iml__ucd_get(uint32_t cp)
{
    if (cp >= 0x110000) cp = 0xffff;
    return &iml__ucd_recs[iml__ucd_stage2[iml__ucd_stage1[cp / 128]][cp % 128]];
}

#endif
