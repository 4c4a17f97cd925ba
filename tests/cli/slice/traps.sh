#!/usr/bin/env bash
# What older tools get wrong in silence, a function each (slice.md 10). Those that need more than one volume
# stand elsewhere: gzip, NaN, shapes and frames in faults.sh, deaths in deaths.sh, stale files in killed.sh.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
ras=sform=1,0,0,0,0,1,0,0,0,0,1,0
sliced() { # RC REGEX IN OUT ARGS
    expect "$1" "$2" "$imloom" slice "$3" -o "$4" --log-dir logs --progress none "${@:5}"
}
folder() { rm -rf "$1" "$1"_out*; mkdir -p "$1/imagesTr" "$1/labelsTr"; }
# The text of metadata.npy, which is UTF-32 of ASCII.
meta() { unzip -p "$1" metadata.npy | tail -c +129 | tr -d '\0'; }
names() { (cd "$1" && echo *.npz); }

axis_0_is_called_what_it_is() {
    folder a; "$make" a/imagesTr/v_0000.nii.gz $ras
    sliced 0 'Axis: *0.*sagittal' a a_out --no-label
    grep -q '"axis": 0, "plane": "sagittal"' <<<"$(meta a_out/v_000.npz)" || fail "axis 0 of a RAS volume is sagittal"
    sliced 0 'axial' a a_out2 --no-label --axis axial
    grep -q '"axis": 2, "plane": "axial"' <<<"$(meta a_out2/v_000.npz)" || fail "axial is axis 2"
}
only_the_last_channel_and_ending_leave_a_name() {
    folder b
    for c in x_0000 y.nii z; do "$make" "b/imagesTr/${c}_0000.nii.gz" dim=1,4,4; done
    sliced 0 'sliced 3 of 3' b b_out --no-label
    [ "$(names b_out)" = "x_0000_000.npz y.nii_000.npz z_000.npz" ] || fail "$(names b_out)"
}
one_clip_bound_works_alone() {
    folder c; "$make" c/imagesTr/v_0000.nii.gz
    sliced 0 '' c c_out --no-label --clip_min 50
    grep -q '"min": 50.0' <<<"$(meta c_out/v_000.npz)" || fail "clip_min alone"
    sliced 0 '' c c_out2 --no-label --clip_max 120
    grep -q '"max": 120.0' <<<"$(meta c_out2/v_000.npz)" || fail "clip_max alone"
    grep -A3 clip_range c_out2/dataset_info.json | tr -d ' \n' | grep -q '"clip_range":\[null,120.0\]' || fail "an open end is null"
}
labels_neither_wrap_nor_round() {
    folder d
    for c in wide half; do "$make" d/imagesTr/${c}_0000.nii.gz; done
    "$make" d/labelsTr/wide.nii.gz type=2 label=200; "$make" d/labelsTr/half.nii.gz type=16 at=40:0.9
    sliced 3 'half .label-values.' d d_out
    unzip -p d_out/wide_003.npz label.npy >label.bin; head -c 128 label.bin | grep -aq "'descr': '<i2'" || fail "label 200 needs 16 bits"
    [ "$(unzip -p d_out/wide_003.npz label.npy | tail -c 2 | od -An -d | tr -d ' ')" = 200 ] || fail "label 200 is another now"
    grep -q '"200": ' d_out/dataset_info.json || fail "label 200 is not counted"
}
a_failure_is_no_success() {
    folder e; "$make" e/imagesTr/v_0000.nii.gz flip=-6; "$make" e/imagesTr/w_0000.nii.gz
    sliced 3 'v .gzip-crc.' e e_out --no-label
    ! grep -qiE 'success|^done: 2 ' out.txt err.txt || fail "it speaks of success"
    [ "$(names e_out | wc -w)" = 6 ] || fail "the sound case is not sliced"
}
info_holds_what_an_earlier_run_made() {
    rm -rf in; make_data in
    sliced 0 '' in f_out --limit 2
    sliced 0 '' in f_out
    sliced 0 '' in f_ref
    cmp f_out/dataset_info.json f_ref/dataset_info.json || fail "another info after two runs"
    grep -q '"num_cases": 4' f_out/dataset_info.json || fail "not four cases"
}
train_ratio_is_read_and_folders_are_there() {
    sliced 0 '' in g_out --train_ratio 0.5 --val_ratio 0.25 --layout split
    for part in train val test; do [ -n "$(ls g_out/$part/*.npz)" ] || fail "no $part/"; done
    [ -z "$(ls g_out/*.npz 2>/dev/null)" ] || fail "flat files beside train/"
    sliced 0 '' in g_out2 --train_ratio 0.5 --val_ratio 0.25
    [ -n "$(ls g_out2/*.npz)" ] && [ ! -e g_out2/train ] || fail "flat is the default"
}
an_empty_part_is_told() {
    sliced 0 'empty' in h_out --splits 0.8,0.1,0.1
    tr -d ' \n' <h_out/splits.json | grep -q '"val":\[\]' || fail "four cases leave no val"
}
channels_subsets_and_dataset_json_are_read() {
    folder i; mkdir i/imagesTs
    for c in 0 1; do "$make" i/imagesTr/v_000$c.nii.gz value=$c type=16; done
    "$make" i/labelsTr/v.nii.gz type=2 label=7; "$make" i/imagesTs/t_0000.nii.gz
    echo '{"labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}' >i/dataset.json
    sliced 0 'note: 1 case has channels that --channels 0 leaves out' i i_out
    grep -q 'label 7 is not in dataset.json' i_out/dataset_info.json || fail "a label without a name is no warning"
    sliced 0 '' i i_out2 --channels 0,1
    grep -q '"num_channels": 10' <<<"$(meta i_out2/v_000.npz)" || fail "two channels are ten planes"
    sliced 0 '' i i_out3 --subset Ts
    [ "$(names i_out3)" = "$(echo t_00{0..5}.npz)" ] || fail "imagesTs: $(names i_out3)"
}
an_extension_is_no_voxel() {
    folder j; mkdir -p k/imagesTr
    "$make" j/imagesTr/v_0000.nii.gz; "$make" k/imagesTr/v_0000.nii.gz ext=12816
    sliced 0 '' j j_out --no-label; sliced 0 '' k k_out --no-label
    for f in j_out/*.npz; do cmp "$f" "k_out/${f##*/}"; done
}
an_offset_is_no_float() {
    rm -rf l l2; mkdir -p l/imagesTr l2/imagesTr
    "$make" l/imagesTr/v_0000.nii version=2
    "$make" far.nii version=2 offset=16777217
    { head -c 544 far.nii; head -c $((16777217 - 544)) /dev/zero; tail -c 240 far.nii; } >l2/imagesTr/v_0000.nii
    sliced 0 '' l l_out --no-label; sliced 0 '' l2 l2_out --no-label
    for f in l_out/*.npz; do cmp "$f" "l2_out/${f##*/}"; done
}
slice_1000_has_its_number() {
    folder m; "$make" m/imagesTr/v_0000.nii.gz dim=2,2,1003
    sliced 0 '1,003 slices' m m_out --no-label --axis 2
    for k in 000 999 1000 1002; do
        grep -q "\"slice_index\": $((10#$k)), \"total_slices\": 1003" <<<"$(meta m_out/v_$k.npz)" || fail "slice $k"
    done
    sliced 0 '' m m_out4 --no-label --axis 2 --digits 4
    [ -f m_out4/v_0999.npz ] && [ -f m_out4/v_1002.npz ] || fail "--digits 4"
}
sheared_axes_are_sliced() {
    folder n; "$make" n/imagesTr/v_0000.nii.gz sform=-1,0.001,0,0,0,-1,0,0,0,0,1,0
    sliced 0 'sliced 1 of 1' n n_out --no-label --axis axial
}
for t in axis_0_is_called_what_it_is only_the_last_channel_and_ending_leave_a_name one_clip_bound_works_alone \
    labels_neither_wrap_nor_round a_failure_is_no_success info_holds_what_an_earlier_run_made \
    train_ratio_is_read_and_folders_are_there an_empty_part_is_told channels_subsets_and_dataset_json_are_read \
    an_extension_is_no_voxel an_offset_is_no_float slice_1000_has_its_number sheared_axes_are_sliced; do
    $t
    echo "$t"
done
