#!/usr/bin/env python3
"""slice_exact.py IMLOOM DATA WORK: imloom slice against nibabel and numpy on an nnU-Net folder.

Every promise is a function; its name is the promise. Exit 77, with a word, where nibabel is absent.
"""
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

imloom, data, work = sys.argv[1:4]
if not os.path.isdir(data):
    print(f"skipped: {data} is not there")
    sys.exit(77)
cases = sorted(f[: -len("_0000.nii.gz")] for f in os.listdir(f"{data}/imagesTr"))
OLD_KEYS = ["source_file", "slice_index", "total_slices", "window_size", "padding_mode", "num_channels",
            "spacing", "normalized", "norm_stats", "shape"]
NEW_KEYS = ["affine", "axis", "plane", "orient", "dtype", "slice_affine", "plane_spacing", "slice_spacing",
            "case", "step", "norm", "nan_count", "crop", "resampled_from", "imloom"]
count = 0


def run(*args, rc=0, src=None):
    global count
    count += 1
    out = f"{work}/out{count}"
    r = subprocess.run([imloom, "slice", src or data, "-o", out, "--log-dir", f"{work}/logs", "--progress", "none", *args],
                       capture_output=True, text=True)
    assert r.returncode == rc, (args, r.returncode, r.stderr)
    return out


def image(case):
    return nib.load(f"{data}/imagesTr/{case}_0000.nii.gz")


def label(case):
    return nib.load(f"{data}/labelsTr/{case}.nii.gz")


def load(path):
    with np.load(path) as z:
        d = {k: z[k] for k in z.files}
    d["metadata"] = json.loads(str(d["metadata"]))
    return d


def neighbour(pad, t, depth):
    if 0 <= t < depth:
        return t
    if pad == "replicate":
        return 0 if t < 0 else depth - 1
    if pad == "mirror":  # the older tool's
        return min(-t, depth - 1) if t < 0 else max(0, 2 * depth - t - 1)
    if pad in ("reflect", "symmetric"):
        return int(np.pad(np.arange(depth), 2000, mode=pad)[t + 2000])
    return pad


def plane_of(vol, pad, t, low):
    p = neighbour(pad, t, vol.shape[0])
    if p == "zero":
        return np.zeros_like(vol[0])
    if p == "background":
        return np.full_like(vol[0], low)
    return vol[p]


def planes_equal_get_fdata_bit_for_bit():
    out = run("--no_normalize", "--window_size", "0")
    for case in cases:
        vol = image(case).get_fdata().astype(np.float32)
        lab = np.asarray(label(case).dataobj)
        for k in range(vol.shape[0]):
            d = load(f"{out}/{case}_{k:03d}.npz")
            assert d["image"].dtype == np.float32 and d["image"].shape == (1,) + vol.shape[1:]
            assert d["image"][0].tobytes() == np.ascontiguousarray(vol[k]).tobytes(), (case, k)
            assert (d["label"] == lab[k]).all() and d["label"].shape == vol.shape[1:]
            assert d["label"].flags.f_contiguous


def zscore_repeats_from_its_own_metadata():
    out = run("--window_size", "0")
    for case in cases:
        vol = image(case).get_fdata().astype(np.float32)
        for k in range(0, vol.shape[0], 7):
            d = load(f"{out}/{case}_{k:03d}.npz")
            s = d["metadata"]["norm_stats"]
            want = (vol[k] - np.float32(s["mean"])) / np.float32(s["std"])
            assert d["image"][0].tobytes() == np.ascontiguousarray(want).tobytes(), (case, k)
            assert s["min"] == float(vol.min()) and s["max"] == float(vol.max())


def mean_within_1e_5_std_of_f64():
    out = run("--window_size", "0", "--slices", "mid")
    for case in cases:
        vol = image(case).get_fdata().astype(np.float32).astype(np.float64)
        fg = vol[vol > vol.min()]
        s = load(f"{out}/{case}_{vol.shape[0] // 2:03d}.npz")["metadata"]["norm_stats"]
        assert abs(s["mean"] - fg.mean()) < 1e-5 * fg.std() and abs(s["std"] - fg.std()) < 1e-5 * fg.std(), case


def windows_w0_1_3_9_all_paddings_depth_1_3_7():
    case = "t2star"
    for depth in (1, 3, 7):
        for w in (0, 1, 3, 9):
            for pad in ("zero", "background", "replicate", "mirror", "reflect", "symmetric"):
                for step in (1, 2):
                    out = run("--window_size", str(w), "--padding_mode", pad, "--step", str(step), "--case", case,
                              "--crop", f"0:{depth},0:,0:")
                    vol = image(case).get_fdata().astype(np.float32)[:depth]
                    for k in range(depth):
                        d = load(f"{out}/{case}_{k:03d}.npz")
                        s = d["metadata"]["norm_stats"]
                        z = (vol - np.float32(s["mean"])) / np.float32(s["std"])
                        want = np.stack([plane_of(z, pad, k + step * (c - w), z.min()) for c in range(2 * w + 1)])
                        assert d["image"].tobytes() == np.ascontiguousarray(want).tobytes(), (depth, w, pad, step, k)


def metadata_key_order_and_repr():
    out = run("--case", "ctsm")
    for k in (0, 60, 121):
        with np.load(f"{out}/ctsm_{k:03d}.npz") as z:
            text = str(z["metadata"])
            assert z.files == ["image", "label", "metadata"]
        m = json.loads(text)
        assert list(m) == OLD_KEYS + NEW_KEYS
        assert json.dumps(m) == text, (json.dumps(m), text)
        assert m["source_file"] == "ctsm_0000.nii.gz" and m["slice_index"] == k and m["total_slices"] == 122
        assert m["spacing"] == [float(v) for v in image("ctsm").header.get_zooms()]
        assert m["shape"] == {"image": [5, 101, 30], "label": [101, 30]} and m["num_channels"] == 5
        assert np.allclose(m["affine"], image("ctsm").affine)


def dataset_info_old_keys_first():
    out = run("--clip_min", "-1024", "--clip_max", "500.5")
    with open(f"{out}/dataset_info.json") as f:
        text = f.read()
    info = json.loads(text)
    assert list(info)[:8] == ["window_size", "total_channels", "padding_mode", "normalized", "clip_range", "num_cases",
                              "num_slices", "case_names"]
    assert info["clip_range"] == [-1024.0, 500.5] and info["case_names"] == cases and info["total_channels"] == 5
    assert text.startswith('{\n  "window_size": 2,\n  "total_channels": 5,')
    assert info["num_slices"] == len([f for f in os.listdir(out) if f.endswith(".npz")])
    counts = {}
    for case in cases:
        v, n = np.unique(np.asarray(label(case).dataobj), return_counts=True)
        for a, b in zip(v.tolist(), n.tolist()):
            counts[str(a)] = counts.get(str(a), 0) + b
    assert info["labels"] == counts


def reorient_equals_nibabel():
    case = "t2cord"
    pairs = ["RL", "AP", "SI"]
    import itertools
    codes = ["".join(c) for perm in itertools.permutations(pairs) for c in itertools.product(*perm)]
    assert len(codes) == 48
    for code in codes:
        out = run("--case", case, "--orient", code, "--no_normalize", "--window_size", "0", "--slices", "::9")
        img, lab = image(case), label(case)
        t = nib.orientations.ornt_transform(nib.io_orientation(img.affine), nib.orientations.axcodes2ornt(code))
        vol, seg = img.as_reoriented(t), np.asarray(lab.as_reoriented(t).dataobj)
        arr = vol.get_fdata().astype(np.float32)
        for k in range(0, arr.shape[0], 9):
            d = load(f"{out}/{case}_{k:03d}.npz")
            m = d["metadata"]
            assert d["image"][0].tobytes() == np.ascontiguousarray(arr[k]).tobytes(), (code, k)
            assert (d["label"] == seg[k]).all() and m["orient"] == code
            assert np.allclose(m["affine"], vol.affine) and np.allclose(m["spacing"], vol.header.get_zooms())


def axial_of_PSR_is_axis_1():
    out = run("--case", "t2cord", "--axis", "axial", "--no_normalize", "--window_size", "0")
    vol = image("t2cord").get_fdata().astype(np.float32)
    for k in range(vol.shape[1]):
        d = load(f"{out}/t2cord_{k:03d}.npz")
        assert d["metadata"]["axis"] == 1 and d["metadata"]["plane"] == "axial"
        assert d["image"][0].tobytes() == np.ascontiguousarray(vol[:, k]).tobytes()


def slice_affine_hits_the_same_mm():
    rng = np.random.default_rng(1)
    for args in ((), ("--orient", "LPS", "--axis", "coronal"), ("--axis", "axial", "--plane", "display"),
                 ("--axis", "2", "--size", "70,31"), ("--crop", "3:40,5:-4,2:", "--axis", "1")):
        out = run("--no_normalize", "--window_size", "0", *args)
        for case in cases if args[:1] != ("--crop",) else ["t2cord"]:
            img = image(case)
            vol, inv = img.get_fdata().astype(np.float32), np.linalg.inv(img.affine)
            names = sorted(f for f in os.listdir(out) if f.startswith(case + "_"))
            for name in names[:: max(1, len(names) // 5)]:
                d = load(f"{out}/{name}")
                a = np.array(d["metadata"]["slice_affine"])
                h, w = d["image"].shape[1:]
                for _ in range(40):
                    i, j = rng.integers(h), rng.integers(w)
                    mm = a @ [i, j, 1]
                    v = np.rint((inv @ [*mm, 1])[:3]).astype(int)
                    if (v < 0).any() or (v >= vol.shape[:3]).any():
                        continue
                    assert d["image"][0, i, j] == vol[tuple(v)], (args, name, i, j)


def display_rows_and_columns():
    for axis, rows, cols in (("axial", "P", "L"), ("coronal", "I", "L"), ("sagittal", "I", "P")):
        out = run("--axis", axis, "--plane", "display", "--window_size", "0", "--slices", "mid")
        for case in cases:
            name = [f for f in os.listdir(out) if f.startswith(case + "_")][0]
            a = np.array(load(f"{out}/{name}")["metadata"]["slice_affine"])
            for col, letter in ((0, rows), (1, cols)):
                k = int(np.argmax(np.abs(a[:, col])))
                assert ("RAS" if a[k, col] > 0 else "LPI")[k] == letter, (axis, case, col)


def norms():
    windows = {"lung": (-600, 1500), "bone": (400, 1800)}
    case = "aorta"
    vol = image(case).get_fdata().astype(np.float32)
    pick = ["--case", case, "--window_size", "0", "--slices", "10::40"]
    ks = range(10, vol.shape[0], 40)
    out = run(*pick, "--norm", "window:lung", "--norm", "window:bone")
    for k in ks:
        d = load(f"{out}/{case}_{k:03d}.npz")
        for g, (lo, wd) in enumerate(windows.values()):
            want = np.clip((vol[k] - np.float32(lo - wd / 2)) / np.float32(wd), 0, 1)
            assert d["image"][g].tobytes() == np.ascontiguousarray(want).tobytes()
    fg = vol[vol > vol.min()].astype(np.float64)
    a, b = np.float32(np.percentile(fg, 0.5)), np.float32(np.percentile(fg, 99.5))
    for dtype, cast in (("f32", lambda x: x), ("f16", lambda x: x.astype(np.float16)),
                        ("u8", lambda x: np.floor(np.float32(255) * x + np.float32(0.5)).astype(np.uint8))):
        out = run(*pick, "--norm", "percentile:0.5,99.5", "--dtype", dtype)
        for k in ks:
            d = load(f"{out}/{case}_{k:03d}.npz")
            want = cast(np.clip((vol[k] - a) / (b - a), np.float32(0), np.float32(1)))
            assert d["image"].dtype == want.dtype and (d["image"][0] == want).all(), (dtype, k)
    out = run(*pick, "--norm", "none", "--dtype", "i16")
    for k in ks:
        assert (load(f"{out}/{case}_{k:03d}.npz")["image"][0] == vol[k].astype(np.int16)).all()
    out = run(*pick, "--clip_min", "-100")
    c = np.clip(vol, -100, None)
    for k in ks:
        d = load(f"{out}/{case}_{k:03d}.npz")
        s = d["metadata"]["norm_stats"]
        f = c[c > c.min()].astype(np.float64)
        assert abs(s["mean"] - f.mean()) < 1e-5 * f.std() and s["min"] == -100
        assert (d["image"][0] == (c[k] - np.float32(s["mean"])) / np.float32(s["std"])).all()
    out = run(*pick, "--norm-mask", "nonzero", "--norm-outside", "zero")
    f = vol[vol != 0].astype(np.float64)
    for k in ks:
        d = load(f"{out}/{case}_{k:03d}.npz")
        s = d["metadata"]["norm_stats"]
        assert abs(s["mean"] - f.mean()) < 1e-5 * f.std()
        want = np.where(vol[k] != 0, (vol[k] - np.float32(s["mean"])) / np.float32(s["std"]), np.float32(0))
        assert (d["image"][0] == want).all()
    seg = np.asarray(label(case).dataobj)
    out = run(*pick, "--norm-mask", "label", "--norm-outside", "zero")
    f = vol[seg > 0].astype(np.float64)
    for k in ks:
        d = load(f"{out}/{case}_{k:03d}.npz")
        s = d["metadata"]["norm_stats"]
        assert abs(s["mean"] - f.mean()) < 1e-5 * f.std() and abs(s["std"] - f.std()) < 1e-5 * f.std()
        want = np.where(seg[k] > 0, (vol[k] - np.float32(s["mean"])) / np.float32(s["std"]), np.float32(0))
        assert (d["image"][0] == want).all()


def float_volumes_have_the_same_statistics():
    case = "t2star"
    vol = image(case).get_fdata().astype(np.float32)
    fg = vol[vol > vol.min()].astype(np.float64)
    out = run("--case", case, "--norm", "percentile:1,99", "--slices", "mid", "--window_size", "0")
    d = load(f"{out}/{case}_{vol.shape[0] // 2:03d}.npz")
    ch = d["metadata"]["norm"]["channels"][0]
    assert ch["low"] == float(np.float32(np.percentile(fg, 1))) and ch["high"] == float(np.float32(np.percentile(fg, 99)))


def crops_and_selection():
    for case in ("t2star", "aorta"):
        vol, seg = image(case).get_fdata().astype(np.float32), np.asarray(label(case).dataobj)
        for what, mask in (("label", seg > 0), ("foreground", vol > vol.min()), ("nonzero", vol != 0), ("above:150", vol > 150)):
            out = run("--case", case, "--crop", what, "--no_normalize", "--window_size", "0", "--axis", "2")
            box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
            got = sorted(f for f in os.listdir(out) if f.endswith(".npz"))
            assert len(got) == box[2].stop - box[2].start, (case, what)
            for k, name in enumerate(got):
                d = load(f"{out}/{name}")
                assert (d["image"][0] == vol[box][..., k]).all() and (d["label"] == seg[box][..., k]).all()
                assert d["metadata"]["crop"] == [[b.start, b.stop] for b in box]
    vol, seg = image("aorta").get_fdata().astype(np.float32), np.asarray(label("aorta").dataobj)
    out = run("--case", "aorta", "--skip-empty", "label", "--min-label-pixels", "5", "--axis", "2")
    want = [k for k in range(vol.shape[2]) if (seg[..., k] != 0).sum() >= 5]
    assert sorted(f for f in os.listdir(out) if f.endswith(".npz")) == [f"aorta_{k:03d}.npz" for k in want]
    assert load(f"{out}/aorta_{want[0]:03d}.npz")["metadata"]["total_slices"] == vol.shape[2]
    out = run("--case", "aorta", "--slices", "-30:-3:4", "--size", "90,200", "--no_normalize", "--window_size", "0")
    want = list(range(vol.shape[0]))[-30:-3:4]
    assert sorted(f for f in os.listdir(out) if f.endswith(".npz")) == [f"aorta_{k:03d}.npz" for k in want]
    d = load(f"{out}/aorta_{want[1]:03d}.npz")
    assert d["image"].shape == (1, 90, 200) and d["label"].shape == (90, 200)
    r0, c0 = (126 - 90) // 2, (200 - 164) // 2
    full = np.full((90, 200), vol.min(), np.float32)
    full[:, c0: c0 + 164] = vol[want[1]][r0: r0 + 90]
    assert (d["image"][0] == full).all()


def labels_mapped_and_one_hot():
    seg = np.asarray(label("ctsm").dataobj)
    out = run("--case", "ctsm", "--label-map", "1:200,2:3,*:0", "--one-hot", "4", "--axis", "1")
    for k in (0, 50, 100):
        d = load(f"{out}/ctsm_{k:03d}.npz")
        want = np.where(seg[:, k] == 1, 200, np.where(seg[:, k] == 2, 3, 0))
        assert d["label"].dtype == np.int16 and (d["label"] == want).all()
        assert d["label_onehot"].shape == (4, 122, 30) and d["label_onehot"].dtype == np.uint8
        assert (d["label_onehot"] == np.stack([want == n for n in range(4)])).all()


names = sys.argv[4:] or ["planes_equal_get_fdata_bit_for_bit", "zscore_repeats_from_its_own_metadata",
                         "mean_within_1e_5_std_of_f64", "windows_w0_1_3_9_all_paddings_depth_1_3_7",
                         "metadata_key_order_and_repr", "dataset_info_old_keys_first", "reorient_equals_nibabel",
                         "axial_of_PSR_is_axis_1", "slice_affine_hits_the_same_mm", "display_rows_and_columns", "norms",
                         "float_volumes_have_the_same_statistics", "crops_and_selection", "labels_mapped_and_one_hot"]
for name in names:
    globals()[name]()
    print(name.replace("1e_5", "1e-5"), flush=True)
