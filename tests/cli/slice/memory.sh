#!/usr/bin/env bash
# The same bytes whether a case lies in memory, passes by plane by plane, or slab by slab.
set -euo pipefail
. "$source/tests/cli/lib.sh"
make="$build/tests/make_nifti"
mkdir -p in/imagesTr in/labelsTr
"$make" in/imagesTr/a_0000.nii.gz dim=70,65,61; "$make" in/labelsTr/a.nii.gz dim=70,65,61 type=2 label=3
"$make" in/imagesTr/b_0000.nii dim=33,40,50 type=16; "$make" in/labelsTr/b.nii.gz dim=33,40,50 type=64 label=2
"$make" in/imagesTr/c_0000.nii.gz dim=130,90,20 type=512 slope=0.5 inter=-10 sform=0,0,-1,0,-1,0,0,0,0,1,0,0
"$make" in/labelsTr/c.nii.gz dim=130,90,20 type=8 label=300 sform=0,0,-1,0,-1,0,0,0,0,1,0,0
sliced() { expect 0 'sliced 3 of 3' "$imloom" slice in --log-dir logs --progress none "$@"; }
n=0
while read -r args; do
    n=$((n + 1))
    # shellcheck disable=SC2086
    sliced -o "whole$n" $args
    for memory in 1K 40K 200K; do
        # shellcheck disable=SC2086
        sliced -o "part$n-$memory" $args --memory $memory
        [ "$(digest "whole$n")" = "$(digest "part$n-$memory")" ] || fail "other bytes with --memory $memory: $args"
    done
    rm -rf part*
done <<'END'
--axis 0
--axis 1 --step 3 --window_size 3 --padding_mode reflect
--axis 2
--axis 2 --crop 3:60,4:33,2:19 --norm percentile:1,99 --dtype u8
--axis 0 --crop 3:30,4:33,2:19 --one-hot 4 --size 70,70
--axis axial --orient LPS
--axis sagittal --orient RAS --plane display
--axis 2 --slices 3:17:2 --clip_min 20 --level 1
--axis 1 --norm window:40,80 --norm window:100,50 --dtype f16 --no-label
END
# A file that changes between the passes fails its case, which leaves nothing: held by t_nifti's
# a_file_that_changes_is_tried_again for one pass; here a damaged end is found by the first.
printf x >>in/imagesTr/a_0000.nii.gz
expect 3 'sliced 2 of 3' "$imloom" slice in -o bad --axis 2 --memory 1K --log-dir logs --progress none
[ -z "$(ls bad/a_* 2>/dev/null)" ] || fail "a damaged case has left files"
grep -q 'gzip-garbage' bad/.imloom/bad.jsonl || fail "the damage has another name"
echo ok
