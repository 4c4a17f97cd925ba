#!/usr/bin/env bash
# Which file is which channel: numbers, frames, columns; the same plane of every slice is the same one.
set -euo pipefail
. "$source/tests/cli/lib.sh"
make="$build/tests/make_nifti"
sliced() { # RC REGEX IN OUT ARGS
    expect "$1" "$2" "$imloom" slice "$3" -o "$4" --no-label --norm none --window_size 0 --log-dir logs --progress none "${@:5}"
}
failed() { # OUT CASE CODE REGEX
    line=$(grep -E "\"path\":\"$2\"" "$1/.imloom/bad.jsonl") || fail "$2 is not bad"
    grep -qF "[$3]" <<<"$line" && grep -qE "slice: case $2: .*$4.*; case not sliced" <<<"$line" || fail "$line is not $3, $4"
    [ -z "$(find "$1" -type f -name "$2_*.npz")" ] || fail "$2 leaves files"
}
# First voxel of each channel of a slice of 6x5x4: 20 values of 4 bytes a plane.
firsts() { unzip -p "$1" image.npy | tail -c +129 | od -An -v -w80 -t f4 | awk '{printf "%s ", $1}'; }
is() { [ "$(firsts "$1")" = "$2 " ] || fail "$1 holds $(firsts "$1") instead of $2"; }
img() { "$make" "$1/imagesTr/$2.nii.gz" type=16 "${@:3}"; }

all_means_the_same_channels_everywhere() {
    mkdir -p a/imagesTr
    img a a_0000 value=1
    img a b_0000 value=2; img a b_0001 value=3
    img a c_0000 value=4; img a c_0001 value=5; img a c_0002 value=6
    sliced 3 'sliced 1 of 3.* 3 channels' a a_out --channels all
    failed a_out a channel 'channel 1 is missing, which b has; --channels all'
    failed a_out b channel 'channel 2 is missing, which c has'
    is a_out/c_000.npz '4 5 6'
    grep -q '"total_channels": 3' a_out/dataset_info.json || fail "three channels are told otherwise"
    sliced 0 'total channels: 2' a a_b --channels all --case b
    is a_b/b_000.npz '2 3'
    rm a/imagesTr/b_0001.nii.gz; ln -s /nowhere a/imagesTr/b_0001.nii.gz
    sliced 3 'b .unreadable' a a_dead --channels all --case b
}
one_number_twice_is_refused() {
    mkdir -p d/imagesTr
    img d v_0000; "$make" d/imagesTr/v_0000.nii
    sliced 3 'v .duplicate' d d_out --channels all
}
frames_of_a_file_without_number_are_channels() {
    mkdir -p f/imagesTr
    img f m dim=6,5,4,3 value=7 at=120:8
    img f n dim=6,5,4,3 value=7 at=240:9
    sliced 3 'm .frames' f f_none
    failed f_none m frames '3 frames; choose one with --volume N, or make channels of them with --channels 0,1 or all'
    sliced 0 'total channels: 2' f f_two --channels 1,0
    is f_two/m_000.npz '8 7'
    sliced 0 'total channels: 1' f f_one --channels 2
    is f_one/n_000.npz 9
    sliced 0 'total channels: 3' f f_all --channels all
    is f_all/m_000.npz '7 8 7'
    sliced 0 'total channels: 1' f f_volume --volume 1 --channels all
    is f_volume/m_000.npz 8
    sliced 3 '' f f_far --channels 0,3
    failed f_far m channel 'channel 3 is missing; it has 3 frames'
    sliced 3 '' f f_both --channels 0,1 --volume 1
    failed f_both m channel '--volume takes one of its frames'
    sliced 0 'total channels: 2' f/imagesTr/m.nii.gz f_file --channels 0,1
    img f o dim=6,5,4,2
    sliced 3 'sliced 2 of 3' f f_odd --channels all
    failed f_odd o channel 'it has 2 frames, m 3; --channels all needs as many of each'
}
columns_of_a_csv_are_channels() {
    printf 'case,image,image2,image3\nx,a/imagesTr/c_0000.nii.gz,,a/imagesTr/c_0002.nii.gz\n' >t.csv
    printf 'y,a/imagesTr/c_0000.nii.gz,a/imagesTr/c_0001.nii.gz,a/imagesTr/c_0002.nii.gz\n' >>t.csv
    sliced 3 'sliced 1 of 2' t.csv t_out --channels all
    failed t_out x channel 'channel 1 is missing, which y has'
    is t_out/y_000.npz '4 5 6'
    sliced 0 '' t.csv t_two --channels 2,0
    is t_two/x_000.npz '6 4'
    printf 'case,image\nx,f/imagesTr/m.nii.gz\n' >u.csv
    sliced 0 '' u.csv u_out --channels 0,1
    is u_out/x_000.npz '7 8'
}
a_number_alone_is_taken_by_its_name() {
    sliced 0 '' a/imagesTr/c_0001.nii.gz one_default
    is one_default/c_000.npz 5
    sliced 0 '' a/imagesTr/c_0001.nii.gz one_named --channels 1
    is one_named/c_000.npz 5
    sliced 3 'c .channel' a/imagesTr/c_0001.nii.gz one_other --channels 2
}
# A name that leads to no file is a case that fails, image or label; nothing is left out in silence.
what_is_no_file_is_unreadable() {
    mkdir -p g/imagesTr/folder_0000.nii.gz g/labelsTr
    for c in dead fifo folder label loop sound; do "$make" g/labelsTr/$c.nii.gz type=2 label=1; done
    img g sound_0000; img g label_0000
    ln -s /nowhere g/imagesTr/dead_0000.nii.gz
    ln -s loop_0000.nii.gz g/imagesTr/loop_0000.nii.gz
    mkfifo g/imagesTr/fifo_0000.nii.gz
    rm g/labelsTr/label.nii.gz; ln -s /nowhere g/labelsTr/label.nii.gz
    expect 3 'sliced 1 of 6' timeout 60 "$imloom" slice g -o g_out --log-dir logs --progress none
    failed g_out dead unreadable 'imagesTr/dead_0000.nii.gz: it cannot be opened: No such file'
    failed g_out loop unreadable 'imagesTr/loop_0000.nii.gz: it cannot be opened: Too many'
    failed g_out fifo unreadable 'imagesTr/fifo_0000.nii.gz: it is no regular file'
    failed g_out folder unreadable 'imagesTr/folder_0000.nii.gz: it is no regular file'
    failed g_out label unreadable 'labelsTr/label.nii.gz: it cannot be opened'
    expect 3 '' "$imloom" slice g -o g_dry --dry-run --log-dir logs --progress none
    # What comes to be there is sliced.
    rm g/imagesTr/dead_0000.nii.gz; img g dead_0000
    expect 3 'sliced 2 of 6' "$imloom" slice g -o g_out --retry-bad --log-dir logs --progress none
    [ -f g_out/dead_000.npz ] || fail "a link that leads somewhere again is not sliced"
}
# A value that is too large for half precision is no infinity.
f16_holds_what_it_stores() {
    mkdir -p h/imagesTr
    img h real_0000 at=50:1e5; "$make" h/imagesTr/whole_0000.nii.gz slope=1000; img h fits_0000 at=50:65504
    sliced 3 'sliced 1 of 3' h h_out --dtype f16
    failed h_out real dtype 'f16 holds values within -65504..65504'
    failed h_out whole dtype 'f16 holds values within -65504..65504'
    "$make" h/imagesTr/inf_0000.nii.gz type=16 at=7:inf
    sliced 0 'sliced 1 of 1' h h_inf --dtype f16 --case inf
}
names_that_cannot_be_are_told_why() {
    printf 'case,image\n../up,a/imagesTr/c_0000.nii.gz\n.,a/imagesTr/c_0000.nii.gz\n%0300d,a/imagesTr/c_0000.nii.gz\n' 7 >v.csv
    sliced 3 'sliced 0 of 3' v.csv v_out
    grep -q 'its name holds a slash' v_out/.imloom/bad.jsonl && grep -q 'a part of it is longer than 255 bytes' v_out/.imloom/bad.jsonl &&
        grep -q 'it has a part' v_out/.imloom/bad.jsonl || fail "$(cat v_out/.imloom/bad.jsonl)"
}
names_cannot_move_the_terminal() {
    mkdir -p n/imagesTr
    "$make" n/imagesTr/$'e\x1b[31m\nx_0000.nii.gz'
    sliced 3 '1 case failed: e.\[31m.x .name' n n_out
    ! grep -q $'\x1b' out.txt err.txt || fail "a name reaches the terminal"
}
all_means_the_same_channels_everywhere
one_number_twice_is_refused
frames_of_a_file_without_number_are_channels
columns_of_a_csv_are_channels
a_number_alone_is_taken_by_its_name
what_is_no_file_is_unreadable
f16_holds_what_it_stores
names_that_cannot_be_are_told_why
names_cannot_move_the_terminal
echo ok
