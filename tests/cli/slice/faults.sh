#!/usr/bin/env bash
# Every row of slice.md 7 that damages a case: its code and its sentence; the others go on, nothing of a
# failed case stays, exit 3.
set -euo pipefail
. "$source/tests/cli/lib.sh"
make="$build/tests/make_nifti"
mkdir -p in/imagesTr in/labelsTr
: >want
img() { "$make" "in/imagesTr/$1_0000.nii.gz" "${@:2}"; }
seg() { "$make" "in/labelsTr/$1.nii.gz" type=2 label=1 "${@:2}"; }
row() { # CASE CODE REGEX
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>want
}
bad() { # CASE CODE REGEX IMAGE_KEYS...: a damaged image and a sound label
    img "$1" "${@:4}"; seg "$1"; row "$1" "$2" "$3"
}
# gzip
bad truncated gzip-truncated 'ends early' cut=9
bad crc gzip-crc 'gzip CRC differs \(file damaged\)' flip=-6
bad isize gzip-crc 'differs \(file damaged\)' flip=-1
bad garbage gzip-garbage 'behind' behind=junk
# what it is
bad empty not-nifti 'it is empty: copy it again' raw=
bad text not-nifti 'looks like text' raw='not a volume at all'
bad zeros not-nifti 'it holds nothing but zeros' raw=; head -c 600 /dev/zero | gzip >in/imagesTr/zeros_0000.nii.gz
bad lfs not-nifti 'pointer of Git LFS: git lfs pull' raw='version https://git-lfs.github.com/spec/v1'
bad annex not-nifti 'pointer of git-annex: git annex get' raw='/annex/objects/SHA256E-s1--ab.nii.gz'
bad html not-nifti 'a web page: the download went wrong' raw='<!DOCTYPE html><html><body>Sign in</body></html>'
bad xz not-nifti 'looks like xz' raw=$'\xfd7zXZ'
bad other not-nifti 'it begins with 07 ff 41' raw=$'\x07\xffA'
{ head -c 128 /dev/zero; printf 'DICM'; } >in/imagesTr/dicom_0000.nii; seg dicom; row dicom not-nifti 'looks like.* DICOM'
bad png not-nifti 'looks like a PNG' raw=$'\x89PNG\r\n'
bad magic not-nifti 'without its magic' magic=xyz
# types
bad bitpix dtype 'bitpix is 32, but int16 has 16' bits=32
bad rgb dtype 'RGB24.*store grey' type=128
bad rgba dtype 'RGBA32.*store grey' type=2304
bad complex dtype 'complex64.*magnitude' type=32
bad f128 dtype 'float128' type=1536
bad binary dtype 'binary' type=1
# sizes
bad zerodim dims 'dimension 2 is 0' dim=6,0,4
bad negdim dims 'dimension 1 is -3' dim=-3,5,4
bad huge dims 'cannot hold them' dim=30000,30000,30000
bad overflow dims 'more than can be addressed' version=2 dim=2000000000,2000000000,2000000000
bad offset offset 'vox_offset is 100' offset=100
bad half offset '352.5' offset=352.5
bad inext offset 'inside a header extension' ext=64 offset=368
bad short short-data '10 bytes of voxels are missing of 240' short=10
bad headonly short-data '240 bytes of voxels are missing of 240' short=242
"$make" in/imagesTr/plain_0000.nii short=242; seg plain; row plain short-data '240 bytes of voxels are missing of 240'
bad far offset 'vox_offset is 4611686018427387904, which is no place' version=2 offset=4611686018427387904
bad frames frames '3 frames.*--volume' dim=6,5,4,3
bad fived frames '5 dimensions' dim=6,5,4,2,2
bad vector frames '5 dimensions' dim=6,5,4,1,3
# scaling, orientation
bad inter scale 'scl_inter is not a number' slope=2 inter=nan
# values
bad nan nan ': 1 NaN or infinite voxel, the first at .1, 1, 0.; --nan' type=16 at=7:nan
bad inf nan ': 1 NaN or infinite voxel, the first at .5, 1, 0.; --nan' type=16 at=11:-inf
# labels
img nolabel; row nolabel label-missing 'no label; --no-label'
img shape; seg shape dim=5,6,4; row shape label-shape 'it is 5x6x4, the image 6x5x4'
img frac; seg frac type=16 at=3:0.5; row frac label-values 'value 0.5 at voxel .3, 0, 0. is no label'
img scaled; seg scaled slope=0.5; row scaled label-values 'value 0.5 at voxel .2, 2, 0. is no label'
img lnan; seg lnan type=64 at=9:nan; row lnan label-values 'at voxel .3, 1, 0. is no label'
img wide; seg wide type=64 at=9:5e9; row wide label-values '5000000000|5e.09 at voxel .3, 1, 0.'
img lcrc; seg lcrc flip=-6; row lcrc gzip-crc 'labelsTr/lcrc.nii.gz: gzip CRC differs'
img lframes; seg lframes dim=6,5,4,2; row lframes label-shape 'a label is one volume'
# names and pairs
img twice; "$make" in/imagesTr/twice_0000.nii; seg twice; row twice duplicate 'same channel'
img ltwice; seg ltwice; "$make" in/labelsTr/ltwice.nii type=2 label=1; row ltwice duplicate 'both its label'
img $'ctrl\x01x'; seg $'ctrl\x01x'; row $'ctrl' name 'holds a control byte'
img $'utf\xff'; seg $'utf\xff'; row $'utf' name 'no UTF-8'
"$make" in/imagesTr/pair_0000.hdr alone=1; seg pair; row pair pair-missing 'the .img'
"$make" in/imagesTr/half_b_0000.hdr; rm in/imagesTr/half_b_0000.hdr; seg half_b; row half_b pair-missing 'the .hdr'
# and the sound ones
for c in good_a good_b; do img $c; seg $c; done

expect 3 'sliced 2 of [0-9]+ cases, 12 slices' "$imloom" slice in -o out --log-dir logs --progress none
grep -q "cases failed: .*crc (gzip-crc)" err.txt out.txt || fail "the failed ones are not named"
[ "$(ls out/*.npz | sed 's/.*\///; s/_[0-9]*\.npz//' | sort -u | tr '\n' ' ')" = "good_a good_b " ] || fail "files of a failed case: $(ls out)"
no_temporaries out
n=0
while IFS=$'\t' read -r case code regex; do
    line=$(grep -aE "\"path\":\"$case" out/.imloom/bad.jsonl | sed -n 1p || true)
    [ -n "$line" ] || fail "$case is not bad"
    grep -qaF "[$code]" <<<"$line" || fail "$case: $line, not [$code]"
    grep -qaE "slice: case [^:]*: .*($regex).*; case not sliced" <<<"$line" || fail "$case: '$line' does not say $regex"
    grep -qaF '"class":"ITEM"' <<<"$line" || fail "$case: not class ITEM"
    n=$((n + 1))
done <want
! grep -aE 'slice: case.*slice: case' out/.imloom/bad.jsonl || fail "a sentence stands within a sentence"
[ "$(grep -c '"code"' out/dataset_info.json)" = "$n" ] || fail "dataset_info.json has not $n failed cases"
# The same bytes as without them.
failed_case_leaves_nothing() {
    mkdir -p alone/imagesTr alone/labelsTr
    cp in/imagesTr/good_* alone/imagesTr; cp in/labelsTr/good_* alone/labelsTr
    expect 0 '' "$imloom" slice alone -o out2 --log-dir logs --progress none
    for f in out2/*.npz; do cmp "$f" "out/${f##*/}"; done
}
failed_case_leaves_nothing
# A case that is mended is sliced; one that breaks loses what an earlier run had made.
img crc
expect 3 'sliced 3 of' "$imloom" slice in -o out --log-dir logs --progress none --retry-bad || true
[ -f out/crc_000.npz ] || fail "a mended case is not sliced"
# Channels: one that is missing, one of another shape; an affine that says nothing of an axis.
mkdir -p ch/imagesTr
for c in none shape sound; do "$make" ch/imagesTr/${c}_0000.nii.gz; done
"$make" ch/imagesTr/shape_0001.nii.gz dim=6,4,4; "$make" ch/imagesTr/sound_0001.nii.gz type=16
expect 3 'sliced 1 of 3' "$imloom" slice ch -o ch_out --no-label --channels 0,1 --log-dir logs --progress none
failed() { # OUT CASE CODE REGEX
    line=$(grep -aE "\"path\":\"$2\"" "$1/.imloom/bad.jsonl") || fail "$2 is not bad"
    grep -qaF "[$3]" <<<"$line" && grep -qaE "slice: case $2: .*$4.*; case not sliced" <<<"$line" || fail "$line is not $3, $4"
    [ -z "$(find "$1" -name "$2_*")" ] || fail "$2 leaves files"
}
failed ch_out none channel 'channel 1 is missing'
failed ch_out shape channel 'shape_0001.nii.gz: it is 6x4x4, the first channel 6x5x4'
mkdir -p flat/imagesTr
"$make" flat/imagesTr/v_0000.nii.gz sform=1,0,0,0,0,1,0,0,0,0,0,0
expect 3 'sliced 0 of 1' "$imloom" slice flat -o flat_out --no-label --axis axial --log-dir logs --progress none
failed flat_out v orient '--axis axial needs an orientation'
expect 0 'sliced 1 of 1' "$imloom" slice flat -o flat_0 --no-label --log-dir logs --progress none
# A file that changes while it is read is tried again, once.
mkdir -p live/imagesTr
"$make" live/imagesTr/v_0000.nii.gz dim=120,120,120
while :; do touch live/imagesTr/v_0000.nii.gz; done &
busy=$!
rc=0; "$imloom" slice live -o live_out --no-label --axis 2 --memory 1K --log-dir logs --progress none >out.txt 2>err.txt || rc=$?
kill $busy; wait $busy 2>/dev/null || true
[ $rc = 3 ] || { cat err.txt; fail "exit $rc with a file that changes"; }
failed live_out v changed 'the file changed while it was read'
# Dimensions that lie are refused before anything is allocated for them.
mkdir -p big/imagesTr
"$make" big/imagesTr/v_0000.nii version=2 dim=60000,60000,4
(ulimit -v 8000000; expect 3 'sliced 0 of 1' "$imloom" slice big -o big_out --no-label --max-pixels 1e12 --log-dir logs --progress none)
failed big_out v dims 'cannot hold them'
echo ok
