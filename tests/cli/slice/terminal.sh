#!/usr/bin/env bash
# What a user reads: the configuration, the axis by each orientation, labels, the closing lines with the codes of failures, the
# dry run in the words of the run.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
make_data in
slice() { # RC REGEX OUT ARGS
    expect "$1" "$2" "$imloom" slice in -o "$3" --log-dir logs --progress none "${@:4}"
}
has() { grep -qxE -- "$1" "${2:-err.txt}" || { cat "${2:-err.txt}"; fail "no line '$1'"; }; }
printf '{"labels": {"background": 0, "lesion": 1, "cyst": 2}}' >in/dataset.json

slice 0 'done: 4 cases' a --axis axial --workers 1
has 'CONFIGURATION'
has 'Window size: 2 \(total channels: 5\)'
has 'Padding mode: replicate'
has 'Normalization: zscore'
has 'Clip range: None'
has 'Parallel workers: 1'
# mr is PSL: its axial planes are axis 1.
has 'Axis: axial: array axis 2, axial, in 3 cases \(LPS\); array axis 1, axial, in 1 case \(PSL\)'
has 'Labels: of 4 of 4 cases; 0 background, 1 lesion, 2 cyst; mode thread .*'
has 'sliced 4 of 4 cases, 118 slices, 5 channels \(w=2\), [0-9.]+ [kM]B in [0-9.]+s \([0-9]+ slices/s, CPU [0-9.]+s, peak [0-9.]+ MB\)'
has 'labels found: 0 1 2 3 200'
has '[0-9]+ warnings: .*label-unnamed [0-9].*; see a/dataset_info.json'
# A finished set says the same of itself.
slice 0 'done: 0 cases, 4 there before' a --axis axial
has 'sliced 4 of 4 cases, 118 slices, 5 channels \(w=2\), .*'
has 'labels found: 0 1 2 3 200'

slice 0 '' b --window_size 0 --norm window:lung --norm window:40,80 --clip_min -500.5 --no-label
has 'Window size: 0 \(total channels: 2\)'
has 'Normalization: window:lung, window:40,80'
has 'Clip range: -500.5..'
has 'Parallel workers: [0-9]+ \(auto\)'
has 'Axis: 0: array axis 0, sagittal, in 3 cases \(LPS\); array axis 0, coronal, in 1 case \(PSL\)'
has 'Labels: none; mode .*'
has 'sliced 4 of 4 cases, 221 slices, 2 channels \(w=0\), .*'

# Failures: their codes, exit 3, again on the next run.
"$make" in/imagesTr/zz_0000.nii.gz dim=20,20,9 cut=300
"$make" in/labelsTr/zz.nii.gz dim=20,20,9 type=2 label=1
"$make" in/imagesTr/wide_0000.nii.gz dim=20,20,9
"$make" in/labelsTr/wide.nii.gz dim=20,21,9 type=2 label=1
for again in 1 2; do
    slice 3 '' c --axis axial
    has 'sliced 4 of 6 cases, 118 slices, 5 channels \(w=2\), .*'
    has '2 cases failed: wide \(label-shape\), zz \(gzip-truncated\); see c/dataset_info.json'
    has 'Bad items: c/.imloom/bad\*.jsonl; --retry-bad tries them again\.'
    [ "$(grep -c 'label-shape' err.txt)" = $((3 - again)) ] || { cat err.txt; fail "a failure is told again and again"; }
done

# One share of a set: there is no dataset_info.json yet.
slice 3 '' s --axis axial --shard 2/3
has '2 cases failed: wide \(label-shape\), zz \(gzip-truncated\)|1 case failed: .*'
! grep -q 'dataset_info' err.txt || fail "a file that is not there is named"

# --dry-run: headers only. What they show to be wrong is said as the run says it; nothing is written.
slice 3 '' d --axis axial --dry-run
has 'slice: case wide: labelsTr/wide.nii.gz: it is 20x21x9, the image 20x20x9; case not sliced \[label-shape\]' out.txt
has 'mr: 30x44x28 float32 PSL, 44 slices of 30x28 with 5 channels, [0-9.]+ kB \(estimate\)' out.txt
has '4 cases, 118 slices, about [0-9.]+ [kM]B; the largest case needs about [0-9.]+ MB of memory' out.txt
has 'slice: case zz: imagesTr/zz_0000.nii.gz: the gzip stream ends early .file cut short.; case not sliced \[gzip-truncated\]' out.txt
has '2 cases cannot be sliced' out.txt
slice 0 '' d --dry-run --case 'ct,us' --slices 3:13:2 --size 64x32 --crop 1:,:,: --norm window:lung,window:bone
has 'ct: 61x50x37 int16 LPS, 5 slices of 32x64 with 10 channels, .*' out.txt
has '2 cases, 10 slices, about .*' out.txt
slice 0 '1 cases, 37 slices at most' d --dry-run --axis 2 --only ct --skip-empty label
[ ! -e d ] || fail "--dry-run wrote something"
# The estimate of a set without compression is close.
slice 0 '' e --case ct --level 0 --dry-run
about=$(sed -nE 's/^1 cases.*about ([0-9.]+) MB; the.*/\1/p' out.txt)
slice 0 '' e --case ct --level 0
awk -v a="$about" -v b="$(cat e/*.npz | wc -c)" 'BEGIN {exit !(a * 1e6 > 0.9 * b && a * 1e6 < 1.1 * b)}' || fail "estimated $about MB"
echo ok
