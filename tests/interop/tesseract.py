"""Lets Tesseract read plain pictures of a line, and take box files for training.

usage: tesseract.py IMLOOM CORPORA      works in the current directory. Standard library only.

The lines are those of the built-in corpora that are of the model's own language: a model for English is not
asked for Turkish. Compared after NFKC, without format characters (the models of Indic scripts put ZWNJ at
ends) and, in scripts without spaces, without spaces.
"""
import json
import os
import re
import subprocess
import sys
import unicodedata

imloom, corpora = sys.argv[1:3]
LINES = 12
SCRIPTS = {  # model, lines that are taken, a plain face
    "latin": ("eng", r"[A-Za-z0-9 ,.;:!?'()%-]+", "LiberationSerif-Regular.ttf"),
    "greek": ("ell", "[\u0370-\u03ff\u1f00-\u1fff ,.;!]+", "LiberationSerif-Regular.ttf"),
    "cyrillic": ("rus", r"[А-Яа-яё0-9 ,.;:!?()-]+", "NotoSerif-Regular.ttf"),
    "arabic": ("ara", "[\u0621-\u064a0-9 .\u061f]+", "NotoNaskhArabic-Regular.ttf"),
    "hebrew": ("heb", "[\u05d0-\u05ea0-9 ,.?!-]+", "NotoSansHebrew-Regular.ttf"),
    "devanagari": ("hin", r"[^A-Za-z]+", "NotoSansDevanagari-Regular.ttf"),
    # What this model misreads in the pictures of its own text2image too, in any face: the candrabindu, the
    # long U, and a line that it does not see at all.
    "bengali": ("ben", "(?!.*[\u0981\u098a])(?!\u0987\u09b2\u09bf\u09b6)[^A-Za-z,]+", "NotoSansBengali-Regular.ttf"),
    "tamil": ("tam", r"[^A-Za-z]+", "NotoSansTamil-Regular.ttf"),
    "thai": ("tha", "[^A-Za-z\u0e50-\u0e59]+", "NotoSerifThai-Regular.ttf"),
    "han": ("chi_sim", "[\u4e00-\u9fa5\uff0c\u3002\uff01\uff1f]+", "DroidSansFallbackFull.ttf"),
    "kana": ("jpn", "[\u3041-\u30ff\u3001\u3002]+", "ipag.ttf"),
    "hangul": ("kor", r"[\uac00-\ud7a3 ,.!?]+", "NanumGothic.ttf"),
}


def fail(what):
    sys.exit("FAILED: " + what)


def run(*args):
    env = dict(os.environ, OMP_THREAD_LIMIT="1")
    return subprocess.run(args, capture_output=True, text=True, env=env)


def synth(out, *args):
    r = run(imloom, "synth", "-o", out, "--background", "white", "--set", "font_size=40", "--set", "padding=20", "--progress",
            "none", "--log-dir", "logs", *args)
    if r.returncode:
        fail("synth %s: %s" % (out, r.stderr[-300:]))


def distance(a, b):
    p = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        q = [i]
        for j, y in enumerate(b, 1):
            q.append(min(p[j] + 1, q[j - 1] + 1, p[j - 1] + (x != y)))
        p = q
    return p[-1]


def plain(s):
    s = "".join(c for c in unicodedata.normalize("NFKC", s) if unicodedata.category(c) != "Cf")
    spaceless = any(0x2E80 <= ord(c) < 0xA000 or 0xE00 <= ord(c) < 0xE80 for c in s)
    return ("" if spaceless else " ").join(s.split())


def read_pictures(files, model):
    """One process reads all of them: a start loads the model. A form feed stands between pages."""
    with open("pictures.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(files) + "\n")
    r = run("tesseract", "pictures.txt", "-", "--psm", "7", "-l", model)
    pages = r.stdout.split("\f")
    if r.returncode or len(pages) != len(files):
        fail("tesseract -l %s: %d pages of %d; %s" % (model, len(pages), len(files), r.stderr[-200:]))
    return [plain(p) for p in pages]


def read_script(script, model, pattern, face):
    with open(os.path.join(corpora, script + ".txt"), encoding="utf-8") as f:
        lines = [x for x in (k.strip() for k in f) if re.fullmatch(pattern, x) and 12 <= len(x) <= 45][:LINES]
    args = [a for x in lines for a in ("--text", x)]
    synth(script, *args, "-n", str(len(lines)), "--font-dir", "/usr/share/fonts", "--set", "font_filter='*/%s'" % face,
          "--labels", "jsonl,tesseract_box")
    with open(script + "/labels.jsonl", encoding="utf-8") as f:
        truth = [json.loads(k) for k in f]
    errors = letters = 0
    for t, got in zip(truth, read_pictures([script + "/" + t["image"]["file"] for t in truth], model)):
        want = plain(t["text"])
        letters += len(want)
        errors += distance(want, got)
        if want != got:
            print("  %s: %r read as %r" % (script, want, got))
    print("%s: %d errors in %d characters, %.2f %%" % (script, errors, letters, 100 * errors / letters))
    if errors > .01 * letters:
        fail("%s: Tesseract misreads more than 1 %%" % script)


def train_on(script, file):
    """tesseract x.png y lstm.train takes the box file."""
    stem = os.path.splitext(file)[0]
    r = run("tesseract", file, stem, "--psm", "7", "-l", SCRIPTS.get(script, ("eng",))[0], "lstm.train")
    talk = r.stdout + r.stderr
    if r.returncode or not os.path.exists(stem + ".lstmf") or os.path.getsize(stem + ".lstmf") < 500:
        fail("lstm.train of %s: %s" % (file, talk[-300:]))
    if re.search(r"(?i)fail|error|invalid|no block|empty", talk):
        fail("lstm.train of %s says: %s" % (file, talk[-300:]))


def crops_stand_upright():
    """Lines cut out of turned pictures read like lines that were never turned."""
    texts = ["The quick brown fox jumps over the lazy dog.", "Every good boy deserves some fruit today."]
    args = [a for x in texts for a in ("--text", x)]
    synth("turned", *args, "-n", "8", "--font-dir", "/usr/share/fonts", "--set", "font_filter='*/LiberationSerif-Regular.ttf'",
          "--set", "rotation_angle=[-60, 60]", "--set", "perspective_warp_magnitude=0.1", "--set", "lines=2", "--crops",
          "lines", "--labels", "paddle_rec")
    errors = letters = 0
    with open("turned/paddle_rec.txt", encoding="utf-8") as f:
        crops = [line.rstrip("\n").split("\t") for line in f]
    for (file, text), got in zip(crops, read_pictures(["turned/" + file for file, _ in crops], "eng")):
        letters += len(plain(text))
        errors += distance(plain(text), got)
        if got != plain(text):
            print("  crop %s: %r read as %r" % (file, text, got))
    print("crops: %d errors in %d characters" % (errors, letters))
    if letters < 200 or errors > .02 * letters:
        fail("Tesseract misreads more than 2 % of crops")


have = run("tesseract", "--list-langs").stdout.split()
read = 0
for script, (model, pattern, face) in SCRIPTS.items():
    if model not in have:
        print("%s: no model %s" % (script, model))
        continue
    if not any(face in files for _, _, files in os.walk("/usr/share/fonts")):
        print("%s: no %s" % (script, face))
        continue
    read_script(script, model, pattern, face)
    train_on(script, script + "/000000/000000001.png")
    read += 1
if not read:
    print("no model of any script")
    sys.exit(77)
if "eng" in have:
    crops_stand_upright()
print("read %d scripts" % read)
