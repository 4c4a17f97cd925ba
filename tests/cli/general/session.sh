# what_would_spoil_a_set_is_refused_in_one_sentence, descriptors, signals
run() { "$imloom" synth --script latin --progress none --log-dir logs "$@"; }
for o in / /etc /usr /tmp /etc/../tmp; do expect 1 "^imloom: -o $o: the files of a data set would lie among the system's" run -n 1 -o $o; one_sentence; done
HOME=$PWD/home; mkdir home; expect 1 'home directory' run -n 1 -o home; expect 0 'done' run -n 1 -o home/set
for opt in --log-dir --quarantine --metrics; do expect 1 "$opt a/b lies in the data set -o a" "$imloom" synth --script latin -n 1 -o a $opt a/b; one_sentence; done
expect 1 'preview a/sheet.png lies in the data set' "$imloom" synth --script latin -n 1 -o a --preview a/sheet.png; one_sentence
[ ! -e a ] || fail "a refused command made its output directory"
# -o .: the log goes beside the journal, and a user's own files are safe there.
mkdir -p here theirs/000000; echo mine >theirs/000000/000000001.png
expect 0 'Log file: ./.imloom/logs/synth_' env -C here "$imloom" synth --script latin -n 3 -o . --progress none
expect 0 '' "$imloom" verify here
expect 2 '000000001.png is in the way' env -C theirs "$imloom" synth --script latin -n 3 -o . --progress none
[ "$(cat theirs/000000/000000001.png)" = mine ] || fail "a user's file was replaced"
# Progress as JSON where nobody listens would go into the log or the set.
"$imloom" synth --script latin -n 3 -o j --progress json 3>&- >out.txt 2>err.txt && fail "descriptor 3 is closed"
one_sentence; grep -q '3>FILE' err.txt || fail "no word on descriptor 3"
# A reader that does not read, or goes away, stops nothing.
mkfifo pipe; sleep 30 <pipe & sleeper=$!
timeout 60 "$imloom" synth --script latin -n 60 -o slow --log-dir logs --progress json 3>pipe 2>err.txt || { cat err.txt; fail "a slow reader"; }
kill $sleeper; wait $sleeper 2>/dev/null || true
true <pipe & timeout 60 "$imloom" synth --script latin -n 60 -o gone --log-dir logs --progress json 3>pipe 2>err.txt || { cat err.txt; fail "a reader that went away"; }
# With stdin, stdout and stderr closed, what is said goes nowhere, not into the set.
"$imloom" synth --script latin -n 5 -o closed --log-dir logs <&- >&- 2>&- || fail "closed descriptors"
expect 0 '' "$imloom" verify closed
run -n 5 -o plain 2>/dev/null; [ "$(digest closed)" = "$(digest plain)" ] || fail "other bytes with closed descriptors"
# SIGUSR1: a line now, whatever --progress says.
"$imloom" synth -n 1500 -o usr --log-dir logs --progress none >out.txt 2>err.txt & pid=$!
for _ in $(seq 100); do grep -q ==== err.txt && break; sleep 0.05; done
sleep 0.3; kill -USR1 $pid; sleep 0.5
grep -qE '^\[synth\] [0-9,+]+/1,500 ' err.txt || { cat err.txt; kill $pid; fail "no line on SIGUSR1"; }
# Ctrl-C: what is claimed is finished, exit 130, and how to go on; the set says it is incomplete.
kill -INT $pid; rc=0; wait $pid || rc=$?
[ $rc = 130 ] || { cat err.txt; fail "exit $rc after an interrupt"; }
grep -q '^stopped: ' err.txt && grep -q 'same command again' err.txt || fail "no word on how to go on"
expect 3 'incomplete' "$imloom" verify usr
grep -q '"stopped": true' usr/.imloom/report.json || fail "the report does not say that it was stopped"
# A terminal that goes away is a stop, too; under nohup it is nothing.
"$imloom" synth -n 1500 -o hup --log-dir logs --progress none >out.txt 2>err.txt & pid=$!
for _ in $(seq 100); do grep -q ==== err.txt && break; sleep 0.05; done
sleep 0.3; kill -HUP $pid; rc=0; wait $pid || rc=$?
[ $rc = 130 ] || { cat err.txt; fail "exit $rc after a hang-up"; }
nohup "$imloom" synth --script latin -n 300 -o nohup --log-dir logs --progress none >out.txt 2>err.txt & pid=$!
for _ in $(seq 100); do grep -q ==== err.txt && break; sleep 0.05; done
kill -HUP $pid 2>/dev/null || true; wait $pid || { cat err.txt; fail "a hang-up stopped a run under nohup"; }
# A second signal leaves at once.
"$imloom" synth -n 1500 -o twice --log-dir logs --progress none --mode process --workers 2 >out.txt 2>err.txt & pid=$!
for _ in $(seq 100); do grep -q ==== err.txt && break; sleep 0.05; done
sleep 0.3; kill -TERM $pid; kill -TERM $pid 2>/dev/null || true; rc=0; wait $pid || rc=$?
[ $rc = 130 ] || { cat err.txt; fail "exit $rc after two signals"; }
# On a terminal the live line never wraps.
if command -v script >/dev/null; then
    script -qec "stty cols 40; $imloom synth -n 200 -o tty --script latin --log-dir logs" typescript >/dev/null </dev/null || fail "under a terminal"
    tr '\r' '\n' <typescript | grep -a '^\[synth\]' | sed 's/\x1b\[K//' >lines.txt
    [ -s lines.txt ] || fail "no live line on a terminal"
    [ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' lines.txt)" -lt 40 ] || { cat lines.txt; fail "a live line is wider than the terminal"; }
fi
