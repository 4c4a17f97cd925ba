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
bad isize gzip-crc '' flip=-1
bad garbage gzip-garbage 'behind' behind=junk
# what it is
bad empty not-nifti 'looks like empty' raw=
bad text not-nifti 'looks like text' raw='not a volume at all'
bad png not-nifti 'looks like a PNG' raw=$'\x89PNG\r\n'
bad magic not-nifti 'without its magic' magic=xyz
# types
bad bitpix dtype 'bitpix is 32, but int16 has 16' bits=32
bad rgb dtype 'RGB24.*store grey' type=128
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
bad frames frames '3 frames.*--volume' dim=6,5,4,3
bad fived frames '5 dimensions' dim=6,5,4,2,2
# scaling, orientation
bad inter scale 'scl_inter is not a number' slope=2 inter=nan
# values
bad nan nan '1 voxels are NaN or infinite, the first at voxel 7; --nan' type=16 at=7:nan
# labels
img nolabel; row nolabel label-missing 'no label; --no-label'
img shape; seg shape dim=5,6,4; row shape label-shape 'it is 5x6x4, the image 6x5x4'
img frac; seg frac type=16 at=3:0.5; row frac label-values 'value 0.5 at voxel 3 is no label'
img lnan; seg lnan type=64 at=9:nan; row lnan label-values 'at voxel 9 is no label'
img wide; seg wide type=64 at=9:5e9; row wide label-values '5000000000|5e.09 at voxel 9'
img lcrc; seg lcrc flip=-6; row lcrc gzip-crc 'labelsTr/lcrc.nii.gz: gzip CRC differs'
img lframes; seg lframes dim=6,5,4,2; row lframes label-shape 'a label is one volume'
# names and pairs
img twice; "$make" in/imagesTr/twice_0000.nii; seg twice; row twice duplicate 'same channel'
img ltwice; seg ltwice; "$make" in/labelsTr/ltwice.nii type=2 label=1; row ltwice duplicate 'both its label'
img $'ctrl\x01x'; seg $'ctrl\x01x'; row $'ctrl' name 'control bytes'
img $'utf\xff'; seg $'utf\xff'; row $'utf' name 'UTF-8'
"$make" in/imagesTr/pair_0000.hdr alone=1; seg pair; row pair pair-missing 'the .img'
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
[ "$(grep -c '"code"' out/dataset_info.json)" = "$n" ] || fail "dataset_info.json has not $n failed cases"
# failed_case_leaves_nothing: the same bytes as without them.
mkdir -p alone/imagesTr alone/labelsTr
cp in/imagesTr/good_* alone/imagesTr; cp in/labelsTr/good_* alone/labelsTr
expect 0 '' "$imloom" slice alone -o out2 --log-dir logs --progress none
for f in out2/*.npz; do cmp "$f" "out/${f##*/}"; done
# A case that is mended is sliced; one that breaks loses what an earlier run had made.
img crc
expect 3 'sliced 3 of' "$imloom" slice in -o out --log-dir logs --progress none --retry-bad || true
[ -f out/crc_000.npz ] || fail "a mended case is not sliced"
echo ok
