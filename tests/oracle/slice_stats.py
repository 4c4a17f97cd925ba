#!/usr/bin/env python3
"""slice_stats.py IMLOOM DATA WORK: the fingerprint and the ct norm against nibabel and numpy.

Exit 77, with a word, where nibabel is absent.
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
NAMES = ["max", "mean", "median", "min", "percentile_00_5", "percentile_99_5", "std"]


def run(out, *args, rc=0, src=data):
    r = subprocess.run([imloom, "slice", src, "-o", f"{work}/{out}", "--log-dir", f"{work}/logs", "--progress", "none", *args],
                       capture_output=True, text=True)
    assert r.returncode == rc, (args, r.returncode, r.stderr)
    return r.stderr


def fingerprint(out):
    with open(f"{work}/{out}/dataset_fingerprint.json") as f:
        return json.load(f)


def volume(root, case):
    return nib.load(f"{root}/imagesTr/{case}_0000.nii.gz")


def foreground(root, names, lo=-np.inf, hi=np.inf):
    v = [np.clip(volume(root, c).get_fdata().astype(np.float32), lo, hi)[nib.load(f"{root}/labelsTr/{c}.nii.gz").get_fdata() > 0]
         for c in names]
    return np.concatenate(v).astype(np.float64)


def expected(v):
    p = np.percentile(v, [0.5, 50, 99.5])
    return dict(max=v.max(), mean=v.mean(), median=p[1], min=v.min(), percentile_00_5=p[0], percentile_99_5=p[2], std=v.std())


def check(have, v):
    for name, want in expected(v).items():
        assert abs(have[name] - want) <= 1e-9 * max(1, abs(want), v.std()), (name, have[name], want)


def fingerprint_equals_numpy():
    """All cases (i16 and f32 mixed), floats alone, clipped values; whatever the workers."""
    run("all", "--stats-only")
    f = fingerprint("all")
    assert list(f) == ["spacings", "shapes_after_crop", "foreground_intensity_properties_per_channel",
                       "median_relative_size_after_cropping"]
    assert list(f["foreground_intensity_properties_per_channel"]["0"]) == NAMES
    check(f["foreground_intensity_properties_per_channel"]["0"], foreground(data, cases))
    for k, c in enumerate(cases):
        img = volume(data, c)
        assert f["shapes_after_crop"][k] == list(img.shape[::-1])
        assert np.allclose(f["spacings"][k], [float(z) for z in img.header.get_zooms()[2::-1]], rtol=1e-12)
    assert f["median_relative_size_after_cropping"] == 1
    run("float", "--stats-only", "--case", "t2star")
    check(fingerprint("float")["foreground_intensity_properties_per_channel"]["0"], foreground(data, ["t2star"]))
    run("clip", "--stats-only", "--clip_min", "-100", "--clip_max", "300")
    check(fingerprint("clip")["foreground_intensity_properties_per_channel"]["0"], foreground(data, cases, -100, 300))
    for k, args in enumerate((["--workers", "0"], ["--workers", "3"], ["--workers", "2", "--mode", "process"])):
        run(f"w{k}", "--stats-only", *args)
        with open(f"{work}/w{k}/dataset_fingerprint.json", "rb") as a, open(f"{work}/all/dataset_fingerprint.json", "rb") as b:
            assert a.read() == b.read(), args


def crop_counts_in_the_fingerprint():
    run("crop", "--stats-only", "--crop", "label", "--case", "aorta")
    lab = nib.load(f"{data}/labelsTr/aorta.nii.gz").get_fdata() > 0
    at = np.argwhere(lab)
    n = at.max(0) - at.min(0) + 1
    f = fingerprint("crop")
    assert f["shapes_after_crop"] == [[int(v) for v in n[::-1]]]
    assert abs(f["median_relative_size_after_cropping"] - np.prod(n) / lab.size) < 1e-12


def ct_is_nnunets_formula():
    """(clip(v, p0.5, p99.5) - mean) / max(std, 1e-8), in single precision."""
    run("ct", "--norm", "ct", "--window_size", "0")
    p = fingerprint("ct")["foreground_intensity_properties_per_channel"]["0"]
    assert fingerprint("ct") == fingerprint("all")
    for case in cases:
        v = volume(data, case).get_fdata().astype(np.float32)
        want = (np.clip(v, np.float32(p["percentile_00_5"]), np.float32(p["percentile_99_5"])) - np.float32(p["mean"])) \
            / np.float32(max(p["std"], 1e-8))
        for k in range(v.shape[0]):
            with np.load(f"{work}/ct/{case}_{k:03d}.npz") as z:
                assert np.array_equal(z["image"][0], want[k]), (case, k)
                norm = json.loads(str(z["metadata"]))["norm"]
        assert norm["method"] == "ct" and np.float32(norm["channels"][0]["mean"]) == np.float32(p["mean"])


def stats_of_a_file_are_the_same_and_shards_need_them():
    stats = f"{work}/all/dataset_fingerprint.json"
    run("given", "--norm", "ct", "--window_size", "0", "--stats", stats)
    for f in sorted(os.listdir(f"{work}/given")):
        if f.endswith(".npz"):
            with open(f"{work}/given/{f}", "rb") as a, open(f"{work}/ct/{f}", "rb") as b:
                assert a.read() == b.read(), f
    said = run("shard", "--norm", "ct", "--shard", "0/2", rc=1)
    assert "--stats-only" in said, said
    run("shard0", "--norm", "ct", "--window_size", "0", "--shard", "0/2", "--stats", stats)


def a_resumed_run_does_not_look_again():
    stats = fingerprint("all")
    stats["foreground_intensity_properties_per_channel"]["0"]["mean"] += 1
    before = os.stat(f"{work}/ct/.imloom/fingerprint").st_mtime_ns
    said = run("ct", "--norm", "ct", "--window_size", "0")
    assert "fingerprint of" not in said, said
    assert os.stat(f"{work}/ct/.imloom/fingerprint").st_mtime_ns == before
    with open(f"{work}/other.json", "w") as f:
        json.dump(stats, f)
    said = run("ct", "--norm", "ct", "--window_size", "0", "--stats", f"{work}/other.json", rc=1)
    assert "settings" in said or "config" in said, said


def ct_without_labels_is_refused():
    said = run("nolabel", "--norm", "ct", "--no-label", rc=1)
    assert "--norm ct takes its numbers from labelled voxels" in said, said
    assert not os.path.exists(f"{work}/nolabel")


for test in (fingerprint_equals_numpy, crop_counts_in_the_fingerprint, ct_is_nnunets_formula,
             stats_of_a_file_are_the_same_and_shards_need_them, a_resumed_run_does_not_look_again,
             ct_without_labels_is_refused):
    test()
    print("ok", test.__name__)
