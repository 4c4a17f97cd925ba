# the_manual_s_commands_run: every ```sh line of docs/slice.md on a small set, its options and its example in C; nothing of
# --help is missing in it.
page=$source/docs/slice.md
make="$build/tests/make_nifti"
ras="sform=1,0,0,-10,0,1,0,-10,0,0,2,5 zoom=1,1,2"
mkdir -p Dataset006/imagesTr Dataset006/labelsTr Dataset006/imagesTs damaged/imagesTr damaged/labelsTr
for case in aa ab ba bb c; do
    # shellcheck disable=SC2086
    for channel in 0000 0001; do "$make" Dataset006/imagesTr/${case}_$channel.nii.gz dim=20,24,11 $ras; done
    # shellcheck disable=SC2086
    "$make" Dataset006/labelsTr/$case.nii.gz dim=20,24,11 type=2 label=2 $ras
done
cp Dataset006/imagesTr/c_0000.nii.gz Dataset006/imagesTs
cp Dataset006/imagesTr/c_0000.nii.gz ct.nii.gz
cp Dataset006/labelsTr/c.nii.gz seg.nii.gz
cp Dataset006/imagesTr/a*_0000.nii.gz damaged/imagesTr
cp Dataset006/labelsTr/a*.nii.gz damaged/labelsTr
"$make" damaged/imagesTr/bad_0000.nii.gz dim=20,24,11 cut=400
"$make" damaged/labelsTr/bad.nii.gz dim=20,24,11 type=2 label=1
{
    echo case,image,image2,label,patient
    for case in aa ab ba; do echo "$case,Dataset006/imagesTr/${case}_0000.nii.gz,Dataset006/imagesTr/${case}_0001.nii.gz,Dataset006/labelsTr/$case.nii.gz,${case%?}"; done
} >cases.csv
n=0
imloom() { "$imloom" "$@"; }
awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' "$page" >commands.txt
while read -r line; do
    want=0 rc=0
    [[ $line != *'# exit 3' ]] || want=3
    eval "$line" >out.txt 2>err.txt </dev/null || rc=$?
    [ $rc = $want ] || { tail -5 err.txt; fail "exit $rc instead of $want: $line"; }
    n=$((n + 1))
done <commands.txt
[ $n -ge 18 ] || fail "only $n commands were found"
[ -s sheet.png ] && [ -s shared/manifest.json ] && [ -s split/splits_final.json ] && [ -d folders/train ] || fail "commands left too little behind"
expect 0 'sound' "$imloom" verify out
# Options: every one that is named exists, and every one of slice's own is named.
"$imloom" slice --help >help.txt
sed -n '/^options:/,/^common options:/p' help.txt | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u >own.txt
tr _ - <"$page" | grep -oE -- '--[a-z][a-z-]+' | sort -u >named.txt
missing=$(comm -23 own.txt named.txt)
[ -z "$missing" ] || fail "not in the manual: $(echo $missing)"
while read -r option; do
    "$imloom" slice "$option" --dry-run >out.txt 2>&1 </dev/null || true
    if grep -q 'no option' out.txt && ! grep -qe "$option" <<<"$("$imloom" bench --help)"; then fail "$option is in the manual, but no option"; fi
done < <(comm -13 own.txt named.txt)
# The codes of the tables are the program's.
for code in gzip-truncated gzip-crc label-missing label-shape label-values frames channel nan orient duplicate; do
    grep -q "\`$code\`" "$page" || fail "code $code is not in the manual"
    grep -rqF "\"$code\"" "$source"/src/slice "$source"/src/codec "$source"/src/io || fail "code $code is not in the program"
done
# The example in C.
grep -q 'IML_SANITIZE:STRING=.' "$build/CMakeCache.txt" && exit 0
awk '/^```c$/ {on = 1; next} /^```$/ {on = 0} on' "$page" >use.c
lib=$(find "$build" -name 'libimloom.so' | sed -n 1p)
[ -n "$lib" ] || fail "no shared library was built"
cc -std=c17 -Wall -Wextra -Werror -I"$source/include" use.c -L"$(dirname "$lib")" -limloom -Wl,-rpath,"$(dirname "$lib")" -o use
expect 0 '^5 cases sliced, 0 refused$' ./use Dataset006 by-c
expect 0 '^0 cases sliced, 1 refused$|^2 cases sliced, 1 refused$' ./use damaged by-c2
expect 1 'absent cannot be read' ./use absent by-c3
[ -s by-c/c_010.npz ] || fail "the example made no slices"
