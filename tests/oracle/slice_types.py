#!/usr/bin/env python3
"""slice_types.py IMLOOM DATA WORK: the strange volumes of DATA/odd against nibabel, and the older loader.

Exit 77, with a word, where nibabel or the data are absent. With AVTE=DIR the loader is that directory's own
avte_dataloader.py (needs torch); else a twin of it in numpy, with torch where it is importable."""
import glob
import json
import os
import struct
import subprocess
import sys

try:
    import nibabel as nib
    import numpy as np
except ImportError as err:
    print(f"skipped: {err}")
    sys.exit(77)
imloom, data, work = sys.argv[1:4]
if not os.path.isdir(f"{data}/odd"):
    print(f"skipped: {data}/odd is not there")
    sys.exit(77)
count = 0


def run(src, *args, rc=0):
    global count
    count += 1
    out = f"{work}/out{count}"
    r = subprocess.run([imloom, "slice", src, "-o", out, "--log-dir", f"{work}/logs", "--progress", "none", *args],
                       capture_output=True, text=True)
    assert r.returncode == rc, (src, args, r.returncode, r.stderr)
    return out


def image(path):
    with np.load(path) as z:
        return z["image"]


def same_values(name, *args, pick=lambda a: a):
    path = f"{data}/odd/{name}"
    out = run(path, "--no_normalize", "--window_size", "0", "--axis", "2", *args)
    vol = pick(nib.load(path).get_fdata()).astype(np.float32)
    vol = vol.reshape(vol.shape + (1,) * (3 - vol.ndim))
    files = sorted(glob.glob(f"{out}/*.npz"))
    assert len(files) == vol.shape[2], (name, len(files), vol.shape)
    for k, f in enumerate(files):
        got = image(f)[0]
        assert got.tobytes() == np.ascontiguousarray(vol[..., k]).tobytes(), (name, k)
    return out


def big_endian():
    same_values("anatomical_bigendian_i2.nii")
    same_values("minimal.hdr")
    same_values("minimal.img")


def slope_inter():
    same_values("anatomy_u8_scaled.nii.gz")
    same_values("mr_gd_u8_scaled.nii.gz")


def u16_27():
    same_values("u16_27.nii")


def f64_27():
    same_values("f64_27.nii")


def whole_scans():
    same_values("chris_mra_u8.nii.gz")
    same_values("fernando_t2_320x320x26.nii.gz")


def frames_refused():
    for name in ("example_nifti2.nii.gz", "example4d.nii.gz", "functional_4d_scaled.nii"):
        out = run(f"{data}/odd/{name}", rc=3)
        info = json.load(open(f"{out}/dataset_info.json"))
        assert [f["code"] for f in info["failed"]] == ["frames"] and not glob.glob(f"{out}/*.npz"), name
        same_values(name, "--volume", "1", pick=lambda a: a[..., 1])


def nifti2():
    same_values("example_nifti2.nii.gz", "--volume", "0", pick=lambda a: a[..., 0])


def frames_as_channels():
    path = f"{data}/odd/example4d.nii.gz"
    out = run(path, "--no_normalize", "--window_size", "0", "--channels", "all", "--axis", "2")
    vol = nib.load(path).get_fdata().astype(np.float32)
    for k in (0, 11, 23):
        assert (image(f"{out}/example4d_{k:03d}.npz") == np.moveaxis(vol[:, :, k], -1, 0)).all()


def negative_pixdim_is_nibabels():
    for q, s in ((0, 0), (1, 0), (0, 1)):
        v = nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(6, 5, 4), np.diag([-1.5, 2, 3, 1]))
        v.set_sform(v.affine, code=s)
        v.set_qform(v.affine, code=q)
        path = f"{work}/negative{q}{s}_0000.nii"
        nib.save(v, path)
        with open(path, "r+b") as f:
            for k in (80, 88):  # pixdim[1], pixdim[3]
                f.seek(k)
                x = struct.unpack("<f", f.read(4))[0]
                f.seek(k)
                f.write(struct.pack("<f", -x))
        want, out = nib.load(path), run(path)
        with np.load(f"{out}/negative{q}{s}_000.npz") as z:
            m = json.loads(str(z["metadata"]))
        assert m["spacing"] == [float(x) for x in want.header.get_zooms()] == [1.5, 2, 3], m["spacing"]
        assert np.allclose(m["affine"], want.affine) and m["orient"] == "".join(nib.aff2axcodes(want.affine)), m


def nan():
    path = f"{data}/odd/fmri_tsnr_nan.nii.gz"
    out = run(path, rc=3)
    failed = json.load(open(f"{out}/dataset_info.json"))["failed"]
    assert failed[0]["code"] == "nan" and "408 NaN" in failed[0]["reason"], failed
    vol = nib.load(path).get_fdata().astype(np.float32)
    assert (~np.isfinite(vol)).sum() == 408
    first = np.argwhere(~np.isfinite(vol.T))[0][::-1]
    first = f"({', '.join(str(k) for k in first)})"
    assert f"the first at {first};" in failed[0]["reason"], (first, failed)
    out = run(path, "--nan", "background", "--window_size", "0", "--axis", "2")
    full = np.where(np.isfinite(vol), vol, vol[np.isfinite(vol)].min())
    for k in range(6):
        with np.load(f"{out}/fmri_tsnr_nan_{k:03d}.npz") as z:
            m = json.loads(str(z["metadata"]))
            s = m["norm_stats"]
            assert m["nan_count"] == 408
            assert (z["image"][0] == (full[..., k] - np.float32(s["mean"])) / np.float32(s["std"])).all()
    fg = full[full > full.min()].astype(np.float64)
    assert abs(s["mean"] - fg.mean()) < 1e-5 * fg.std()
    same_values("fmri_tsnr_nan.nii.gz")  # kept under --norm none, with a warning


def rgb_3d_and_complex64_refused():
    for name, word in (("rgb_3d.nii", "RGB24"), ("complex64.nii", "complex128")):
        out = run(f"{data}/odd/{name}", rc=3)
        failed = json.load(open(f"{out}/dataset_info.json"))["failed"]
        assert failed[0]["code"] == "dtype" and word in failed[0]["reason"], failed


def label_as_float64():
    out = run(f"{data}/nnunet/imagesTr/t2cord_0000.nii.gz", "--label", f"{data}/odd/label_as_float64.nii.gz",
              "--window_size", "0")
    seg = nib.load(f"{data}/odd/label_as_float64.nii.gz").get_fdata()
    for k in range(seg.shape[0]):
        with np.load(f"{out}/t2cord_{k:03d}.npz") as z:
            assert z["label"].dtype == np.int8 and (z["label"] == seg[k]).all()


def every_file():
    """Each volume below DATA that nibabel reads as real numbers, its name and frames."""
    for path in sorted(glob.glob(f"{data}/**/*.*", recursive=True)):
        if path.endswith((".nii", ".nii.gz", ".img", ".hdr")):
            yield path, nib.load(path)


def planes_equal_get_fdata_on_every_file():
    """All axes and frames; of axis 2 also plane by plane as it passes. What is no real number is refused."""
    seen = 0
    for path, img in every_file():
        stem = os.path.basename(path).split(".")[0]
        stem = stem[:-5] if stem.endswith("_0000") else stem
        if img.get_data_dtype().kind not in "iuf":
            out = run(path, rc=3)
            assert json.load(open(f"{out}/dataset_info.json"))["failed"][0]["code"] == "dtype", path
            continue
        vol = img.get_fdata().astype(np.float32)
        frames = [int(np.prod(vol.shape[3:]))] if vol.ndim > 3 else []
        for frame in [0, frames[0] - 1] if frames else [None]:
            v = vol if frame is None else vol[..., frame]
            for axis in range(3):
                for memory in ([], ["--memory", "1K"])[: 1 + (axis == 2)]:
                    pick = [] if frame is None else ["--volume", str(frame)]
                    out = run(path, "--no_normalize", "--window_size", "0", "--level", "1", "--axis", str(axis), *pick, *memory)
                    files = sorted(glob.glob(f"{out}/*.npz"))
                    assert len(files) == v.shape[axis], (path, axis)
                    for k, f in enumerate(files):
                        with np.load(f) as z:
                            got, orient = z["image"][0], json.loads(str(z["metadata"]))["orient"] if k == 0 else None
                        assert got.tobytes() == np.ascontiguousarray(v.take(k, axis)).tobytes(), (path, axis, k, memory)
                        if k == 0:  # axcodes_equal_nibabel, of every file
                            assert orient == "".join(nib.aff2axcodes(img.affine)), (path, orient)
                    subprocess.run(["rm", "-rf", out], check=True)
        seen += 1
    assert seen >= 22, seen


def world_label_is_turned():
    # The same label with flipped and permuted axes, its affine turned with it.
    base = f"{work}/world"
    os.makedirs(f"{base}/imagesTr")
    os.makedirs(f"{base}/labelsTr")
    name = "aorta"
    os.symlink(os.path.abspath(f"{data}/nnunet/imagesTr/{name}_0000.nii.gz"), f"{base}/imagesTr/{name}_0000.nii.gz")
    label = nib.load(f"{data}/nnunet/labelsTr/{name}.nii.gz")
    turn = nib.orientations.ornt_transform(nib.io_orientation(label.affine), nib.orientations.axcodes2ornt("SRA"))
    nib.save(label.as_reoriented(turn), f"{base}/labelsTr/{name}.nii.gz")
    run(base, rc=3)
    out = run(base, "--label-geometry", "world", "--window_size", "0", "--axis", "1")
    seg = np.asarray(label.dataobj)
    for k in range(0, seg.shape[1], 9):
        with np.load(f"{out}/{name}_{k:03d}.npz") as z:
            assert (z["label"] == seg[:, k]).all()


def sliced_twelve():
    # Twelve cases, so that no part is empty; one of them fails: the draw is over those that are there.
    base = f"{work}/twelve"
    os.makedirs(f"{base}/imagesTr")
    os.makedirs(f"{base}/labelsTr")
    for k in range(12):
        os.symlink(os.path.abspath(f"{data}/nnunet/imagesTr/t2star_0000.nii.gz"), f"{base}/imagesTr/p{k:02d}_a_0000.nii.gz")
        if k != 7:
            os.symlink(os.path.abspath(f"{data}/nnunet/labelsTr/t2star.nii.gz"), f"{base}/labelsTr/p{k:02d}_a.nii.gz")
    out = run(base, "--train_ratio", "0.8", "--val_ratio", "0.1", "--axis", "2", rc=3)
    splits = json.load(open(f"{out}/splits.json"))
    return out, splits


def twin(out):
    """What the older loader does, in numpy."""
    try:
        import torch
    except ImportError:
        torch = None
        print("torch absent: a numpy twin of the loader")
    by_case = {}
    for f in sorted(glob.glob(f"{out}/*.npz")):
        stem = os.path.basename(f)[:-4]
        by_case.setdefault("_".join(stem.split("_")[:-1]), []).append(f)
    names = sorted(by_case)
    np.random.seed(42)
    order = np.random.permutation(len(names))
    a, b = int(len(names) * 0.8), int(len(names) * 0.1)
    parts = {"train": order[:a], "val": order[a:a + b], "test": order[a + b:]}
    for f in by_case[names[0]]:
        with np.load(f) as z:
            x, y, m = z["image"], z["label"], json.loads(str(z["metadata"]))
        if torch:
            x, y = torch.from_numpy(x).float(), torch.from_numpy(y).long()
            batch = torch.utils.data.default_collate([(x, y), (x, y)])
            assert tuple(batch[0].shape) == (2, 5) + tuple(x.shape[1:]) and batch[1].dtype == torch.int64
        assert x.shape[0] == 5 and tuple(x.shape[1:]) == tuple(y.shape) and m["num_channels"] == 5
    return {k: [names[i] for i in v] for k, v in parts.items()}


def old_loader_reads_it():
    out, splits = sliced_twelve()
    assert twin(out) == splits, splits
    if os.environ.get("AVTE"):
        sys.path.insert(0, os.environ["AVTE"])
        import avte_dataloader
        for part in ("train", "val", "test"):
            d = avte_dataloader.AVTE2DDataset(out, split=part)
            cases = sorted({"_".join(f.stem.split("_")[:-1]) for f in d.slice_files})
            assert cases == sorted(splits[part]), part
            assert len(d) == 9 * len(cases)
            for image, label in d:
                assert image.shape == (5, 49, 54) and label.shape == (49, 54) and image.is_floating_point()
            assert d.get_metadata(8)["slice_index"] == 8 and d.get_metadata(8)["total_slices"] == 9
            batches = avte_dataloader.DataLoader(d, batch_size=4, shuffle=True, drop_last=True)
            assert all(x.shape == (4, 5, 49, 54) and y.shape == (4, 49, 54) for x, y in batches)


names = sys.argv[4:] or ["big_endian", "slope_inter", "u16_27", "f64_27", "whole_scans", "frames_refused", "nifti2",
                         "frames_as_channels", "negative_pixdim_is_nibabels", "nan", "rgb_3d_and_complex64_refused", "label_as_float64",
                         "world_label_is_turned", "planes_equal_get_fdata_on_every_file", "old_loader_reads_it"]
for name in names:
    globals()[name]()
    print(name, flush=True)
