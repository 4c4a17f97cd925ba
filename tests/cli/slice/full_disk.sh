#!/usr/bin/env bash
# A disk that is full in the middle of a case: exit 2, nothing of that case, and it resumes.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
[ "$(id -u)" = 0 ] || { echo "skipped: needs root for a small tmpfs"; exit 77; }
make_data in
mkdir small
mount -t tmpfs -o size=900k imloom-test small 2>/dev/null || { echo "skipped: no tmpfs can be mounted here"; exit 77; }
slice() { "$imloom" slice in -o "$1" --workers 2 --progress none --log-dir logs; }
rc=0; slice small/set >out.txt 2>err.txt || rc=$?
[ $rc = 2 ] || { cat err.txt; fail "exit $rc on a full disk"; }
grep -qi 'space' err.txt || { cat err.txt; fail "the reason is not named"; }
one_sentence
no_temporaries small/set
# Cases are there whole or not at all.
for c in ct:61 mr:30 pet:90 us:40; do
    n=$(find small/set -name "${c%:*}_*.npz" | wc -l)
    [ "$n" = 0 ] || [ "$n" = "${c#*:}" ] || fail "$n files of case ${c%:*}"
done
[ ! -e small/set/.imloom/bad.jsonl ] || ! grep -q . small/set/.imloom/bad.jsonl || fail "a full disk was booked as an item's failure"
mount -o remount,size=100m small
slice small/set >out.txt 2>err.txt || { cat err.txt; fail "the run after the disk was enlarged"; }
slice ref >/dev/null 2>&1
[ "$(digest small/set)" = "$(digest ref)" ] || fail "other bytes after a full disk"
no_temporaries small/set
# OUT that cannot be written is refused before the first case; read-only on the way: fault_slice's EROFS.
rm -f small/set/mr_003.npz
mount -o remount,ro small
for out in small/set small/new; do
    rc=0; slice $out >out.txt 2>err.txt || rc=$?
    [ $rc = 1 ] || { cat err.txt; fail "exit $rc on a read-only disk"; }
    grep -q 'the file system is read-only, choose another output directory' err.txt || { cat err.txt; fail "the reason is not named"; }
    one_sentence
done
mount -o remount,rw small
slice small/set >out.txt 2>err.txt || { cat err.txt; fail "the run after the disk was read-only"; }
[ "$(digest small/set)" = "$(digest ref)" ] || fail "other bytes after a read-only disk"
echo ok
