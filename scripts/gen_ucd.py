#!/usr/bin/env python3
"""Writes src/synth/ucd.h, ucd_data.h and ucd_names.h: the Unicode properties that layout needs, in one two-stage table.

usage: scripts/gen_ucd.py UCD_DIR [OUT_DIR]     (Debian's package unicode-data 15.0: /usr/share/unicode)

All properties come from one version of the data, whatever version FriBidi was built with. Unassigned
code points take the defaults of the files' @missing lines. Line break classes come resolved as UAX 14
LB1 says, but for SA, which stays apart so that Thai can be broken by a dictionary.
"""
import re
import sys

ROOT = sys.argv[1]
OUT = sys.argv[2] if len(sys.argv) > 2 else "src/synth"
N = 0x110000
BLOCK = 128
BIDI = {"L": "LTR", "R": "RTL", "AL": "AL", "EN": "EN", "ES": "ES", "ET": "ET", "AN": "AN", "CS": "CS",
        "NSM": "NSM", "BN": "BN", "B": "BS", "S": "SS", "WS": "WS", "ON": "ON", "LRE": "LRE", "LRO": "LRO",
        "RLE": "RLE", "RLO": "RLO", "PDF": "PDF", "LRI": "LRI", "RLI": "RLI", "FSI": "FSI", "PDI": "PDI"}


def rows(name, missing=False):
    """Yields (first, last, fields) of a UCD file; the @missing lines come first when asked for."""
    with open(f"{ROOT}/{name}", encoding="utf-8") as f:
        lines = f.read().splitlines()
    if missing:
        lines = [x[len("# @missing:"):] for x in lines if x.startswith("# @missing:")] + lines
    for x in lines:
        x = x.split("#")[0].strip()
        if x:
            f = [p.strip() for p in x.split(";")]
            a, _, b = f[0].partition("..")
            yield int(a, 16), int(b or a, 16), f[1:]


def enum(name, default, alias=None):
    """A property with one value for each code point, as (list of value names, array of indices)."""
    alias = alias or {}
    names, out = [default], [0] * N
    for a, b, f in rows(name, True):
        v = alias.get(f[0], f[0])
        if v not in names:
            names.append(v)
        out[a:b + 1] = [names.index(v)] * (b + 1 - a)
    return names, out


def aliases(prop):
    """Long value name -> short one, from PropertyValueAliases."""
    out = {}
    for x in open(f"{ROOT}/PropertyValueAliases.txt", encoding="utf-8"):
        f = [p.strip() for p in x.split("#")[0].split(";")]
        if f[0] == prop:
            out[f[2]] = f[1]
    return out


def binary(bit, name, prop, into):
    for a, b, f in rows(name):
        if f[0] == prop:
            for c in range(a, b + 1):
                into[c] |= bit


bidi_names, bidi = enum("extracted/DerivedBidiClass.txt", "L", aliases("bc"))
script_names, script = enum("Scripts.txt", "Zzzz", aliases("sc"))
vo_names, vo = enum("VerticalOrientation.txt", "R", aliases("vo"))
jt_names, jt = enum("extracted/DerivedJoiningType.txt", "U", aliases("jt"))
lb_names, lb = enum("LineBreak.txt", "XX", aliases("lb"))
gc_names, gc = enum("extracted/DerivedGeneralCategory.txt", "Cn", aliases("gc"))
ea_names, ea = enum("EastAsianWidth.txt", "N", aliases("ea"))

# LB1: AI, SG, XX are AL; CJ is NS; SA that is a mark is CM.
AL, NS, CM = lb_names.index("AL"), lb_names.index("NS"), lb_names.index("CM")
for c in range(N):
    name = lb_names[lb[c]]
    if name in ("AI", "SG", "XX"):
        lb[c] = AL
    elif name == "CJ":
        lb[c] = NS
    elif name == "SA" and gc_names[gc[c]] in ("Mn", "Mc"):
        lb[c] = CM
used = sorted({lb[c] for c in range(N)})
lb_names, lb = [lb_names[i] for i in used], [used.index(v) for v in lb]

WHITE, IGNORABLE, MARK, WIDE, PICTURE = 1, 2, 4, 8, 16
flags, pict = [0] * N, [0] * N
binary(WHITE, "PropList.txt", "White_Space", flags)
binary(IGNORABLE, "DerivedCoreProperties.txt", "Default_Ignorable_Code_Point", flags)
binary(1, "emoji/emoji-data.txt", "Extended_Pictographic", pict)
MARKS = {gc_names.index(v) for v in ("Mn", "Mc", "Me")}
for c in range(N):
    flags[c] |= MARK if gc[c] in MARKS else 0
    flags[c] |= WIDE if ea_names[ea[c]] in ("F", "W", "H") else 0
    flags[c] |= PICTURE if pict[c] and gc_names[gc[c]] == "Cn" else 0

records, index = {}, [0] * N
for c in range(N):
    r = (bidi[c], script[c], vo[c], jt[c], lb[c], flags[c])
    index[c] = records.setdefault(r, len(records))
blocks, stage1 = {}, []
for c in range(0, N, BLOCK):
    stage1.append(blocks.setdefault(tuple(index[c:c + BLOCK]), len(blocks)))

canon = {}  # Single code point canonical decompositions: brackets that are the same bracket.
for x in open(f"{ROOT}/UnicodeData.txt", encoding="utf-8"):
    f = x.split(";")
    if re.fullmatch(r"[0-9A-F]{4,6}", f[5]):
        canon[int(f[0], 16)] = int(f[5], 16)
brackets = []
for a, _, f in rows("BidiBrackets.txt"):
    opening = a if f[1] == "o" else int(f[0], 16)
    brackets.append((a, canon.get(opening, opening), f[1] == "o"))
brackets.sort()

HEAD = "made by scripts/gen_ucd.py from the Unicode Character Database {}. Do not edit."
version = re.search(r"-(\d+\.\d+\.\d+)\.txt", open(f"{ROOT}/Scripts.txt", encoding="utf-8").readline()).group(1)


def wrap(items, indent="    ", width=100):
    line, out = indent, []
    for x in items:
        x += ","
        if len(line) + len(x) > width:
            out.append(line.rstrip())
            line = indent
        line += x + " "
    return "\n".join(out + [line.rstrip()])


with open(f"{OUT}/ucd.h", "w", encoding="utf-8") as f:
    out = lambda s: print(s, file=f)
    out("// ucd.h: " + HEAD.format(version) + "\n// clang-format off")
    out("#ifndef IML_SYNTH_UCD_H\n#define IML_SYNTH_UCD_H\n\n#include <stdint.h>\n")
    out(f'#define IML__UCD_VERSION "{version}"')
    out("typedef struct iml__ucd_rec {\n    uint8_t bidi, script, vo, jt, lb, flags;\n} iml__ucd_rec;\n")
    out("enum { // flags; WIDE: East Asian F, W, H; PICTURE: Extended_Pictographic that is not assigned yet")
    out("    IML__UCD_WHITE = 1,\n    IML__UCD_IGNORABLE = 2,\n    IML__UCD_MARK = 4,\n    IML__UCD_WIDE = 8,\n    IML__UCD_PICTURE = 16\n};")
    for pre, names in (("SC", script_names), ("VO", vo_names), ("JT", jt_names), ("LB", lb_names)):
        out("enum {\n" + wrap([f"IML__{pre}_{v}" for v in names] + [f"IML__{pre}_COUNT"]) + "\n};")
    out("// ISO 15924 tag of each IML__SC_ value; FriBidi's type of each bidi class.")
    out(f"extern const uint32_t iml__ucd_script[{len(script_names)}];")
    out(f"extern const uint32_t iml__ucd_bidi[{len(bidi_names)}];")
    out("// Sorted by cp; pair = canonical opening code point, + 2^31 if cp opens: FriBidi's bracket type.")
    out(f"enum {{ IML__UCD_BRACKETS = {len(brackets)} }};")
    out("typedef struct iml__ucd_pair {\n    uint32_t cp, pair;\n} iml__ucd_pair;")
    out("extern const iml__ucd_pair iml__ucd_bracket[IML__UCD_BRACKETS];\n")
    out(f"extern const iml__ucd_rec iml__ucd_recs[{len(records)}];")
    out(f"extern const uint16_t iml__ucd_stage1[{len(stage1)}];")
    out(f"extern const uint16_t iml__ucd_stage2[{len(blocks)}][{BLOCK}];")
    out("static inline const iml__ucd_rec *iml__ucd_get(uint32_t cp)\n{")
    out(f"    if (cp >= {N:#x}) cp = 0xffff;")
    out(f"    return &iml__ucd_recs[iml__ucd_stage2[iml__ucd_stage1[cp / {BLOCK}]][cp % {BLOCK}]];\n}}\n\n#endif")

with open(f"{OUT}/ucd_data.h", "w", encoding="utf-8") as f:
    out = lambda s: print(s, file=f)
    out("// ucd_data.h: " + HEAD.format(version))
    out("// Included by uax.c alone.")
    out("// clang-format off")
    out("#ifndef IML_SYNTH_UCD_DATA_H\n#define IML_SYNTH_UCD_DATA_H\n\n#include <fribidi.h>\n\n#include \"src/synth/ucd.h\"\n")
    out("#define T(a, b, c, d) ((uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | (uint32_t)d)")
    out(f"const uint32_t iml__ucd_script[{len(script_names)}] = {{")
    out(wrap(["T('%s', '%s', '%s', '%s')" % tuple(v) for v in script_names]) + "\n};\n#undef T")
    out(f"const uint32_t iml__ucd_bidi[{len(bidi_names)}] = {{")
    out(wrap([f"FRIBIDI_TYPE_{BIDI[v]}" for v in bidi_names]) + "\n};")
    out("const iml__ucd_pair iml__ucd_bracket[IML__UCD_BRACKETS] = {")
    out(wrap(["{%#x, %#xu}" % (a, i | (0x80000000 if o else 0)) for a, i, o in brackets]) + "\n};")
    out(f"const iml__ucd_rec iml__ucd_recs[{len(records)}] = {{")
    out(wrap(["{%d, %d, %d, %d, %d, %d}" % r for r in records]) + "\n};")
    out(f"const uint16_t iml__ucd_stage1[{len(stage1)}] = {{")
    out(wrap(map(str, stage1)) + "\n};")
    out(f"const uint16_t iml__ucd_stage2[{len(blocks)}][{BLOCK}] = {{")
    for b in blocks:
        out("    {\n" + wrap(map(str, b), "        ") + "\n    },")
    out("};\n\n#endif")
print(f"{len(records)} records, {len(blocks)} blocks, {2 * len(stage1) + 2 * BLOCK * len(blocks) + 6 * len(records)} bytes",
      file=sys.stderr)

long_names = {}
for x in open(f"{ROOT}/PropertyValueAliases.txt", encoding="utf-8"):
    f = [v.strip() for v in x.split("#")[0].split(";")]
    if f[0] == "sc":
        long_names[f[1]] = f[2]
with open(f"{OUT}/ucd_names.h", "w", encoding="utf-8") as f:
    out = lambda s: print(s, file=f)
    out("// ucd_names.h: " + HEAD.format(version))
    out("// Included by pattern.c alone: short and long name of each IML__SC_ value.")
    out("// clang-format off")
    out("#ifndef IML_SYNTH_UCD_NAMES_H\n#define IML_SYNTH_UCD_NAMES_H\n")
    out(f"static const char *const script_names[{len(script_names)}][2] = {{")
    out(wrap(['{"%s", "%s"}' % (v, long_names[v]) for v in script_names]) + "\n};\n\n#endif")
