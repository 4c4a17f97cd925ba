"""Reads a data set in every label format as its own tools do, and holds it against labels.jsonl.

usage: read_back.py OUT      exit 1 and a line for the first difference. Standard library only.
"""
import csv
import json
import math
import os
import re
import struct
import sys
import unicodedata

out = sys.argv[1]
FORMATS = ("json jsonl mlocr paddle_det paddle_rec icdar15 coco mmocr_det mmocr_rec tesseract_box tesseract_gt "
           "easyocr_csv hf_metadata synthtiger trdg").split()


def fail(what):
    sys.exit("FAILED: " + what)


def check(ok, what):
    if not ok:
        fail(what)


def path(name):
    return os.path.join(out, name)


def read(name):
    with open(path(name), encoding="utf-8", newline="") as f:
        return f.read()


def read_lines(name):
    text = read(name)
    check(not text or text.endswith("\n"), name + " ends in half a line")
    return text.split("\n")[:-1]


truth = [json.loads(line) for line in read_lines("labels.jsonl")]
by_file = {t["image"]["file"]: t for t in truth}
det_unit = sys.argv[2] if len(sys.argv) > 2 else "line"
check(len(truth) == len(by_file) and truth, "labels.jsonl has no pictures, or one twice")
check([t["index"] for t in truth] == sorted(t["index"] for t in truth), "labels.jsonl is not in order")


def regions(t):
    """Lines or words with ink: (text, quad, outline)."""
    for line in t["lines"]:
        if det_unit == "word":
            for w in line["words"]:
                if w["quad"]:
                    yield w["text"], w["quad"], w["quad"]
        elif line["quad"]:
            outline = [v for p in line["polygon"] for v in p] or line["quad"]
            yield line["text"], line["quad"], outline


def rounded(v):
    return math.floor(v + 0.5)


def near(a, b, tol=1.0):
    return len(a) == len(b) and all(abs(x - y) <= tol for x, y in zip(a, b))


def bounds(xy):
    return [min(xy[0::2]), min(xy[1::2]), max(xy[0::2]), max(xy[1::2])]


def within(box, w, h):
    """As far as a box lies in the picture, 1 px at least."""
    x0, y0 = min(max(box[0], 0), w - 1), min(max(box[1], 0), h - 1)
    return [x0, y0, min(max(box[2], x0 + 1), w), min(max(box[3], y0 + 1), h)]


def samples():
    """What recognisers are given: file -> text. Pictures of one line, and crops of the others' lines."""
    want = {}
    for t in truth:
        stem, suffix = os.path.splitext(t["image"]["file"])
        if t["num_lines"] == 1:
            want[t["image"]["file"]] = t["text"]
            continue
        for k, line in enumerate(t["lines"]):
            name = "crops/%s_l%02d%s" % (stem, k, suffix)
            if os.path.exists(path(name)):
                want[name] = line["text"]
    return want


def json_():
    for t in truth:
        check(json.loads(read(os.path.splitext(t["image"]["file"])[0] + ".json")) == t,
              "the .json of item %d is not its line" % t["index"])


OLDER_KEYS = """text lines num_lines line_break_mode line_spacing text_alignment font_path font_size direction seed canvas_w
canvas_h placement_x placement_y glyph_overlap_intensity ink_bleed_radius drop_shadow_options block_shadow_options color_mode
color_palette curve_type arc_radius arc_concave sine_amplitude sine_frequency sine_phase rotation_angle
perspective_warp_magnitude elastic_distortion_options grid_distortion_options optical_distortion_options cutout_options
noise_amount blur_radius brightness_factor contrast_factor erosion_dilation_options background_path bboxes""".split()


def older_label_reader_finds_its_keys():
    for t in truth:
        m = json.loads(read(os.path.splitext(t["image"]["file"])[0] + ".mlocr.json"))
        for key in OLDER_KEYS:
            check(key in m, "mlocr has no " + key)
        check(m["text"] == t["text"] and m["num_lines"] == t["num_lines"], "mlocr has another text")
        check(m["lines"] == [line["text"] for line in t["lines"]], "mlocr has other lines")
        check(m["direction"] == t["direction"] and m["seed"] == t["seed"], "mlocr has another direction or seed")
        units = [(c, k) for k, line in enumerate(t["lines"]) for c in line["clusters"]]
        check(len(units) == len(m["bboxes"]), "mlocr has another number of boxes")
        for (c, k), b in zip(units, m["bboxes"]):
            cell = bounds(c["cell"])
            check(b["char"] == c["text"] and b["line_index"] == k, "mlocr has a box for something else")
            # Label coordinates are rounded to 1/100 px.
            check(b["x0"] <= cell[0] + .01 and b["y0"] <= cell[1] + .01 and b["x1"] >= cell[2] - .01 and
                  b["y1"] >= cell[3] - .01, "an mlocr box does not hold its cell")
            check(b["x1"] - b["x0"] <= cell[2] - cell[0] + 2.02, "an mlocr box is too large")


def paddle_det():
    lines = read_lines("paddle_det.txt")
    check(len(lines) == len(truth), "paddle_det has another number of pictures")
    for line, t in zip(lines, truth):
        file, label = line.split("\t")  # as SimpleDataSet does
        want = [(text, [rounded(v) for v in quad]) for text, quad, _ in regions(t)]
        got = [(b["transcription"], [v for p in b["points"] for v in p]) for b in json.loads(label)]
        check(file == t["image"]["file"] and len(want) == len(got), "paddle_det has another picture or number of boxes")
        for (a, q), (b, r) in zip(want, got):
            check(a == b and all(isinstance(v, int) for v in r) and near(q, r), "a box of paddle_det differs: " + b)


def icdar15():
    for t in truth:
        lines = read_lines("gt/gt_%09d.txt" % t["index"])
        want = list(regions(t))
        check(len(lines) == len(want), "icdar15 has another number of boxes")
        for line, (text, quad, _) in zip(lines, want):
            parts = line.split(",", 8)
            check(parts[8] == text and near([int(v) for v in parts[:8]], quad), "a box of icdar15 differs")


def area(xy):
    p = list(zip(xy[0::2], xy[1::2]))
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(p, p[1:] + p[:1]))) / 2


def coco():
    c = json.loads(read("coco.json"))
    check([k["name"] for k in c["categories"]] == ["text"] and c["categories"][0]["id"] == 1, "coco categories")
    images = {i["id"]: i for i in c["images"]}
    check(len(images) == len(c["images"]) == len(truth), "coco images")
    ids = [a["id"] for a in c["annotations"]]
    check(len(set(ids)) == len(ids) and all(ids), "coco annotations share an id, or have none")
    of = {}
    for a in c["annotations"]:
        of.setdefault(a["image_id"], []).append(a)
    for t in truth:
        i = images[t["index"]]
        check((i["file_name"], i["width"], i["height"]) ==
              (t["image"]["file"], t["image"]["width"], t["image"]["height"]), "a coco image differs")
        want, got = list(regions(t)), of.get(t["index"], [])
        check(len(want) == len(got), "coco has another number of annotations")
        for (text, _, outline), a in zip(want, got):
            box = bounds(outline)
            check(a["text"] == text and a["category_id"] == 1 and a["iscrowd"] == 0, "a coco annotation differs")
            check(near(a["segmentation"][0], outline, .011), "a coco segmentation differs")
            check(near(a["bbox"], [box[0], box[1], box[2] - box[0], box[3] - box[1]], .021), "a coco bbox differs")
            check(abs(a["area"] - area(outline)) <= 1 + .01 * a["area"], "a coco area differs")


def mmocr_det():
    m = json.loads(read("mmocr_det.json"))
    check(m["metainfo"]["dataset_type"] == "TextDetDataset" and m["metainfo"]["task_name"] == "textdet", "mmocr metainfo")
    check(len(m["data_list"]) == len(truth), "mmocr_det has another number of pictures")
    for d, t in zip(m["data_list"], truth):
        check((d["img_path"], d["width"], d["height"]) ==
              (t["image"]["file"], t["image"]["width"], t["image"]["height"]), "a picture of mmocr_det differs")
        want = list(regions(t))
        check(len(want) == len(d["instances"]), "mmocr_det has another number of instances")
        for (text, _, outline), i in zip(want, d["instances"]):
            check(i["text"] == text and i["bbox_label"] == 0 and i["ignore"] is False, "an instance of mmocr_det differs")
            check(near(i["polygon"], outline, .011) and near(i["bbox"], bounds(outline), .011), "mmocr_det places")


def same(name, got):
    want = samples()
    check(list(got) == list(want), "%s has other pictures" % name)
    for k in want:
        check(got[k] == want[k], "%s: %s is %r, not %r" % (name, k, got[k], want[k]))


def paddle_rec():
    same("paddle_rec", dict(line.split("\t") for line in read_lines("paddle_rec.txt")))
    want = sorted(set("".join(samples().values())) - {" "})
    check(read_lines("dict.txt") == want, "dict.txt is not the set of characters")


def mmocr_rec():
    m = json.loads(read("mmocr_rec.json"))
    check(m["metainfo"] == {"dataset_type": "TextRecogDataset", "task_name": "textrecog"}, "mmocr_rec metainfo")
    check(all(len(d["instances"]) == 1 for d in m["data_list"]), "mmocr_rec instances")
    same("mmocr_rec", {d["img_path"]: d["instances"][0]["text"] for d in m["data_list"]})


def tesseract_gt():
    got = {}
    for file in samples():
        lines = read_lines(os.path.splitext(file)[0] + ".gt.txt")
        check(len(lines) == 1, ".gt.txt has more than one line")
        got[file] = lines[0]
    same("tesseract_gt", got)


def tesseract_box():
    for t in truth:
        rows = read_lines(os.path.splitext(t["image"]["file"])[0] + ".box")
        at = 0
        for line in (k for k in t["lines"] if k["quad"]):
            word = re.match(r"WordStr (\d+) (\d+) (\d+) (\d+) 0 #(.*)$", rows[at])
            if word:
                # In the order of the picture: the same characters, but for brackets.
                same_letters = sorted(filter(str.isalnum, word[5])) == sorted(filter(str.isalnum, line["text"]))
                check(same_letters and len(word[5]) == len(line["text"]), "a WordStr has other characters")
                at += 1
            else:
                check(not any(unicodedata.bidirectional(c) in ("R", "AL") for c in line["text"]), "no WordStr")
                for c in line["clusters"]:
                    m = re.match(r"(.*) (\d+) (\d+) (\d+) (\d+) 0$", rows[at])
                    check(m and m[1] == c["text"], "row %r is not %r" % (rows[at], c["text"]))
                    x0, y0, x1, y1 = (int(m[k]) for k in range(2, 6))
                    box, h = bounds(c["quad"] or c["cell"]), t["image"]["height"]
                    check(0 <= x0 < x1 <= t["image"]["width"] and 0 <= y0 < y1 <= h, "a box leads out of the picture")
                    if c["quad"]:
                        check(near([x0, h - y1, x1, h - y0], within(box, t["image"]["width"], h), 1.01), "a box is not its quad's")
                    at += 1
            check(re.match(r"\t \d+ \d+ \d+ \d+ 0$", rows[at]), "no tab row ends a line")
            at += 1
        check(at == len(rows), "a .box has more rows")


def easyocr_csv():
    with open(path("labels.csv"), encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f))
    check(rows[0] == ["filename", "words"] and all(len(r) == 2 for r in rows), "labels.csv")
    same("easyocr_csv", dict(rows[1:]))


def hf_metadata():
    got = [json.loads(line) for line in read_lines("metadata.jsonl")]
    check(all(list(g) == ["file_name", "text"] for g in got), "metadata.jsonl has other keys")
    same("hf_metadata", {g["file_name"]: g["text"] for g in got})


def synthtiger():
    same("synthtiger", dict(line.split("\t") for line in read_lines("gt.txt")))
    for name in "coords.txt", "glyph_coords.txt":
        rows = [line.split("\t") for line in read_lines(name)]
        check([r[0] for r in rows] == list(samples()), name + " has other pictures")
        for r in rows:
            with open(path(r[0]), "rb") as f:
                w, h = struct.unpack(">II", f.read(24)[16:])
            t = by_file.get(r[0])
            boxes = [[int(v) for v in b.split(",")] for b in r[1:]]
            check(all(len(b) == 4 and b[0] < b[2] and b[1] < b[3] for b in boxes), name + " has an empty box")
            check(all(0 <= b[0] and 0 <= b[1] and b[2] <= w and b[3] <= h for b in boxes), name + " leads out of " + r[0])
            if not t:
                continue
            want = [within(bounds(c["quad"]), w, h) for c in t["lines"][0]["clusters"] if c["quad"]]
            check(len(want) == len(boxes), name + " has another number of boxes")
            if name == "coords.txt":
                check(all(near(a, b, 1.01) for a, b in zip(want, boxes)), "coords.txt has other boxes")


def trdg():
    same("trdg", dict(line.split(" ", 1) for line in read_lines("labels.txt")))


HAVE = {"json": json_, "mlocr": older_label_reader_finds_its_keys, "paddle_det": paddle_det, "paddle_rec": paddle_rec, "icdar15": icdar15, "coco": coco,
        "mmocr_det": mmocr_det, "mmocr_rec": mmocr_rec, "tesseract_box": tesseract_box, "tesseract_gt": tesseract_gt,
        "easyocr_csv": easyocr_csv, "hf_metadata": hf_metadata, "synthtiger": synthtiger, "trdg": trdg}
for name in FORMATS:
    if name != "jsonl":
        HAVE[name]()
print("read back %d pictures, %d samples of recognisers, in %d formats" % (len(truth), len(samples()), len(FORMATS)))
