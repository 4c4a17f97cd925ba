#!/usr/bin/env python3
"""slice_sheet.py IMLOOM DATA WORK: the patient's sides on the contact sheet, for all 48 ways a volume can be stored.

A phantom with a bright cube at the right, anterior, superior corner; nibabel stores it. Exit 77 where nibabel is absent.
"""
import itertools
import os
import struct
import subprocess
import sys
import zlib

try:
    import nibabel as nib
    import numpy as np
except ImportError as err:
    print(f"skipped: {err}")
    sys.exit(77)

imloom, _, work = sys.argv[1:4]
TILE, GAP = 192, 6


def png(path):
    """RGB rows of an 8-bit PNG with filters None, Sub and Up."""
    with open(path, "rb") as f:
        raw = f.read()
    at, idat, w, h = 8, b"", 0, 0
    while at < len(raw):
        n, kind = struct.unpack(">I4s", raw[at:at + 8])
        body = raw[at + 8:at + 8 + n]
        if kind == b"IHDR":
            w, h, bits, colour = struct.unpack(">IIBB", body[:10])
            assert bits == 8 and colour == 2
        elif kind == b"IDAT":
            idat += body
        at += n + 12
    data = np.frombuffer(zlib.decompress(idat), np.uint8).reshape(h, 3 * w + 1)
    out = np.zeros((h, w, 3), np.uint8)
    for y in range(h):
        row = data[y, 1:].reshape(w, 3)
        kind = data[y, 0]
        assert kind in (0, 1, 2), kind
        out[y] = row if kind == 0 else np.cumsum(row, axis=0, dtype=np.uint8) if kind == 1 else row + out[y - 1]
    return out


def phantom():
    """In RAS: index 0 grows to the right, so the right side is the high end."""
    v = np.zeros((40, 50, 60), np.int16)
    v[2:-2, 2:-2, 2:-2] = 100
    v[28:36, 36:46, 44:56] = 1000
    return v


def codes():
    for p in itertools.permutations(("RL", "AP", "SI")):
        for s in itertools.product((0, 1), repeat=3):
            yield "".join(a[b] for a, b in zip(p, s))


def bright(tile):
    y, x = np.nonzero(tile.max(axis=2) > 200)
    letters = (np.abs(tile[..., 0].astype(int) - tile[..., 2]) > 60)  # yellow
    keep = ~letters[y, x]
    return y[keep].mean() / TILE, x[keep].mean() / TILE


def R_on_the_left():
    ras = np.diag([1.0, 1.0, 1.0, 1.0])
    # Where the cube must be seen: (upper?, left?) of axial, coronal, sagittal tiles.
    want = {"axial": (True, True), "coronal": (True, True), "sagittal": (True, True)}
    for code in codes():
        folder = f"{work}/{code}"
        os.makedirs(folder)
        turned = nib.Nifti1Image(phantom(), ras).as_reoriented(
            nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(code)))
        assert "".join(nib.aff2axcodes(turned.affine)) == code
        nib.save(turned, f"{folder}/v.nii.gz")
        seen = []
        for axis, (upper, left) in want.items():
            sheet = f"{folder}/{axis}.png"
            r = subprocess.run([imloom, "slice", f"{folder}/v.nii.gz", "-o", f"{folder}/{axis}", "--axis", axis, "--sheet", sheet,
                                "--sheet-slices", "5", "--window_size", "0", "--level", "0", "--log-dir", f"{work}/logs",
                                "--progress", "none"], capture_output=True, text=True)
            assert r.returncode == 0, r.stderr
            m = png(sheet)
            # The cube lies at the high end of every axis; which tile shows it depends on the stored direction.
            tiles = [m[GAP:GAP + TILE, GAP + k * (TILE + GAP):GAP + k * (TILE + GAP) + TILE] for k in range(5)]
            tile = max(tiles, key=lambda t: int((t.max(axis=2) > 200).sum()))
            y, x = bright(tile)
            assert (y < 0.5) == upper and (x < 0.5) == left, (code, axis, y, x)
            seen.append(tile)
        if code == "RAS":
            first = seen
        for a, b in zip(first, seen):
            assert np.array_equal(a, b), f"{code} looks unlike RAS"


R_on_the_left()
print("ok R_on_the_left")
