#!/usr/bin/env python3
"""slice_sets.py IMLOOM DATA WORK: sets that nibabel makes: splits, folds, patients, percentiles, constants.

Needs no data of its own. Exit 77, with a word, where nibabel or numpy is absent.
"""
import itertools
import json
import os
import subprocess
import sys

try:
    import nibabel as nib
    import numpy as np
except ImportError as err:
    print(f"skipped: {err}")
    sys.exit(77)

imloom, _, work = sys.argv[1:4]
count = 0


def run(src, *args, rc=0):
    global count
    count += 1
    out = f"{work}/out{count}"
    r = subprocess.run([imloom, "slice", src, "-o", out, "--log-dir", f"{work}/logs", "--progress", "none", "--window_size", "0",
                        *args], capture_output=True, text=True)
    assert r.returncode == rc, (src, args, r.returncode, r.stderr)
    return out


def save(path, array):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image = nib.Nifti1Image(array, np.eye(4))
    nib.save(image, path)


def read(path):
    with open(path) as f:
        return json.load(f)


def load(path):
    with np.load(path) as z:
        return z["image"], json.loads(str(z["metadata"]))


def cases_of(src, names):
    for n in names:
        save(f"{src}/imagesTr/{n}_0000.nii", np.arange(4, dtype=np.int16).reshape(1, 2, 2))


def splits_equal_numpy():
    """The older loader's own draw: np.random.seed(42), permutation, int(n * a), int(n * b), for n = 1..50."""
    src = f"{work}/fifty"
    names = [f"c{k:02d}" for k in range(50)]
    cases_of(src, names)
    for n in range(1, 51):
        out = run(src, "--no-label", "--limit", str(n), "--case", *sum(([x, "--case"] for x in names[:n]), [])[:-1],
                  "--train_ratio", "0.8", "--val_ratio", "0.1", "--level", "0")
        np.random.seed(42)
        order = np.random.permutation(n)
        a, b = int(n * 0.8), int(n * 0.1)
        want = {"train": order[:a], "val": order[a:a + b], "test": order[a + b:]}
        assert read(f"{out}/splits.json") == {k: [names[i] for i in v] for k, v in want.items()}, n
    out = run(src, "--no-label", "--splits", "0.5,0.2,0.3", "--split-seed", "7", "--level", "0")
    np.random.seed(7)
    order = np.random.permutation(50)
    assert read(f"{out}/splits.json")["train"] == [names[i] for i in order[:25]]


def folds_equal_sklearn():
    try:
        from sklearn.model_selection import KFold
    except ImportError:
        print("scikit-learn absent: folds are not compared")
        return
    src, names = f"{work}/fifty", [f"c{k:02d}" for k in range(50)]
    for n, k in ((12, 5), (50, 5), (7, 3), (5, 5), (33, 4)):
        out = run(src, "--no-label", "--case", *sum(([x, "--case"] for x in names[:n]), [])[:-1], "--folds", str(k), "--level", "0")
        want = [{"train": [names[i] for i in a], "val": [names[i] for i in b]}
                for a, b in KFold(k, shuffle=True, random_state=12345).split(np.arange(n))]
        assert read(f"{out}/splits_final.json") == want, (n, k)


def patients_never_part():
    src = f"{work}/patients"
    names = [f"p{p:02d}_{v}" for p in range(20) for v in "abc"[: 1 + p % 3]]
    cases_of(src, names)
    with open(f"{work}/patients.csv", "w") as f:
        f.write("case,patient\n" + "".join(f"{n},{n[:3]}\n" for n in names))
    one = {}
    for how, method in itertools.product((["--patient-regex", "^(p[0-9]+)_"], ["--patient-map", f"{work}/patients.csv"]),
                                         ("numpy", "hash")):
        out = run(src, "--no-label", "--splits", "0.6,0.2,0.2", "--folds", "4", "--split-method", method, "--level", "0", *how)
        splits, folds = read(f"{out}/splits.json"), read(f"{out}/splits_final.json")
        parts = [splits] + folds
        for part in parts:
            assert sorted(sum(part.values(), [])) == names, (how, method)
            seen = [{n[:3] for n in part[k]} for k in part]
            for a, b in itertools.combinations(seen, 2):
                assert not a & b, (how, method, a & b)
        assert len(folds) == 4 and sorted(sum((f["val"] for f in folds), [])) == names
        assert one.setdefault(method, parts) == parts, "a map and an expression that say the same differ"
    out = run(src, "--no-label", "--splits", "0.6,0.2,0.2", "--layout", "split", "--patient-regex", "^(p[0-9]+)_", "--level", "0")
    seen = [{f[:3] for f in os.listdir(f"{out}/{part}")} for part in ("train", "val", "test")]
    for a, b in itertools.combinations(seen, 2):
        assert not a & b, a & b


def percentiles_equal_numpy():
    """Rank (n-1)q/100 with linear interpolation over the foreground, of every type."""
    rng = np.random.default_rng(5)
    for type_ in (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64):
        for n in (2, 7, 19):
            v = rng.normal(50, 20, (n, 5, 6))
            v = v.astype(type_) if np.dtype(type_).kind == "f" else np.clip(v, 0, 120).astype(type_)
            src = f"{work}/pc/{np.dtype(type_).name}_{n}.nii.gz"
            save(src, v)
            f32 = v.astype(np.float32)
            fg = f32[f32 > f32.min()].astype(np.float64)
            for a, b in ((0.5, 99.5), (1, 99), (25, 75), (0, 100), (33.3, 66.6)):
                image, meta = load(f"{run(src, '--no-label', '--norm', f'percentile:{a},{b}')}/{np.dtype(type_).name}_{n}_000.npz")
                ch = meta["norm"]["channels"][0]
                lo, hi = np.float32(np.percentile(fg, a)), np.float32(np.percentile(fg, b))
                assert np.float32(ch["low"]) == lo and np.float32(ch["high"]) == hi, (type_, n, a, b, ch, lo, hi)
                want = np.clip((f32[0] - lo) / (hi - lo), np.float32(0), np.float32(1)) if hi > lo else 0 * f32[0]
                assert (image[0] == want).all(), (type_, n, a, b)


def constant_volumes_become_zeros():
    for type_ in (np.int16, np.float32):
        src = f"{work}/constant/{np.dtype(type_).name}.nii.gz"
        save(src, np.full((3, 4, 5), 7, type_))
        for norm in ("zscore", "minmax", "percentile:1,99"):
            image, meta = load(f"{run(src, '--no-label', '--norm', norm)}/{np.dtype(type_).name}_001.npz")
            assert (image == 0).all() and image.tobytes().strip(b"\0") == b"", norm


def label_200_becomes_i2():
    src = f"{work}/labels"
    wants = {"i1": (127, np.int8), "i2": (200, np.int16), "i2n": (-129, np.int16), "i4": (40000, np.int32)}
    for name, (value, _) in wants.items():
        save(f"{src}/imagesTr/{name}_0000.nii.gz", np.zeros((2, 3, 4), np.float32) + np.arange(4, dtype=np.float32))
        lab = np.zeros((2, 3, 4), np.int32)
        lab[1, 2, 3] = value
        save(f"{src}/labelsTr/{name}.nii.gz", lab)
    out = run(src)
    for name, (value, dtype) in wants.items():
        with np.load(f"{out}/{name}_001.npz") as z:
            assert z["label"].dtype == dtype and z["label"][2, 3] == value and np.count_nonzero(z["label"]) == 1, name


names = sys.argv[4:] or ["splits_equal_numpy", "folds_equal_sklearn", "patients_never_part", "percentiles_equal_numpy",
                         "constant_volumes_become_zeros", "label_200_becomes_i2"]
for name in names:
    globals()[name]()
    print(name, flush=True)
