"""Reads the masks of a data set with nothing but zlib and holds them against labels.jsonl.

usage: masks.py OUT [GROWN]      GROWN: how far a pixel with ink may lie outside its quad, px (0.51, of its centre);
scaled pictures need 1, as a pixel shows more than one of the canvas. Exit 1 and a line for the first difference. Standard library only.
"""
import json
import os
import struct
import sys
import zlib

out = sys.argv[1]
grown = float(sys.argv[2]) if len(sys.argv) > 2 else .51


def fail(what):
    sys.exit("FAILED: " + what)


def png(name):
    """Width, height, bits and rows of whole numbers of a grey PNG."""
    with open(os.path.join(out, name), "rb") as f:
        data = f.read()
    at, idat = 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            w, h, bits, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            idat += data[at + 8:at + 8 + n]
        at += 12 + n
    if colour != 0:
        fail(name + " is not grey")
    size, raw, rows, prev = bits // 8, zlib.decompress(idat), [], None
    for y in range(h):
        line = bytearray(raw[y * (w * size + 1) + 1:(y + 1) * (w * size + 1)])
        kind = raw[y * (w * size + 1)]
        for i in range(len(line)):
            if kind == 1:
                line[i] = (line[i] + (line[i - size] if i >= size else 0)) & 255
            elif kind == 2:
                line[i] = (line[i] + (prev[i] if prev else 0)) & 255
            elif kind:
                fail(name + ": filter %d" % kind)
        prev = line
        rows.append(line if size == 1 else struct.unpack(">%dH" % w, bytes(line)))
    return w, h, bits, rows


def inside(q, x, y, grown):
    for k in range(0, 8, 2):
        ax, ay, bx, by = q[k], q[k + 1], q[(k + 2) % 8], q[(k + 3) % 8]
        dx, dy = bx - ax, by - ay
        d = (dx * dx + dy * dy) ** .5
        if d > 1e-9 and (dx * (y - ay) - dy * (x - ax)) / d < -grown:
            return False
    return True


ink = outside = 0
with open(os.path.join(out, "labels.jsonl"), encoding="utf-8") as f:
    labels = [json.loads(line) for line in f]
for t in labels:
    stem = os.path.splitext(t["image"]["file"])[0]
    text, unit, line = (png("%s.%s.png" % (stem, k)) for k in ("text", "unit", "line"))
    size = (t["image"]["width"], t["image"]["height"])
    if text[:3] != size + (8,) or unit[:3] != size + (16,) or line[:3] != size + (16,):
        fail(stem + ": a mask has another size")
    units = [(c, k + 1) for k, ln in enumerate(t["lines"]) for c in ln["clusters"]]
    met = set()
    for y in range(size[1]):
        for x in range(size[0]):
            u, of_line = unit[3][y][x], line[3][y][x]
            if (not u) != (not text[3][y][x]) or (not u) != (not of_line) or u > len(units) or of_line > len(t["lines"]):
                fail("%s: pixel %d %d: ink %d, unit %d, line %d" % (stem, x, y, text[3][y][x], u, of_line))
            if not u:
                continue
            met.add(u)
            ink += text[3][y][x]
            c, number = units[u - 1]
            if not inside(c["quad"], x + .5, y + .5, grown):
                outside += text[3][y][x]
    if {u for u in met} - {k + 1 for k, (c, _) in enumerate(units) if c["quad"]}:
        fail(stem + ": a unit without ink has pixels")
if outside > .001 * ink:
    fail("%.4f %% of the ink lies outside its unit's quad" % (100 * outside / ink))
print("masks of %d pictures agree with their labels" % len(labels))
