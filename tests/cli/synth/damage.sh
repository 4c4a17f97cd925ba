# verify_finds_damage_and_the_next_run_mends_it
expect 0 'done' "$imloom" synth -n 40 --script latin -o set --progress none --log-dir logs
want=$(digest set)
expect 0 '' "$imloom" verify set
truncate -s -1 set/000000/000000003.png
expect 3 '000000003.png' "$imloom" verify set
expect 0 'done' "$imloom" synth -n 40 --script latin -o set --progress none --log-dir logs
[ "$(digest set)" = "$want" ] || fail "a cut file was not made again"
rm set/000000/000000005.json
expect 3 '000000005.json' "$imloom" verify set
expect 0 'done' "$imloom" synth -n 40 --script latin -o set --progress none --log-dir logs
[ "$(digest set)" = "$want" ] || fail "a missing file was not made again"
# The same size, other bytes: only a deep look sees it.
printf X | dd of=set/000000/000000007.png bs=1 seek=60 conv=notrunc 2>/dev/null
expect 3 '000000007.png' "$imloom" verify set
expect 0 '' "$imloom" verify --quick set
echo stranger >set/000000/stranger.txt
expect 3 'stranger' "$imloom" verify set
mkdir nothing
expect 1 'no data set' "$imloom" verify nothing
