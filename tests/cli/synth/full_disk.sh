# a_full_disk_stops_the_run_and_loses_nothing
[ "$(id -u)" = 0 ] || { echo "skipped: needs root for a small tmpfs"; exit 77; }
mkdir small
mount -t tmpfs -o size=3m imloom-test small 2>/dev/null || { echo "skipped: no tmpfs can be mounted here"; exit 77; }
make_set() { "$imloom" synth -n 500 --script latin -o "$1" --seed 5 --progress none --log-dir logs --workers 2; }
rc=0; make_set small/set >out.txt 2>err.txt || rc=$?
[ $rc = 2 ] || { cat err.txt; fail "exit $rc on a full disk"; }
grep -qi 'space' err.txt || { cat err.txt; fail "the reason is not named"; }
one_sentence
mount -o remount,size=100m small
make_set small/set >out.txt 2>err.txt || { cat err.txt; fail "the run after the disk was enlarged"; }
make_set ref >/dev/null 2>&1
[ "$(digest small/set)" = "$(digest ref)" ] || fail "other bytes after a full disk"
no_temporaries small/set
