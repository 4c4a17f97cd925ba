#!/usr/bin/env python3
"""slice_options.py IMLOOM MAKE_NIFTI WORK: every option of imloom slice has the effect that its help says.

What slice_exact.py, slice_types.py and slice_stats.py hold against nibabel is left out here; volumes are made by
make_nifti. Each promise is a function. Exit 77, with a word, where nibabel is absent.
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

imloom, make, work = sys.argv[1:4]
src = f"{work}/in"
cases = ["p1_a", "p1_b", "p2_a", "p3_a", "x_0000"]
count = 0
os.makedirs(f"{src}/imagesTr")
os.makedirs(f"{src}/labelsTr")
os.makedirs(f"{src}/imagesTs")
LPS = ["dim=20,24,10", "sform=-1,0,0,30,0,-1,0,20,0,0,2,5", "zoom=1,1,2"]
for k, name in enumerate(cases):
    for path, more in ((f"imagesTr/{name}_0000", []), (f"imagesTr/{name}_0001", ["type=16", "slope=0.5", f"inter={k}"]),
                       (f"labelsTr/{name}", ["type=2", f"label={k % 3 + 1}"])):
        subprocess.run([make, f"{src}/{path}.nii.gz", *LPS, *more], check=True)
subprocess.run([make, f"{src}/imagesTs/q_0000.nii.gz", *LPS], check=True)


def run(*args, rc=0, of=src):
    global count
    count += 1
    out = f"{work}/out{count}"
    r = subprocess.run([imloom, "slice", of, "-o", out, "--log-dir", f"{work}/logs", "--progress", "none", "--window_size",
                        "0", *args], capture_output=True, text=True)
    assert r.returncode == rc, (args, r.returncode, r.stderr)
    return out, r.stderr


def load(path):
    with np.load(path) as z:
        d = {k: z[k] for k in z.files}
    d["metadata"] = json.loads(str(d["metadata"]))
    return d


def names(out):
    return sorted(f[:-4] for f in os.listdir(out) if f.endswith(".npz"))


def cases_of(out):
    return sorted({n.rsplit("_", 1)[0] for n in names(out)})


def info(out, name="dataset_info.json"):
    with open(f"{out}/{name}") as f:
        return json.load(f)


def image(case, channel=0):
    return nib.load(f"{src}/imagesTr/{case}_{channel:04d}.nii.gz").get_fdata().astype(np.float32)


def label(case):
    return np.asarray(nib.load(f"{src}/labelsTr/{case}.nii.gz").dataobj)


def channels_in_their_order():
    a, b = image("p1_a"), image("p1_a", 1)
    for text, want, source in (("0,1", [a, b], "p1_a_0000.nii.gz"), ("1,0", [b, a], "p1_a_0001.nii.gz"),
                               ("1", [b], "p1_a_0001.nii.gz"), ("all", [a, b], "p1_a_0000.nii.gz")):
        out, said = run("--channels", text, "--no-normalize")
        d = load(f"{out}/p1_a_003.npz")
        assert (d["image"] == np.stack([v[3] for v in want])).all(), text
        assert d["metadata"]["num_channels"] == len(want) == info(out)["total_channels"]
        assert d["metadata"]["source_file"] == source
        assert f"(total channels: {len(want)})" in said and f" slices, {len(want)} channels (w=0), " in said, said
        assert ("5 cases have channels that --channels" in said) == (len(want) == 1)
    _, said = run("--channels", "0,2", rc=3)
    assert "case p1_a: channel 2 is missing; case not sliced [channel]" in said


def windows_are_groups_of_channels():
    out, _ = run("--case", "p1_a", "--norm", "window:40,80,window:bone", "--channels", "all", "--window_size", "1")
    d = load(f"{out}/p1_a_003.npz")
    assert d["image"].shape[0] == 12 == info(out)["total_channels"]
    for m, vol in enumerate((image("p1_a"), image("p1_a", 1))):
        for g, (level, width) in enumerate(((40, 80), (400, 1800))):
            for c in range(3):
                want = np.clip((vol[2 + c] - np.float32(level - width / 2)) / np.float32(width), np.float32(0), np.float32(1))
                assert (d["image"][(m * 2 + g) * 3 + c] == want).all(), (m, g, c)


def subsets():
    assert cases_of(run()[0]) == cases
    out, _ = run("--subset", "Ts")  # without labelsTs: no label
    assert cases_of(out) == ["q"] and "label" not in load(f"{out}/q_000.npz")
    assert load(f"{out}/q_000.npz")["metadata"]["shape"] == {"image": [1, 24, 10], "label": None}
    out, _ = run("--subset", "all")
    assert info(out)["case_names"] == ["p1_a", "p1_b", "p2_a", "p3_a", "q", "x_0000"]


def case_takes_globs():
    assert cases_of(run("--case", "p1_*")[0]) == ["p1_a", "p1_b"]
    assert cases_of(run("--case", "p1_a,p3*", "--case", "x*")[0]) == ["p1_a", "p3_a", "x_0000"]
    assert cases_of(run("--only", "p2_a,0")[0]) == ["p1_a", "p2_a"]
    assert cases_of(run("--limit", "2")[0]) == ["p1_a", "p1_b"]


def labels_may_be_left_out():
    for flag in ("--no-label", "--no_label"):
        out, said = run(flag)
        assert "label" not in load(f"{out}/p1_a_000.npz") and "Labels: none" in said


def one_volume_with_its_label():
    out, _ = run("--label", f"{src}/labelsTr/p1_a.nii.gz", of=f"{src}/imagesTr/p1_a_0000.nii.gz")
    d = load(f"{out}/p1_a_003.npz")
    assert len(names(out)) == 20 and (d["label"] == label("p1_a")[3]).all() and d["metadata"]["case"] == "p1_a"
    out, _ = run("--images", f"{src}/imagesTr", "--labels", f"{src}/labelsTr", "--case", "p2_a", of=f"--resume")
    assert (load(f"{out}/p2_a_003.npz")["label"] == label("p2_a")[3]).all()


def a_table_of_cases():
    with open(f"{work}/cases.csv", "w") as f:
        f.write("case,image,image2,label,patient\n"
                "one,in/imagesTr/p1_a_0000.nii.gz,in/imagesTr/p1_a_0001.nii.gz,in/labelsTr/p1_a.nii.gz,P\n"
                "two,in/imagesTr/p2_a_0000.nii.gz,in/imagesTr/p2_a_0001.nii.gz,in/labelsTr/p2_a.nii.gz,P\n"
                "three,in/imagesTr/p3_a_0000.nii.gz,in/imagesTr/p3_a_0001.nii.gz,in/labelsTr/p3_a.nii.gz,Q\n")
    out, _ = run("--channels", "0,1", "--no-normalize", "--folds", "2", of=f"{work}/cases.csv")
    d = load(f"{out}/two_004.npz")
    assert (d["image"][1] == image("p2_a", 1)[4]).all() and (d["label"] == label("p2_a")[4]).all()
    folds = [sorted(f["val"]) for f in info(out, "splits_final.json")]
    assert sorted(folds) == [["one", "two"], ["three"]]


def axis_auto_is_the_largest_spacing():
    out, said = run("--axis", "auto", "--case", "p1_a")
    assert len(names(out)) == 10 and load(f"{out}/p1_a_000.npz")["metadata"]["axis"] == 2
    assert "Axis: auto: array axis 2, axial, in 1 case (LPS)" in said
    for axis, word in (("0", "sagittal"), ("1", "coronal"), ("2", "axial")):
        assert f"Axis: {axis}: array axis {axis}, {word}, in 5 cases (LPS)" in run("--axis", axis)[1]


def a_clip_bound_works_alone():
    vol = image("p1_a")
    for args, lo, hi, shown in ((("--clip_max", "100"), None, 100, "..100"), (("--clip-min", "-7.5"), -7.5, None, "-7.5.."),
                                (("--clip_min", "-100", "--clip_max", "250"), -100, 250, "-100..250")):
        out, said = run("--case", "p1_a", *args, "--no_normalize")
        assert (load(f"{out}/p1_a_003.npz")["image"][0] == np.clip(vol[3], lo, hi)).all()
        assert f"Clip range: {shown}\n" in said
        assert info(out)["clip_range"] == [None if v is None else float(v) for v in (lo, hi)]


def minmax_is_percentile_0_100():
    vol = image("p1_a")
    fg = vol[vol > vol.min()]
    want = np.clip((vol[3] - fg.min()) / (fg.max() - fg.min()), np.float32(0), np.float32(1))
    for norm in ("minmax", "percentile:0,100"):
        assert (load(f"{run('--case', 'p1_a', '--norm', norm)[0]}/p1_a_003.npz")["image"][0] == want).all()


def size_as_rows_and_columns_or_as_WxH():
    for text in ("18,24", "24x18"):
        d = load(f"{run('--case', 'p1_a', '--size', text)[0]}/p1_a_003.npz")
        assert d["image"].shape == (1, 18, 24) and d["label"].shape == (18, 24)


def margin_is_in_millimetres():
    vol = np.zeros((20, 24, 10), np.int16)
    vol[5:9, 1:6, 4:6] = 800
    nib.save(nib.Nifti1Image(vol, np.diag([1, 1, 2, 1])), f"{work}/box.nii.gz")
    for mm in (0, 1, 3):
        more = [mm, mm, -(-mm // 2)]
        want = [[max(lo - m, 0), min(hi + m, n)] for (lo, hi), m, n in zip(((5, 9), (1, 6), (4, 6)), more, vol.shape)]
        out, _ = run("--crop", "above:700", "--margin", str(mm), "--no_normalize", of=f"{work}/box.nii.gz")
        d = load(f"{out}/{names(out)[0]}.npz")
        assert d["metadata"]["crop"] == want, (mm, d["metadata"]["crop"], want)
        assert (d["image"][0] == vol[want[0][0], want[1][0]:want[1][1], want[2][0]:want[2][1]]).all()


def empty_planes():
    seg = label("p1_a")
    full = [f"p1_a_{k:03d}" for k in range(20) if seg[k].any()]
    pick = ["--case", "p1_a", "--skip-empty", "label"]
    assert names(run(*pick)[0]) == full and 0 < len(full) < 20
    assert len(names(run(*pick, "--keep-empty", "1")[0])) == 20
    half = [names(run(*pick, "--keep-empty", "0.5", "--seed", str(s))[0]) for s in range(6)]
    assert all(set(full) <= set(h) for h in half) and len({tuple(h) for h in half}) > 1
    most = int((seg != 0).sum(axis=(1, 2)).max())
    assert names(run(*pick, "--min-label-pixels", str(most + 1))[0]) == []
    out, _ = run("--case", "p1_a", "--slices", "mid")
    assert names(out) == ["p1_a_010"]
    # A constant image plane: what --clip makes of it does not matter, what is stored does.
    os.makedirs(f"{work}/flat", exist_ok=True)
    vol = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)
    vol[2] = 9
    nib.save(nib.Nifti1Image(vol, np.eye(4)), f"{work}/flat/v.nii.gz")
    assert names(run("--skip-empty", "image", of=f"{work}/flat/v.nii.gz")[0]) == [f"v_{k:03d}" for k in (0, 1, 3, 4, 5)]


def label_types():
    for kind, dtype in (("i8", "int8"), ("u8", "uint8"), ("i16", "int16"), ("i32", "int32"), ("auto", "int8")):
        out, _ = run("--case", "p1_a", "--label-dtype", kind)
        assert str(load(f"{out}/p1_a_003.npz")["label"].dtype) == dtype
        assert info(out)["cases"][0]["label_dtype"] == {"auto": "i8"}.get(kind, kind)
    for most, dtype in ((127, "int8"), (128, "int16"), (32768, "int32")):
        out, _ = run("--case", "p1_a", "--label-map", f"1:{most}")
        d = load(f"{out}/p1_a_003.npz")["label"]
        assert str(d.dtype) == dtype and (d == np.where(label("p1_a")[3] == 1, most, 0)).all()
    _, said = run("--case", "p1_a", "--label-dtype", "i8", "--label-map", "1:200", rc=3)
    assert "label 200 does not fit --label-dtype i8; case not sliced [label-values]" in said
    with open(f"{work}/map.txt", "w") as f:
        f.write("1:5\n*:0\n")
    out, _ = run("--case", "p1_a", "--label-map", f"{work}/map.txt")
    assert (load(f"{out}/p1_a_003.npz")["label"] == np.where(label("p1_a")[3] == 1, 5, 0)).all()


def names_and_folders():
    assert names(run("--digits", "5", "--case", "p1_a")[0])[0] == "p1_a_00000"
    out, _ = run("--layout", "case")
    assert sorted(os.listdir(f"{out}/p1_b")) == [f"p1_b_{k:03d}.npz" for k in range(20)]
    out, _ = run("--layout", "split", "--splits", "0.4,0.4,0.2")
    for part, want in info(out, "splits.json").items():
        assert sorted({n.rsplit("_", 1)[0] for n in os.listdir(f"{out}/{part}")}) == sorted(want), part


def splits_in_every_spelling():
    same = None
    for args in (("--splits", "0.6,0.2,0.2"), ("--splits", ".6,.2"), ("--train_ratio", "0.6", "--val-ratio", "0.2"),
                 ("--splits", "0.6,0.2,0.2", "--split-seed", "42"), ("--splits", "0.6,0.2,0.2", "--seed", "42")):
        got = info(run(*args)[0], "splits.json")
        same = same or got
        assert got == same and [len(v) for v in got.values()] == [3, 1, 1], (args, got)
    assert info(run("--splits", "0.6,0.2,0.2", "--split-seed", "3")[0], "splits.json") != same
    out, said = run("--train_ratio", "0.6")
    assert info(out, "splits.json")["val"] == [] and "val is empty with 5 cases" in said
    with open(f"{work}/parts.json", "w") as f:
        json.dump({"train": ["p1_a", "x_0000"], "val": ["p2_a"], "test": ["p3_a", "p1_b"]}, f)
    got = info(run("--split-method", f"file:{work}/parts.json")[0], "splits.json")
    assert {k: sorted(v) for k, v in got.items()} == {"train": ["p1_a", "x_0000"], "val": ["p2_a"], "test": ["p1_b", "p3_a"]}
    hashed = info(run("--split-method", "hash", "--splits", "0.5,0.25,0.25")[0], "splits.json")
    fewer = info(run("--split-method", "hash", "--splits", "0.5,0.25,0.25", "--case", "p1*,p3*")[0], "splits.json")
    assert all(set(fewer[k]) <= set(hashed[k]) for k in fewer)  # other cases move none


def a_case_without_slices_is_in_no_draw():
    """The loader draws over the cases whose files it finds."""
    out, said = run("--skip-empty", "label", "--label-map", "2:1,*:0", "--splits", "0.5,0.25,0.25", "--folds", "2")
    found = cases_of(out)
    assert 0 < len(found) < len(cases) and f"{len(cases) - len(found)} warnings: empty {len(cases) - len(found)};" in said, said
    parts = info(out, "splits.json")
    order = [found[i] for i in np.random.RandomState(42).permutation(len(found))]
    a, b = int(len(found) * 0.5), int(len(found) * 0.25)
    assert parts == {"train": order[:a], "val": order[a:a + b], "test": order[a + b:]}, parts
    assert sorted(sum((f["val"] for f in info(out, "splits_final.json")), [])) == found
    run("--skip-empty", "label", "--label-map", "2:1,*:0", "--strict", rc=3)


def patients_never_part():
    for args, groups in ((("--patient-regex", "^(p[0-9])_"), [{"p1_a", "p1_b"}]),
                         (("--patient-map", f"{work}/patients.csv"), [{"p1_a", "p2_a", "p3_a"}])):
        with open(f"{work}/patients.csv", "w") as f:
            f.write("case,patient\np1_a,A\np2_a,A\np3_a,A\n")
        for seed in range(4):
            out, _ = run("--splits", "0.4,0.3,0.3", "--folds", "2", "--split-seed", str(seed), *args)
            parts = list(info(out, "splits.json").values()) + [f["val"] for f in info(out, "splits_final.json")]
            for g in groups:
                assert all(g <= set(p) or not g & set(p) for p in parts), (args, parts)


def affine_source():
    args = ["dim=6,5,4", "sform=-1,0,0,0,0,-1,0,0,0,0,1,0", "qform=0,0,0,0,0,0"]
    os.makedirs(f"{work}/forms/imagesTr", exist_ok=True)
    subprocess.run([make, f"{work}/forms/imagesTr/v_0000.nii.gz", *args], check=True)
    for source, letters in (("auto", "LPS"), ("sform", "LPS"), ("qform", "RAS")):
        out, _ = run("--affine-source", source, "--no-label", of=f"{work}/forms")
        assert load(f"{out}/v_000.npz")["metadata"]["orient"] == letters, source
    _, said = run("--no-label", "--strict", rc=3, of=f"{work}/forms")
    assert "sform and qform differ by more than 0.1 voxel; case not sliced [forms]" in said


def levels():
    size = {}
    for level in "0169":
        out, _ = run("--case", "p1_a", "--level", level, "--size", "200,200")
        size[level] = sum(os.path.getsize(f"{out}/{n}.npz") for n in names(out))
        assert (load(f"{out}/p1_a_003.npz")["label"].shape) == (200, 200)
    assert size["0"] > 4 * size["6"] and size["1"] >= size["6"] >= size["9"], size


def a_configuration_file_says_the_same():
    with open(f"{work}/c.yaml", "w") as f:
        f.write("slice:\n  axis: 2\n  norm: [window:lung, 'window:40,80']\n  splits: [0.5, 0.25, 0.25]\n"
                "  crop: 1:15,0:20,0:10\n  clip-min: -500\n  no_label: true\n")
    args = ["--axis", "2", "--norm", "window:lung", "--norm", "window:40,80", "--splits", "0.5,0.25,0.25", "--crop",
            "1:15,0:20,0:10", "--clip_min", "-500", "--no-label"]
    a, b = run(*args)[0], run("--config", f"{work}/c.yaml")[0]
    r = subprocess.run([imloom, "slice", src, "--window-size", "0", "--print-config", *args], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    with open(f"{work}/d.yaml", "w") as f:
        f.write(r.stdout)
    c = f"{work}/printed"
    subprocess.run([imloom, "slice", "-o", c, "--config", f"{work}/d.yaml", "--log-dir", f"{work}/logs", "--progress", "none"],
                   check=True, capture_output=True)
    for other in (b, c):
        subprocess.run(["diff", "-r", "-x", ".imloom", "-x", "manifest.json", a, other], check=True)
        with open(f"{a}/manifest.json") as f, open(f"{other}/manifest.json") as g:
            assert json.load(f)["content"] == json.load(g)["content"]


for name in ("channels_in_their_order", "windows_are_groups_of_channels", "subsets", "case_takes_globs",
             "labels_may_be_left_out", "one_volume_with_its_label", "a_table_of_cases", "axis_auto_is_the_largest_spacing",
             "a_clip_bound_works_alone", "minmax_is_percentile_0_100", "size_as_rows_and_columns_or_as_WxH",
             "margin_is_in_millimetres", "empty_planes", "label_types", "names_and_folders", "splits_in_every_spelling",
             "a_case_without_slices_is_in_no_draw", "patients_never_part", "affine_source", "levels", "a_configuration_file_says_the_same"):
    globals()[name]()
    print(name, flush=True)
