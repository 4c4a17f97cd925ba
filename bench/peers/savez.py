#!/usr/bin/env python3
"""savez.py IN OUT [--window_size W] [--axis A]: a plain loop over the nibabel and numpy calls that a slicing
script makes: one compressed .npz a slice, z-score over the voxels above the minimum, replicated borders.
The yardstick of bench/bench_slice.sh. With AVTE=PATH that path's preprocess_2d_slices.py runs instead."""
import argparse
import json
import os
import sys

p = argparse.ArgumentParser()
p.add_argument("src")
p.add_argument("out")
p.add_argument("--window_size", type=int, default=2)
p.add_argument("--axis", type=int, default=0)
a = p.parse_args()
if os.environ.get("AVTE"):
    os.execvp(sys.executable, [sys.executable, os.environ["AVTE"], "--input_dir", a.src, "--output_dir", a.out,
                               "--window_size", str(a.window_size), "--num_workers", "0"])
import nibabel as nib
import numpy as np

os.makedirs(a.out, exist_ok=True)
w = a.window_size
for name in sorted(os.listdir(f"{a.src}/imagesTr")):
    case = name[: -len("_0000.nii.gz")]
    image = nib.load(f"{a.src}/imagesTr/{name}")
    vol = image.get_fdata().astype(np.float32)
    seg = nib.load(f"{a.src}/labelsTr/{case}.nii.gz").get_fdata().astype(np.int8)
    inside = vol > vol.min()
    mean, std = vol[inside].mean(), vol[inside].std()
    low, high = float(vol.min()), float(vol.max())
    vol = (vol - mean) / std
    vol, seg = np.moveaxis(vol, a.axis, 0), np.moveaxis(seg, a.axis, 0)
    depth = vol.shape[0]
    for k in range(depth):
        stack = np.stack([vol[min(max(k + c, 0), depth - 1)] for c in range(-w, w + 1)], axis=0)
        meta = {"source_file": name, "slice_index": k, "total_slices": depth, "window_size": w,
                "padding_mode": "replicate", "num_channels": 2 * w + 1,
                "spacing": [float(s) for s in image.header.get_zooms()], "normalized": True,
                "norm_stats": {"mean": float(mean), "std": float(std), "min": low, "max": high},
                "shape": {"image": list(stack.shape), "label": list(seg[k].shape)}}
        np.savez_compressed(f"{a.out}/{case}_{k:03d}.npz", image=stack.astype(np.float32),
                            label=seg[k].astype(np.int8), metadata=json.dumps(meta))
