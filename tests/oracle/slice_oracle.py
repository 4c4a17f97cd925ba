#!/usr/bin/env python3
"""slice_oracle.py PROBE: slice's letters, draws and folds against nibabel, numpy, scikit-learn.
Exit 77, with a word, where they cannot be imported."""
import subprocess
import sys

try:
    import nibabel as nib
    import numpy as np
except ImportError as err:
    print(f"skipped: {err}")
    sys.exit(77)

probe = sys.argv[1]


def lines(what):
    return subprocess.run([probe, what], check=True, capture_output=True, text=True).stdout.splitlines()


def axcodes_equal_nibabel():
    n = 0
    for line in lines("axcodes"):
        *m, letters = line.split()
        affine = np.eye(4)
        affine[:3] = np.array([float(v) for v in m]).reshape(3, 4)
        assert "".join(nib.aff2axcodes(affine)) == letters, line
        n += 1
    assert n == 5000


def splits_equal_numpy():
    for line in lines("draws"):
        what, *rest = line.split()
        v = [int(x) for x in rest]
        if what == "perm":
            np.random.seed(v[0])
            assert np.random.permutation(v[1]).tolist() == v[2:], line
        elif what == "sizes":
            assert v[1:] == [int(v[0] * 0.8), int(v[0] * 0.1)], line


def folds_equal_sklearn():
    try:
        from sklearn.model_selection import KFold
    except ImportError:
        print("scikit-learn absent: folds are not compared")
        return
    for line in lines("draws"):
        what, *rest = line.split()
        v = [int(x) for x in rest]
        if what in ("perm", "sizes"):
            continue
        fold = np.zeros(v[1], int)
        for i, (_, val) in enumerate(KFold(v[0], shuffle=True, random_state=12345).split(fold)):
            fold[val] = i
        assert fold.tolist() == v[2:], line


axcodes_equal_nibabel()
splits_equal_numpy()
folds_equal_sklearn()
print("letters of 5,000 affines, draws and folds of 1..50 cases are equal")
