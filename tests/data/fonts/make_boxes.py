"""Makes boxes-vf.ttf, a variable font of our own for tests: letters are frames, wght 100..900 is how thick.

usage: make_boxes.py OUT.ttf      needs fontTools
"""
import sys

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables.TupleVariation import TupleVariation

letters = [chr(c) for c in range(33, 127)]
names = [".notdef", "space"] + ["u%04X" % ord(c) for c in letters]


def frame(width, height, foot, thick, notch):
    """A frame with a bar inside whose height tells the letters apart."""
    pen = TTGlyphPen(None)
    for x0, y0, x1, y1 in ((50, foot, 50 + thick, foot + height), (width - 50 - thick, foot, width - 50, foot + height),
                           (50, foot, width - 50, foot + thick), (50, notch, width - 50, notch + thick)):
        pen.moveTo((x0, y0))
        pen.lineTo((x0, y1))
        pen.lineTo((x1, y1))
        pen.lineTo((x1, y0))
        pen.closePath()
    return pen.glyph()


glyphs = {".notdef": frame(400, 900, -100, 20, 300), "space": TTGlyphPen(None).glyph()}
metrics = {".notdef": (400, 50), "space": (300, 0)}
for k, c in enumerate(letters):
    width, height, foot = 420 + 13 * (k % 11), 520 + 25 * (k % 7), -150 if c in "gjpqy" else 0
    glyphs["u%04X" % ord(c)] = frame(width, height, foot, 40, foot + 90 + 37 * (k % 9))
    metrics["u%04X" % ord(c)] = (width, 50)

fb = FontBuilder(1000, isTTF=True)
fb.setupGlyphOrder(names)
fb.setupCharacterMap({32: "space", **{ord(c): "u%04X" % ord(c) for c in letters}})
fb.setupGlyf(glyphs)
fb.setupHorizontalMetrics(metrics)
fb.setupHorizontalHeader(ascent=850, descent=-250)
fb.setupNameTable({"familyName": "Imloom Boxes", "styleName": "Regular"})
fb.setupOS2(sTypoAscender=850, sTypoDescender=-250, usWinAscent=850, usWinDescent=250)
fb.setupPost()
fb.setupFvar([("wght", 100, 100, 900, "Weight")], [])
variations = {}
for name in names[2:]:
    n = len(glyphs[name].coordinates) + 4  # and the phantom points
    delta = [(0, 0)] * n
    for i, (x, y) in enumerate(glyphs[name].coordinates):
        bar, corner = divmod(i, 4)  # corners: bottom left, top left, top right, bottom right
        if bar == 0 and corner in (2, 3):
            delta[i] = (90, 0)
        elif bar == 1 and corner in (0, 1):
            delta[i] = (-90, 0)
        elif bar > 1 and corner in (1, 2):
            delta[i] = (0, 90)
    variations[name] = [TupleVariation({"wght": (0, 1, 1)}, delta)]
fb.setupGvar(variations)
for table in fb.font["head"],:
    table.created = table.modified = 0
fb.font.recalcTimestamp = False
fb.save(sys.argv[1])
