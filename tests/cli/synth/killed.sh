# resume_after_kill_gives_the_same_bytes (20 kills), resume_after_interrupt_says_how
# In the background it must be the program itself that is killed: exec leaves no shell between.
make_set() { local how=exec; [ "${BASHPID}" = $$ ] && how=command; $how "$imloom" synth -n 400 --script latin,thai,hangul -o "$1" --seed 3 --progress none --log-dir logs --workers 2 "${@:2}"; }
make_set ref 2>/dev/null
want=$(digest ref)
for round in $(seq 1 20); do
    mode=thread; [ $((round % 2)) = 0 ] && mode=process
    make_set killed --mode $mode >/dev/null 2>&1 &
    pid=$!
    sleep "0.$(printf '%03d' $((RANDOM % 400 + 20)))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
done
make_set killed >out.txt 2>err.txt || { cat err.txt; fail "the run after the kills"; }
[ "$(digest killed)" = "$want" ] || fail "other bytes after 20 kills"
no_temporaries killed
expect 0 '' "$imloom" verify killed
# Ctrl-C
make_set stopped >out.txt 2>err.txt &
pid=$!
for _ in $(seq 1000); do [ -d stopped/000000 ] && break; sleep 0.02; done # it has begun
kill -INT $pid
rc=0; wait $pid || rc=$?
if [ $rc != 0 ]; then
    [ $rc = 130 ] || { cat err.txt; fail "exit $rc after an interrupt"; }
    grep -q 'same command again' err.txt || fail "no word on how to go on"
    expect 3 'incomplete' "$imloom" verify stopped
fi
make_set stopped >out.txt 2>err.txt
[ "$(digest stopped)" = "$want" ] || fail "other bytes after an interrupt"
# Two at once
make_set both >/dev/null 2>&1 &
pid=$!
sleep 0.3
rc=0; make_set both >out.txt 2>err.txt || rc=$?
wait $pid || true
[ $rc = 1 ] || [ $rc = 0 ] || fail "exit $rc for a second run at the same time"
[ $rc = 0 ] || one_sentence
[ "$(digest both)" = "$want" ] || fail "two runs at once spoilt the set"
# Tar shards
shards() { local how=exec; [ "${BASHPID}" = $$ ] && how=command; $how "$imloom" synth -n 300 --script latin -o "$1" --container tar --format jpeg --seed 3 --progress none --log-dir logs --workers 2 --set "${2:-blur_radius_max=1}"; }
shards tref 2>/dev/null
twant=$(digest tref)
for round in 1 2 3 4 5; do
    shards tk >/dev/null 2>&1 & pid=$!
    sleep "0.$((RANDOM % 300 + 100))"; kill -9 $pid 2>/dev/null || true; wait $pid 2>/dev/null || true
done
shards tk 2>/dev/null
[ "$(digest tk)" = "$twant" ] || fail "other shards after kills"
no_temporaries tk
# kill_mid_block_loses_nothing: labels.jsonl is kept in parts of 1,000 items. Killed in the middle of a
# later block, a run redoes that block at most, and the whole is what an undisturbed run makes.
blocks() { local how=exec; [ "${BASHPID}" = $$ ] && how=command; $how "$imloom" synth -n 2600 --text 'a short text' --background white -o "$1" --labels json,jsonl --seed 3 --progress none --log-dir logs --workers 2 --mode "$2"; }
blocks bref thread 2>/dev/null
bwant=$(digest bref)
for mode in thread process; do
    blocks bk $mode >/dev/null 2>&1 & pid=$!
    for _ in {1..600}; do
        [ ! -e bk/000001/000001400.json ] || break
        sleep 0.02
    done
    kill -9 $pid 2>/dev/null || true; wait $pid 2>/dev/null || true
    blocks bk $mode >out.txt 2>err.txt || { cat err.txt; fail "the run after the kill"; }
    before=$(cat out.txt err.txt | grep -oE '[0-9,]+ there before' | tr -dc 0-9)
    [ "${before:-0}" -ge 1000 ] || { cat err.txt; fail "$mode: only ${before:-0} of 1,400 items were kept"; }
    [ "$(digest bk)" = "$bwant" ] || fail "$mode: other bytes after a kill in the middle of a block"
    [ "$(wc -l <bk/labels.jsonl)" = 2600 ] || fail "$mode: a label is missing or doubled"
    no_temporaries bk
    rm -rf bk
done
