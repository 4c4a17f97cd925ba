# same_bytes_for_any_workers_mode_order_and_shares
run() { local out=$1; shift; expect 0 'done' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o "$out" --seed 7 --progress none --log-dir logs "$@"; no_temporaries "$out"; }
run ref --workers 1
want=$(digest ref)
[ "$(find ref -name '*.png' | wc -l)" = 60 ] || fail "not 60 pictures"
n=0
for args in "--workers 0" "--workers 2" "--workers 7" "--workers 2 --mode process" "--workers 7 --mode process" \
    "--workers 2 --order random" "--workers 2 --order size" "--workers 3 --memory 64M --chunk-size 3 --io-batch-size 2" "--workers 1 --durability process"; do
    n=$((n + 1))
    # shellcheck disable=SC2086
    run s$n $args
    [ "$(digest s$n)" = "$want" ] || fail "other bytes with $args"
    rm -rf s$n
done
for stall in 1 2; do
    IML_STALL=$stall run stalled --workers 3
    [ "$(digest stalled)" = "$want" ] || fail "other bytes with IML_STALL=$stall"
    rm -rf stalled
    IML_STALL=$stall run stalled --workers 2 --mode process --order random
    [ "$(digest stalled)" = "$want" ] || fail "other bytes with IML_STALL=$stall in processes"
    rm -rf stalled
done
for cpu in scalar avx2; do
    IML_CPU=$cpu run cpu --workers 2
    [ "$(digest cpu)" = "$want" ] || fail "other bytes with IML_CPU=$cpu"
    rm -rf cpu
done
# Three shares, merged.
for i in 0 1 2; do expect 0 'done' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o split --seed 7 --progress none --log-dir logs --shard $i/3; done
expect 0 '' "$imloom" merge split
[ "$(digest split)" = "$want" ] || fail "other bytes in three shares"
expect 0 '' "$imloom" verify split
# A set that grows keeps its old bytes.
expect 0 'done' "$imloom" synth -n 30 --script latin,arabic,devanagari,han -o grow --seed 7 --progress none --log-dir logs
expect 0 'done' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o grow --seed 7 --progress none --log-dir logs
[ "$(digest grow)" = "$want" ] || fail "other bytes after growth"
# The same again does nothing; another seed is refused and says what differs.
expect 0 '60 there before|nothing' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o grow --seed 7 --progress none --log-dir logs
expect 1 'seed' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o grow --seed 8 --progress none --log-dir logs
one_sentence
[ "$(digest grow)" = "$want" ] || fail "a refused run changed something"
expect 0 'done' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o grow --seed 8 --progress none --log-dir logs --overwrite
[ "$(digest grow)" != "$want" ] || fail "--overwrite kept the old set"
# One item alone.
expect 0 '' "$imloom" synth -n 60 --script latin,arabic,devanagari,han -o one --seed 7 --progress none --log-dir logs --only 17
cmp one/000000/000000017.png ref/000000/000000017.png || fail "--only makes another picture"
cmp one/000000/000000017.json ref/000000/000000017.json || fail "--only makes another label"
