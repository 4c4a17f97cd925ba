#!/usr/bin/env bash
# bench_slice_prints_a_table: a line a number of workers, of the set as it would be sliced; nothing is left behind.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
make_data in
bench() { "$imloom" bench slice "$@" --dir "$PWD/w" --rounds 1; }
expect 0 '^workers   wall s    CPU s  slices/s  efficiency  peak MB$' bench in --workers 1,2,0
grep -q '^221 slices of in; [0-9]* CPUs (.*); the least of 1 rounds$' out.txt || { cat out.txt; fail "no heading"; }
awk 'NR > 2 {w = w $1 " "; if ($2 <= 0 || $3 <= 0 || $4 <= 0 || $5 <= 0 || $6 <= 0) exit 1; if (NR == 3 && $5 != "1.00") exit 1}
     END {exit !(NR == 5 && w == "1 2 0 ")}' out.txt || { cat out.txt; fail "not a table of 1 2 0"; }
[ ! -e w/slices ] && [ ! -e w/logs ] || fail "slices are left behind"
# Options behind -- are slice's own.
expect 0 '^118 slices of in; ' "$imloom" bench slice in --dir w --rounds 1 --workers 1 -- --axis axial --level 1
expect 0 '' bench in # as many as there are CPUs
[ "$(wc -l <out.txt)" -ge 4 ] || fail "fewer than two rows"
expect 1 'bench slice needs a set' bench
one_sentence
expect 2 'failed .exit 1.: imloom: absent cannot be read' bench absent
one_sentence
expect 1 'workers 1,x: auto, 0..4096, or such as 1,2,4' bench in --workers 1,x
one_sentence
# A damaged case is no measure of speed.
"$make" in/imagesTr/zz_0000.nii.gz dim=20,20,9 cut=300
"$make" in/labelsTr/zz.nii.gz dim=20,20,9 type=2 label=1
expect 2 'failed .exit 3.: ' bench in --workers 1
one_sentence
echo ok
