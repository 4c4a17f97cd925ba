#!/usr/bin/env bash
# What is refused before the first item: one sentence, exit 1, nothing written.
set -euo pipefail
. "$source/tests/cli/lib.sh"
make="$build/tests/make_nifti"
mkdir -p in/imagesTr in/labelsTr empty
"$make" in/imagesTr/a_0000.nii.gz; "$make" in/labelsTr/a.nii.gz type=2 label=1
no() { # REGEX ARGS...
    local regex=$1; shift
    expect 1 "$regex" "$imloom" slice "$@" --log-dir logs --progress none
    one_sentence
    [ ! -e out ] || fail "something was written: $*"
}
no 'where to\? give -o' in
no 'what is to be sliced' -o out
no 'absent cannot be read' absent -o out
no 'empty/imagesTr is not there' empty -o out
no 'no volume was found.*--case leaves none' in -o out --case 'zz*'
mkdir -p nothing/imagesTr nothing/labelsTr
no 'no volume was found .looked for \*.nii' nothing -o out
mkdir -p half/imagesTr; cp in/imagesTr/* half/imagesTr
no 'labelsTr is not there; --no-label' half -o out
no 'splits 0.8,0.3' in -o out --splits 0.8,0.3
no 'together at most 1' in -o out --splits 0.8,0.3,0.1
no '--num.workers|--workers' in -o out --num_workers -2
no 'i16 keeps whole numbers' in -o out --dtype i16
no 'u8 needs a norm into 0..1' in -o out --dtype u8
no 'clip_min is above' in -o out --clip_min 5 --clip_max 1
no '--axis 3' in -o out --axis 3
no '--orient RRS' in -o out --orient RRS
no '--crop 1:2' in -o out --crop 1:2
no 'crop 5:2,:,:: nothing lies in 5:2' in -o out --crop 5:2,:,:
no 'nothing lies in -2:-2' in -o out --crop :,:,-2:-2
no 'channels 0,1,0: 0 is named twice' in -o out --channels 0,1,0
no 'train_ratio .0.8. and --val_ratio .0.1. are shares' in -o out --train_ratio 2
no 'folds 2 needs as many cases; there is 1' in -o out --folds 2
no '--size 5' in -o out --size 5
no 'percentile:A,B' in -o out --norm percentile:99,1
no 'only windows stand beside each other' in -o out --norm zscore --norm window:lung
no 'L,W with W above 0' in -o out --norm window:knee
no 'level 5: 0, 1, 6 or 9' in -o out --level 5
no 'FROM:TO in whole numbers' in -o out --label-map 1:x
no 'mapped twice' in -o out --label-map 1:2,1:3
no 'A:B' in -o out --slices 1,2
no 'layout split needs --splits' in -o out --layout split
no 'a group' in -o out --patient-regex 'x.*'
no 'numpy, hash or file' in -o out --split-method dice
no 'give one of them' in -o out --no_normalize --norm ct
no 'only for --norm ct|is for --norm ct' in -o out --stats x.json
no 'cannot open x.json' in -o out --norm ct --stats x.json
echo '{"spacings": []}' >x.json
no 'x.json: it has no foreground_intensity' in -o out --norm ct --stats x.json
ct() { echo "{\"foreground_intensity_properties_per_channel\": {\"0\": {\"mean\": 1, \"std\": $1, \"percentile_00_5\": $2, \"percentile_99_5\": $3}}}" >x.json; }
ct -1 1 5; no 'x.json: channel 0: its std is negative' in -o out --norm ct --stats x.json
ct 1 5 1; no 'x.json: channel 0: its percentile_00_5 is above' in -o out --norm ct --stats x.json
printf 'case,patient\na,"p"\n' >map.csv; no 'map.csv:2: a line is CASE,PATIENT, without quotes' in -o out --patient-map map.csv
printf 'p,a\n' >map.csv; no 'map.csv: none of its cases' in -o out --patient-map map.csv
printf 'a,p\na,q\n' >map.csv; no 'map.csv:2: case a is of patient p already' in -o out --patient-map map.csv
no 'labelled voxels: give labels, or a fingerprint' in -o out --norm ct --no-label
no 'whole set: write it once with --stats-only' in -o out --norm ct --shard 0/2
for later in npy png16 planes nnunet nnunet2d wds; do no "format $later comes with a later version" in -o out --format $later; done
no 'format tiff: npz is the format' in -o out --format tiff
no '--spacing comes with a later version' in -o out --spacing 1,1,1
no '--interp comes with a later version' in -o out --interp cubic
no '--interp-z comes with a later version' in -o out --interp_z nearest
no '--antialias comes with a later version' in -o out --antialias off
no '--grid comes with a later version' in -o out --grid edges
no '--label-interp comes with a later version' in -o out --label-interp nearest
no '--keep-labels comes with a later version' in -o out --keep-labels
no '--volume x: a frame' in -o out --volume x
no '--volume -2: a frame' in -o out --volume=-2
no 'L,W with W above 0' in -o out --norm window:lung,window:knee
# What would have no effect.
no '--margin goes around' in -o out --margin 5
no '--margin goes around' in -o out --margin 5 --crop 1:,:,:
no '--min-label-pixels says which' in -o out --min-label-pixels 5
no '--keep-empty keeps' in -o out --keep-empty 0.5
no '--crop label needs labels' in -o out --crop label --no-label
no '--skip-empty label needs labels' in -o out --skip-empty label --no-label
no '--one-hot needs labels' in -o out --one-hot 3 --no-label
no '--label-map needs labels' in -o out --label-map 1:2 --no-label
no '--split-method hash needs --splits' in -o out --split-method hash
no '--label is of one volume; in is a set' in -o out --label in/labelsTr/a.nii.gz
no 'unknown|did you mean' in -o out --windw_size 2
echo 'x,y' >bad.csv
no 'columns case and image are needed' bad.csv -o out
printf 'case,image\na,"b' >bad.csv
no 'quotes that do not match' bad.csv -o out
echo '{"labels": ' >in/dataset.json
no 'dataset.json:2:1:' in -o out
rm in/dataset.json
# OUT with slices of another program.
mkdir other; cp in/imagesTr/a_0000.nii.gz other/a_000.npz; cp other/a_000.npz other/zz_000.npz
expect 1 'holds 2 .npz files that no run here made' "$imloom" slice in -o other --log-dir logs --progress none
one_sentence
expect 0 '' "$imloom" slice in -o other --overwrite --log-dir logs --progress none
[ -f other/zz_000.npz ] || fail "--overwrite removed a file that the plan does not write"
changed_settings_refused() {
    expect 0 '' "$imloom" slice in -o set --log-dir logs --progress none
    before=$(digest set)
    expect 1 'other settings.*window_size|other settings' "$imloom" slice in -o set --window_size 1 --log-dir logs --progress none
    [ "$(digest set)" = "$before" ] || fail "a refused run changed the set"
}
changed_settings_refused
# Strangers would stand in a set.
expect 1 'set/s.png' "$imloom" slice in -o set --sheet set/s.png --log-dir logs --progress none
one_sentence
expect 1 'set holds slices.*--stats-only another -o' "$imloom" slice in -o set --stats-only --log-dir logs --progress none
one_sentence
[ "$(digest set)" = "$before" ] || fail "a refused run changed the set"
# Older spellings mean the same.
expect 0 '' "$imloom" slice --input_dir in --output_dir old --window_size 2 --padding_mode replicate --num_workers 1 --log-dir logs --progress none
[ "$(digest old)" = "$before" ] || fail "older spellings give other bytes"
echo ok
