// ucd_names.h: made by scripts/gen_ucd.py from the Unicode Character Database 15.0.0. Do not edit.
// Included by pattern.c alone: short and long name of each IML__SC_ value.
// clang-format off
#ifndef IML_SYNTH_UCD_NAMES_H
#define IML_SYNTH_UCD_NAMES_H

static const char *const script_names[164][2] = {
    {"Zzzz", "Unknown"}, {"Zyyy", "Common"}, {"Latn", "Latin"}, {"Grek", "Greek"},
    {"Cyrl", "Cyrillic"}, {"Armn", "Armenian"}, {"Hebr", "Hebrew"}, {"Arab", "Arabic"},
    {"Syrc", "Syriac"}, {"Thaa", "Thaana"}, {"Deva", "Devanagari"}, {"Beng", "Bengali"},
    {"Guru", "Gurmukhi"}, {"Gujr", "Gujarati"}, {"Orya", "Oriya"}, {"Taml", "Tamil"},
    {"Telu", "Telugu"}, {"Knda", "Kannada"}, {"Mlym", "Malayalam"}, {"Sinh", "Sinhala"},
    {"Thai", "Thai"}, {"Laoo", "Lao"}, {"Tibt", "Tibetan"}, {"Mymr", "Myanmar"},
    {"Geor", "Georgian"}, {"Hang", "Hangul"}, {"Ethi", "Ethiopic"}, {"Cher", "Cherokee"},
    {"Cans", "Canadian_Aboriginal"}, {"Ogam", "Ogham"}, {"Runr", "Runic"}, {"Khmr", "Khmer"},
    {"Mong", "Mongolian"}, {"Hira", "Hiragana"}, {"Kana", "Katakana"}, {"Bopo", "Bopomofo"},
    {"Hani", "Han"}, {"Yiii", "Yi"}, {"Ital", "Old_Italic"}, {"Goth", "Gothic"},
    {"Dsrt", "Deseret"}, {"Zinh", "Inherited"}, {"Tglg", "Tagalog"}, {"Hano", "Hanunoo"},
    {"Buhd", "Buhid"}, {"Tagb", "Tagbanwa"}, {"Limb", "Limbu"}, {"Tale", "Tai_Le"},
    {"Linb", "Linear_B"}, {"Ugar", "Ugaritic"}, {"Shaw", "Shavian"}, {"Osma", "Osmanya"},
    {"Cprt", "Cypriot"}, {"Brai", "Braille"}, {"Bugi", "Buginese"}, {"Copt", "Coptic"},
    {"Talu", "New_Tai_Lue"}, {"Glag", "Glagolitic"}, {"Tfng", "Tifinagh"}, {"Sylo", "Syloti_Nagri"},
    {"Xpeo", "Old_Persian"}, {"Khar", "Kharoshthi"}, {"Bali", "Balinese"}, {"Xsux", "Cuneiform"},
    {"Phnx", "Phoenician"}, {"Phag", "Phags_Pa"}, {"Nkoo", "Nko"}, {"Sund", "Sundanese"},
    {"Lepc", "Lepcha"}, {"Olck", "Ol_Chiki"}, {"Vaii", "Vai"}, {"Saur", "Saurashtra"},
    {"Kali", "Kayah_Li"}, {"Rjng", "Rejang"}, {"Lyci", "Lycian"}, {"Cari", "Carian"},
    {"Lydi", "Lydian"}, {"Cham", "Cham"}, {"Lana", "Tai_Tham"}, {"Tavt", "Tai_Viet"},
    {"Avst", "Avestan"}, {"Egyp", "Egyptian_Hieroglyphs"}, {"Samr", "Samaritan"}, {"Lisu", "Lisu"},
    {"Bamu", "Bamum"}, {"Java", "Javanese"}, {"Mtei", "Meetei_Mayek"}, {"Armi", "Imperial_Aramaic"},
    {"Sarb", "Old_South_Arabian"}, {"Prti", "Inscriptional_Parthian"},
    {"Phli", "Inscriptional_Pahlavi"}, {"Orkh", "Old_Turkic"}, {"Kthi", "Kaithi"},
    {"Batk", "Batak"}, {"Brah", "Brahmi"}, {"Mand", "Mandaic"}, {"Cakm", "Chakma"},
    {"Merc", "Meroitic_Cursive"}, {"Mero", "Meroitic_Hieroglyphs"}, {"Plrd", "Miao"},
    {"Shrd", "Sharada"}, {"Sora", "Sora_Sompeng"}, {"Takr", "Takri"},
    {"Aghb", "Caucasian_Albanian"}, {"Bass", "Bassa_Vah"}, {"Dupl", "Duployan"},
    {"Elba", "Elbasan"}, {"Gran", "Grantha"}, {"Hmng", "Pahawh_Hmong"}, {"Khoj", "Khojki"},
    {"Lina", "Linear_A"}, {"Mahj", "Mahajani"}, {"Mani", "Manichaean"}, {"Mend", "Mende_Kikakui"},
    {"Modi", "Modi"}, {"Mroo", "Mro"}, {"Narb", "Old_North_Arabian"}, {"Nbat", "Nabataean"},
    {"Palm", "Palmyrene"}, {"Pauc", "Pau_Cin_Hau"}, {"Perm", "Old_Permic"},
    {"Phlp", "Psalter_Pahlavi"}, {"Sidd", "Siddham"}, {"Sind", "Khudawadi"}, {"Tirh", "Tirhuta"},
    {"Wara", "Warang_Citi"}, {"Ahom", "Ahom"}, {"Hluw", "Anatolian_Hieroglyphs"},
    {"Hatr", "Hatran"}, {"Mult", "Multani"}, {"Hung", "Old_Hungarian"}, {"Sgnw", "SignWriting"},
    {"Adlm", "Adlam"}, {"Bhks", "Bhaiksuki"}, {"Marc", "Marchen"}, {"Newa", "Newa"},
    {"Osge", "Osage"}, {"Tang", "Tangut"}, {"Gonm", "Masaram_Gondi"}, {"Nshu", "Nushu"},
    {"Soyo", "Soyombo"}, {"Zanb", "Zanabazar_Square"}, {"Dogr", "Dogra"}, {"Gong", "Gunjala_Gondi"},
    {"Maka", "Makasar"}, {"Medf", "Medefaidrin"}, {"Rohg", "Hanifi_Rohingya"}, {"Sogd", "Sogdian"},
    {"Sogo", "Old_Sogdian"}, {"Elym", "Elymaic"}, {"Nand", "Nandinagari"},
    {"Hmnp", "Nyiakeng_Puachue_Hmong"}, {"Wcho", "Wancho"}, {"Chrs", "Chorasmian"},
    {"Diak", "Dives_Akuru"}, {"Kits", "Khitan_Small_Script"}, {"Yezi", "Yezidi"},
    {"Cpmn", "Cypro_Minoan"}, {"Ougr", "Old_Uyghur"}, {"Tnsa", "Tangsa"}, {"Toto", "Toto"},
    {"Vith", "Vithkuqi"}, {"Kawi", "Kawi"}, {"Nagm", "Nag_Mundari"},
};

#endif
