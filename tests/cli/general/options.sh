# every_common_option_and_alias_has_its_effect
set_of() { "$imloom" synth --script latin --progress none --log-dir logs "$@"; }
field() { grep -oE "\"$2\": [^,]*" "$1/.imloom/report.json" | sed -n 1p | cut -d' ' -f2-; }
setting() { grep -oE "\"$2\":[^,}]*" "$1/.imloom/report.json" | sed -n 1p | cut -d: -f2-; }
n=0
next() { n=$((n + 1)); o=out$n; }

# Workers, under all names.
for w in '--workers 3' '-j 3' '-j3' '--workers=3' '--num_workers 3' '--num-workers 3' '--threads 3' '--max-workers 3' '--generation-workers 3' '--generation_workers 3'; do
    next; expect 0 'done' set_of -n 2 -o $o $w
    [ "$(field $o count)" = 3 ] || fail "$w: $(field $o count) workers"
done
for w in '--workers 0' '--sequential' '--sequential --workers 4'; do
    next; expect 0 'everything in the calling thread' set_of -n 2 -o $o $w
    [ "$(field $o count)" = 0 ] || fail "$w: $(field $o count) workers"
done
for w in '--workers auto' '--workers -1' ''; do
    next; expect 0 'done' set_of -n 2 -o $o $w
    [ "$(field $o count)" = "$("$imloom" info --json | grep -oE '"--workers": "[0-9]+' | grep -oE '[0-9]+')" ] || fail "auto is not what info says"
done
next; expect 0 'read as --io-workers' set_of -n 2 -o $o --generation-workers 2 --workers 3
[ "$(field $o count)" = 2 ] || fail "--workers beside --generation-workers counts"
expect 1 'workers' set_of -n 2 -o x --workers 5000; one_sentence

# Output, under all names; none at all; several that cannot be.
for name in -o --output --output-dir --output_dir --out; do
    next; expect 0 'done' set_of -n 2 $name $o; [ -e $o/manifest.json ] || fail "$name"
done
expect 1 'where to' set_of -n 2; one_sentence

# Memory, mode, time limit, order, batches.
next; expect 0 'done' set_of -n 2 -o $o --memory 100M --chunk-size 1K --io-batch-size 7
[ "$(field $o budget)" = 104857600 ] || fail "--memory 100M: $(field $o budget)"
[ "$(setting $o chunk-size)" = 1000 ] && [ "$(setting $o io-batch-size)" = 7 ] || fail "counts of 1000^n"
next; expect 0 'mode process' set_of -n 2 -o $o --mode process
[ "$(field $o mode)" = '"process"' ] || fail "--mode process"
next; expect 0 'mode process .a timeout can only kill a process' set_of -n 2 -o $o --timeout 60
next; expect 0 'mode thread .as asked for; a timeout is looked at only' set_of -n 2 -o $o --timeout 60 --mode thread
expect 1 'auto.thread.process' set_of -n 2 -o x --mode proces; one_sentence
for order in auto index size random; do next; expect 0 'done' set_of -n 2 -o $o --order $order; [ "$(setting $o order)" = "\"$order\"" ] || fail "--order"; done
for d in process batch item; do next; expect 0 'done' set_of -n 2 -o $o --durability $d; [ "$(setting $o durability)" = "\"$d\"" ] || fail "--durability"; done

# Seed, parts of the set, again.
expect 0 'done' set_of -n 4 -o s0; expect 0 'done' set_of -n 4 -o s1 --seed 1
[ "$(digest s0)" != "$(digest s1)" ] || fail "--seed changes nothing"
next; expect 0 'done: 2 images' set_of -n 4 -o $o --limit 2
[ "$(find $o -name '*.png' | wc -l)" = 2 ] || fail "--limit 2"
next; expect 0 '' set_of -n 4 -o $o --only 3,1
[ "$(cd $o/000000 && echo *.png)" = '000000001.png 000000003.png' ] || fail "--only 3,1"
next; expect 0 '' set_of -n 9 -o $o --only 2-4 --only 7
[ "$(find $o -name '*.png' | wc -l)" = 4 ] || fail "--only 2-4 --only 7"
expect 1 'there is no item 4' set_of -n 4 -o x --only 4
expect 1 "'stem' is not an index" set_of -n 4 -o x --only stem; one_sentence
expect 0 'done: 0 images, 4 there before' set_of -n 4 -o s0
expect 0 'done: 0 images, 4 there before' set_of -n 4 -o s0 --resume
expect 1 'no-resume|--overwrite' set_of -n 4 -o s0 --no-resume; one_sentence
expect 0 'done: 4 images' set_of -n 4 -o s0 --overwrite --seed 1
[ "$(digest s0)" = "$(digest s1)" ] || fail "--overwrite"
expect 1 'overwrite' set_of -n 4 -o s0 --overwrite --retry-bad; one_sentence

# Bad items: exit 3 until they are made, also when nothing is left to do; limits of them.
if [ "$("$imloom" info --json | grep -oE '"inject": [a-z]*')" = '"inject": true' ]; then
    expect 3 '22 bad' set_of -n 30 -o bad --inject fail=0.9
    expect 3 '30 there before .22 bad' set_of -n 30 -o bad
    expect 0 'done: 30 images' set_of -n 30 -o bad --retry-bad
    expect 0 '' "$imloom" verify bad
    for most in 2 10%; do
        next; expect 2 'items are bad, the limit is [23]' set_of -n 30 -o $o --inject fail=0.9 --max-errors $most --workers 1 --chunk-size 1
        one_sentence
        grep -q 'same command again' err.txt || fail "no word on how to go on"
    done
    next; expect 3 'bad' set_of -n 30 -o $o --inject fail=0.9 --max-errors 100%
    next; expect 3 'bad' set_of -n 12 -o $o --mode process --inject hang=0.3 --timeout 0.3
    grep -q 'killed after its time was up' $o/.imloom/bad.jsonl || fail "--timeout"
else
    echo "no --inject in this build: bad items are left out"
fi
expect 1 'max-errors' set_of -n 4 -o x --max-errors 101%; one_sentence
expect 1 'max-errors' set_of -n 4 -o x --max-errors many; one_sentence

# Shares.
expect 0 'share 1 of 2' set_of -n 2 -o sh --shard 1/2
IMLOOM_SHARD=0/2 expect 0 'share 0 of 2' set_of -n 2 -o sh --shard auto
SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=2 expect 0 'share 1 of 2' set_of -n 2 -o sh --shard auto
JOB_COMPLETION_INDEX=1 expect 0 'share 1 of 2' set_of -n 2 -o sh --shard auto --of 2
expect 1 'IMLOOM_SHARD=i/n' set_of -n 2 -o x --shard auto; one_sentence
expect 1 'i runs from 0' set_of -n 2 -o x --shard 2/2; one_sentence
expect 0 'shares from 1 on have nothing to do' set_of -n 2 -o sh --shard 1/2
expect 1 'leases' set_of -n 2 -o x --lease l; one_sentence

# What is said, and where.
next; rm -rf mylogs; expect 0 'Log file: mylogs/synth_[0-9]{8}_[0-9]{6}' set_of -n 2 -o $o --log-dir mylogs
grep -qE '^[0-9-]{10} [0-9:]{8} Starting imloom synth run: synth_' mylogs/*.log || fail "the log has no time before its lines"
next; (expect 0 'Log file: ./logs/synth_' "$imloom" synth --script latin -n 2 -o $o --progress none)
for level in error info debug; do
    next; rm -rf lv; expect 0 'done' set_of -n 4 -o $o --log-dir lv --log-level $level --shard 0/9
    [ $level = debug ] || ! grep -q 'debug committed' lv/*.log || fail "--log-level $level says too much"
    [ $level != debug ] || grep -q 'debug committed 4 items' lv/*.log || fail "--log-level debug"
    case $level in error) ! grep -q 'have nothing to do' lv/*.log ;; *) grep -q 'have nothing to do' lv/*.log ;; esac || fail "--log-level $level"
done
# Nothing is said in the first second: this takes some on any machine.
next; expect 0 'done' "$imloom" synth -n 2000 -o $o --log-dir logs --progress plain
grep -qE '^\[synth\] [0-9,]+(\+[0-9,]+)?/2,000 [0-9]+% [0-9.k]+/s [0-9.]+ [KM]?B/s eta ([0-9]+:[0-9]{2}|-) bad 0 mem [0-9.]+[KMG]?/[0-9.]+[KMGT]$' err.txt || { cat err.txt; fail "no plain line"; }
next; expect 0 'done' "$imloom" synth -n 300 -o $o --log-dir logs --progress none
! grep -q '^\[synth\]' err.txt || fail "--progress none speaks"
next; "$imloom" synth -n 20 -o $o --script latin --log-dir logs --progress json 3>three.jsonl 2>err.txt >out.txt || fail "--progress json"
! grep -q '^\[synth\]' err.txt || fail "--progress json speaks on stderr"
tail -n 1 three.jsonl | grep -q '^{"done":20,"written":0,"total":20,"bad":0,"bytes":[0-9]*,"rate":.*"eta_s":0.0' || fail "descriptor 3 has no JSON"
next; expect 0 'done' set_of -n 3 -o $o --json
[ "$(wc -l <out.txt)" = 1 ] && grep -q '^{"imloom":1,.*"ok":3,.*"exit":0' out.txt || fail "--json"
next; expect 0 'done' set_of -n 2 -o $o --bell; grep -q $'\a' err.txt || fail "--bell"
next; expect 0 'done' set_of -n 2 -o $o --metrics m.prom; grep -q '^imloom_items_committed_total{job="synth",shard="0",of="1"} 2$' m.prom || fail "--metrics"
expect 0 '^specifications:' set_of -n 2 -o never --print-config; expect 0 'to make: 2 of 2 images' set_of -n 2 -o never --dry-run
[ ! -e never ] || fail "something was written"
printf 'specifications:\n  - {name: latin, proportion: 1, text_direction: left_to_right, corpus_file: c.txt}\noptions: {num_workers: 3, seed: 5}\n' >c.yaml; echo 'some words to draw' >c.txt
expect 0 'done' "$imloom" synth --config c.yaml -n 2 -o fromconf --progress none --log-dir logs
[ "$(field fromconf count)" = 3 ] && [ "$(field fromconf seed)" = 5 ] || fail "--config"
expect 0 'done' "$imloom" synth --config c.yaml -n 2 -o fromconf2 --progress none --log-dir logs --seed 6
[ "$(field fromconf2 seed)" = 6 ] || fail "the command line does not win over --config"

# Limits of what is decoded; accelerators.
mkdir bg; cp s1/000000/000000000.png bg/
next; expect 0 'done' set_of -n 2 -o $o --background-dir bg
next; expect 3 '2 bad' set_of -n 2 -o $o --background-dir bg --max-pixels 1K
grep -qE '"ELIMIT".*pixels' $o/.imloom/bad.jsonl || { cat $o/.imloom/bad.jsonl; fail "--max-pixels"; }
next; expect 0 'done' set_of -n 2 -o $o --cpu-only --gpu-memory 0.5
expect 1 'gpu-memory' set_of -n 2 -o x --gpu-memory 0.05; one_sentence
# Names that are nearly right.
expect 1 'did you mean --workers' set_of -n 2 -o x --wrokers 3; one_sentence
[ ! -e x ] || fail "a refused command made its output directory"
