#!/usr/bin/env bash
# The contact sheet: a golden for any workers and mode, red rows for warnings and failures, names of dataset.json, and a
# finished set's sheet is left alone.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
make_data in
"$make" in/imagesTr/zz_0000.nii.gz dim=20,20,9 cut=300
"$make" in/labelsTr/zz.nii.gz dim=20,20,9 type=2 label=1
printf '{"labels": {"background": 0, "lesion": 1, "vessel": 3, "cyst": 2, "bone": 200}}' >in/dataset.json
run() { # OUT SHEET ARGS
    expect 3 'contact sheet: ' "$imloom" slice in -o "$1" --window_size 0 --sheet "$2" --sheet-cases 5 --sheet-slices 4 \
        --log-dir logs --progress none "${@:3}"
}
run a a.png
# The checksum is of a picture that was looked at.
golden=$source/tests/golden/slice_sheet.cksum
[ -z "${IML_GOLDEN:-}" ] || cksum <a.png >"$golden"
[ "$(cksum <a.png)" = "$(cat "$golden")" ] || fail "not the sheet that was looked at"
cp a.png first.png
for how in "--workers 0" "--workers 3" "--workers 2 --mode process" "--axis 0 --layout case"; do
    rm -rf b b.png
    # shellcheck disable=SC2086
    run b b.png $how
    [ "$how" = "--axis 0 --layout case" ] || cmp a.png b.png || fail "another sheet with $how"
done
# Other axes show other planes; the same ones look the same however they are stored.
rm -rf b b.png; run b b.png --axis 2
cmp -s a.png b.png && fail "axis 2 looks like axis 0"
rm -rf c c.png; run c c.png --axis 2 --plane display --size 30,30
cmp b.png c.png || fail "--plane and --size show in the sheet"
# A finished set: the sheet stands as it is; where it is gone it is made again.
touch -d @1000 a.png
expect 3 '' "$imloom" slice in -o a --window_size 0 --sheet a.png --sheet-cases 5 --sheet-slices 4 --log-dir logs --progress none
[ "$(stat -c %Y a.png)" = 1000 ] || fail "a finished set's sheet was made again"
rm a.png
run a a.png
cmp a.png first.png
# Refused, or failed where nothing can be written.
expect 1 'end its name in .png' "$imloom" slice in -o d --sheet s.jpg --log-dir logs --progress none
one_sentence
expect 2 'cannot open the directory in/dataset.json' "$imloom" slice in -o d --sheet in/dataset.json/s.png --log-dir logs --progress none
[ -e d/dataset_info.json ] || fail "the set is gone with the sheet"
