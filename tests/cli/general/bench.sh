# bench_compares_with_another_program
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
bench() { "$imloom" bench synth --dir "$PWD/w" --rounds 1 "$@"; }
# A peer: its pictures are ours, so their means are equal; it waits, so the ratio is above nothing.
mkdir peer
cat >peer/run <<'P'
#!/usr/bin/env bash
[ -s "$IMLOOM_FACES" ] && [ -s "$IMLOOM_TEXT" ] && [ -d "$IMLOOM_BACKGROUNDS" ] || { echo "no setting"; exit 1; }
awk 'length($0) > 60 {exit 1}' "$IMLOOM_TEXT" || { echo "a long line"; exit 1; }
"$imloom" synth --text "$(head -n 3 "$IMLOOM_TEXT" | tr '\n' ' ')" --font "$(head -n 1 "$IMLOOM_FACES")" -o "$2" -n "$3" --format "$4" --workers 0 --progress none --log-dir "$2.log"
P
chmod +x peer/run
expect 0 '"case":"plain","format":"png","container":"dir"' bench plain -n 30 --peer peer --peer-images 30
for key in cpu_s ms_an_image mean_width mean_height mean_pixels bytes_an_image peak_rss_mb first_picture_ms characters_a_cpu_s peer_ms_an_image ratio; do
    grep -qE "\"$key\":(\[)?[0-9]*\.?[0-9]*[1-9]" out.txt || { cat out.txt; fail "no $key"; }
done
awk -F'"pixels_ratio":' '{exit !($2 + 0 > 0.95 && $2 + 0 < 1.05)}' out.txt || { cat out.txt; fail "not at equal pixels"; }
[ "$(wc -l <out.txt)" = 1 ] || fail "more than a line"
expect 0 '"case":"lines","format":"jpeg","container":"tar".*"speed_up_2_workers":[0-9.]*,"speed_up_2_processes"' bench lines -n 20 --format jpeg --container tar --scale
[ ! -e w/out ] && [ ! -e w/logs ] || fail "pictures are left behind"
expect 1 "no case 'plaine'; there are plain, typical" bench plaine
one_sentence
expect 1 'what to measure' "$imloom" bench
one_sentence
expect 1 'cannot run .*/run .No such file' bench plain -n 20 --peer nowhere
one_sentence
printf '#!/bin/sh\necho first; echo "it is broken" >&2; exit 7\n' >peer/run
expect 2 'peer/run failed .exit 7.: it is broken' bench plain -n 20 --peer peer
one_sentence
printf '#!/bin/sh\nmkdir -p "$2"\n' >peer/run
expect 2 'made 0 pictures instead of 100' bench plain -n 20 --peer peer
one_sentence
# bench_engine_says_what_workers_bring
expect 0 '"what":"empty item","workers":0,"value":[0-9.]+,"unit":"ns"' "$imloom" bench engine --rounds 1 -j 2
for what in 'threads against one worker","item_us":100' 'as many independent runs against one worker","item_us":1000' 'worker processes against threads, time'; do grep -q "$what" out.txt || { cat out.txt; fail "no figure '$what'"; }; done
expect 0 '' "$imloom" bench engine 100 50
[ ! -s out.txt ] || fail "an independent run speaks"
expect 1 "takes no argument 'x'" "$imloom" bench engine x; one_sentence
