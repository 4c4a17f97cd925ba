#!/usr/bin/env bash
# What is odd but can be sliced is a warning in dataset_info.json; --strict makes a failure of it.
set -euo pipefail
. "$source/tests/cli/lib.sh"
make="$build/tests/make_nifti"
mkdir -p in/imagesTr in/labelsTr
img() { "$make" "in/imagesTr/$1_0000.nii.gz" "${@:2}"; }
seg() { "$make" "in/labelsTr/$1.nii.gz" type=2 label=1 "${@:2}"; }
warn() { # CASE CODE REGEX IMAGE_KEYS...
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>want
    img "$1" "${@:4}"; seg "$1"
}
: >want
warn longer longer 'behind the last voxel' long=100
warn constant constant 'same value' value=7
warn forms forms 'more than 0.1 voxel' qform=0,0,0,5,5,5
warn shear shear 'right angles' sform=-1,0.1,0,0,0,-1,0,0,0,0,1,0
warn zoom zoom 'voxel size of 0' zoom=1,0,1 sform=-1,0,0,0,0,-1,0,0,0,0,1,0
warn thin thin 'one pixel wide; is --axis 2 meant' dim=6,5,1
seg thin dim=6,5,1
img moved; seg moved sform=-1,0,0,2,0,-1,0,0,0,0,1,0
printf 'moved\tlabel-geometry\tup to 2.00 voxels\n' >>want
img unnamed; seg unnamed label=9
printf 'unnamed\tlabel-unnamed\tlabel 9 is not in dataset.json\n' >>want
img hot; seg hot label=5
printf 'hot\tone-hot\tlabel 5 has no plane in --one-hot 2 .0 to 1.\n' >>want
img sound; seg sound
echo '{"labels": {"background": 0, "liver": 1, "spleen": 5}, "file_ending": ".nii.gz"}' >in/dataset.json
expect 0 'sliced 10 of 10' "$imloom" slice in -o out --one-hot 2 --log-dir logs --progress none
while IFS=$'\t' read -r case code regex; do
    grep -A3 "\"case\": \"$case\"" out/dataset_info.json >got || true
    grep -q "\"code\": \"$code\"" got || fail "$case: no warning $code"
    grep -qE "$regex" got || fail "$case: $(cat got) does not say $regex"
done <want
expect 3 'sliced 1 of 10' "$imloom" slice in -o strict --one-hot 2 --strict --log-dir logs --progress none
while IFS=$'\t' read -r case code regex; do
    grep -qF "[$code]" <(grep "\"path\":\"$case\"" strict/.imloom/bad.jsonl) || fail "$case is not failed by --strict"
done <want
# NaN, by policy.
mkdir -p nan/imagesTr
"$make" nan/imagesTr/v_0000.nii.gz type=16 at=7:nan
expect 3 '' "$imloom" slice nan -o n1 --no-label --log-dir logs --progress none
expect 0 '' "$imloom" slice nan -o n2 --no-label --nan background --log-dir logs --progress none
grep -q '(background)' n2/dataset_info.json || fail "no word about what became of them"
expect 0 '' "$imloom" slice nan -o n3 --no-label --norm none --log-dir logs --progress none
grep -q '(kept)' n3/dataset_info.json || fail "norm none keeps NaN with a warning"
# Analyze 7.5 says nothing about orientation.
mkdir -p an/imagesTr
"$make" an/imagesTr/v_0000.hdr version=0
expect 0 '' "$imloom" slice an -o a1 --no-label --log-dir logs --progress none
grep -q '"code": "analyze"' a1/dataset_info.json || fail "no warning about Analyze"
expect 3 '' "$imloom" slice an -o a2 --no-label --axis axial --log-dir logs --progress none
grep -q 'needs an orientation' a2/.imloom/bad.jsonl || fail "--axis axial without orientation"
echo ok
