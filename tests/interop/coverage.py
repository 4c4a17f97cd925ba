"""Counts labels.jsonl again and holds coverage.tsv, coverage.json and fonts.tsv against it.

usage: coverage.py OUT      exit 1 and a line for the first difference. Standard library only.
"""
import collections
import json
import os
import sys

out = sys.argv[1]


def check(ok, what):
    if not ok:
        sys.exit("FAILED: " + what)


def read(name):
    with open(os.path.join(out, name), encoding="utf-8", newline="") as f:
        return f.read()


def table(name):
    lines = read(name).split("\n")
    check(lines[-1] == "", name + " ends in half a line")
    return lines[0].split("\t"), [line.split("\t") for line in lines[1:-1]]


drawn = collections.Counter()
pictures = collections.Counter()
faces = collections.defaultdict(collections.Counter)
font_pictures = collections.Counter()
for line in read("labels.jsonl").split("\n")[:-1]:
    t = json.loads(line)
    fonts = [(f["path"], f["face"]) for f in [t["font"]] + t["fallback_fonts"]]
    met, used = set(), set()
    for c in (c for k in t["lines"] for c in k["clusters"] if c["quad"]):
        drawn[c["text"]] += 1
        faces[c["text"]][fonts[c["font"]]] += 1
        met.add(c["text"]), used.add(fonts[c["font"]])
    pictures.update(met), font_pictures.update(used)

head, rows = table("coverage.tsv")
check(head == ["unit", "code_points", "script", "drawn", "pictures", "faces_drew", "faces_could"], "head of coverage.tsv")
check([r[0] for r in rows] == sorted(drawn, key=lambda u: u.encode()), "coverage.tsv has other units")
for unit, cps, script, n, p, drew, could in rows:
    check(cps == " ".join("U+%04X" % ord(c) for c in unit), "code points of " + unit)
    check(int(n) == drawn[unit] and int(p) == pictures[unit], "counts of " + unit)
    check(int(drew) == len(faces[unit]) <= int(could), "faces of " + unit)
    check(len(script) == 4 and script.istitle(), "script of " + unit)

c = json.loads(read("coverage.json"))
check(list(c) == ["imloom", "fonts", "units", "asked", "never_drawn"] and c["imloom"] == 1, "keys of coverage.json")
known = [(f["path"], f["face"]) for f in c["fonts"]]
check(list(c["units"]) == [r[0] for r in rows], "coverage.json has other units")
for unit, pairs in c["units"].items():
    check({known[f]: n for f, n in pairs} == faces[unit] and pairs == sorted(pairs), "coverage.json counts " + unit)
seen = set("".join(drawn))
check(not seen & set(c["never_drawn"]) and len(c["never_drawn"]) <= c["asked"], "never_drawn holds what was drawn")

head, rows = table("fonts.tsv")
check(head == ["path", "face", "family", "state", "pictures"], "head of fonts.tsv")
usable = [r for r in rows if r[3] == "usable"]
check([(r[0], int(r[1])) for r in usable] == known, "fonts.tsv has other faces than coverage.json")
check({(r[0], int(r[1])): int(r[4]) for r in usable if r[4] != "0"} == font_pictures, "pictures of fonts.tsv")
check(all(r[4] == "0" and r[3] for r in rows if r[3] != "usable"), "a rejected face drew a picture, or has no reason")
print("coverage of %d units by %d faces is what the labels say; %d of %d asked were never drawn" %
      (len(drawn), len(font_pictures), len(c["never_drawn"]), c["asked"]))
