# what_has_no_effect_or_another_is_said
run() { "$imloom" synth --progress none --log-dir logs "$@"; }
expect 0 'format png is lossless: quality has no effect' run --text x -n 2 --quality 50 -o a
expect 0 'done' run --text x -n 2 -o b
[ -z "$(grep lossless err.txt)" ] || fail "quality is spoken of unasked"
expect 0 'jpeg has no transparency' run --text x -n 2 --format jpeg --background none -o c
[ "$(grep -c transparency err.txt)" = 1 ] || fail "not said once"
expect 0 'jpeg has no alpha' run --text x -n 2 --format jpeg --colour rgba -o d
expect 0 'container auto: loose files; --container tar would save [0-9]+ of 4000 files' run --text x -n 2000 -o e --dry-run
expect 0 'han_vertical: 8 images, [0-9,]+ faces, 1 corpus 4.[0-9] KB, background builtin' run -n 100 --dry-run
expect 0 '1 specification, 2 images, seed 0 \(dir: png \+ json\); [0-9,]+ faces?, 1 corpus 1 byte, background' run --text x -n 2 --dry-run
expect 1 "did you mean 'fonts'" run --list font; one_sentence
expect 0 'new/dir/s.png: 2 pictures' run --text x -n 2 --preview new/dir/s.png
[ -s new/dir/s.png ] || fail "the sheet's directory was not made"
expect 0 'new/plan.jsonl: 2 plans' run --text x -n 2 --plan new/plan.jsonl
# A list in `options:` is the option's list.
printf '%s\n' 'total_images: 2' 'options: {labels: [json, jsonl], text-case: upper}' 'specifications: [{name: a, proportion: 1, text_direction: left_to_right, corpora: [{text: x}]}]' >o.yaml
expect 1 "^o.yaml:2:45: no option '--text-case'" run o.yaml -o f
sed -i 's/, text-case: upper//' o.yaml
expect 0 'dir: png \+ json \+ jsonl' run o.yaml -o f
# Backgrounds alone: any worker, the same bytes; kinds, sizes, formats.
expect 0 'done: 24 images' run --backgrounds-only 160x90 -n 24 -o backs --workers 1
expect 0 'done: 24 images' run --backgrounds-only 160x90 -n 24 -o backs2 --workers 3 --mode process
[ "$(digest backs)" = "$(digest backs2)" ] || fail "other backgrounds with other workers"
[ "$(find backs -name '*.png' | wc -l)" = 24 ] && [ -z "$(find backs -name '*.json' ! -name manifest.json ! -path '*/.imloom/*')" ] || fail "not 24 pictures alone"
expect 0 '' "$imloom" verify backs
expect 0 done run --backgrounds-only 64x48 -n 3 --background paper --format jpeg --quality 60,90 --colour grey --container tar -o shards
[ "$(tar tf shards/shard-000000.tar | tr '\n' ' ')" = '000000000.jpg 000000001.jpg 000000002.jpg ' ] || fail "members of the shard"
for size in 64 0x9 ax9 9x 40000x2 9x9x9; do expect 1 'WxH in pixels is needed' run --backgrounds-only $size -o none; one_sentence; done
expect 1 'draws no text' run --backgrounds-only 64x48 --text x -o none
expect 1 'builtin, or one of solid' run --backgrounds-only 64x48 --background images -o none
[ ! -e none ] || fail "something was written"
expect 0 done run -n 6 --text 'over them' --background-dir backs -o over --labels jsonl
grep -q '"path":"backs/000000/' over/labels.jsonl || fail "they are no backgrounds"
# DEBUG: a line an image.
expect 0 done run --text x -n 60 -o lines --log-level DEBUG --log-dir debug_logs
[ "$(grep -c 'debug item [0-9]* made: text' debug_logs/*.log)" = 60 ] || fail "not a line an image"
# A script without a face is left out with one line that names the package; asked for, it is refused.
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
if [ -e $sans ]; then
    expect 0 'done: 12 images, 0 bad' run -n 12 --font $sans -o scripts --labels jsonl
    [ "$(grep -c '^no face draws han, left out: install fonts-droid-fallback$' err.txt)" = 1 ] || fail "nothing is said of han"
    ! grep -q '"spec":"han"' scripts/labels.jsonl || fail "han was drawn"
    [ "$(grep -o '"spec":"[a-z_]*"' scripts/labels.jsonl | sort -u | wc -l)" -ge 4 ] || fail "the others are not drawn in its place"
    expect 1 '.-script han: no face draws it; install fonts-droid-fallback' run -n 12 --font $sans --script latin,han -o none; one_sentence
fi
expect 1 "no such specification; did you mean 'latin'" run --script latn -o none; one_sentence
# Bad items: the closing line names the first few, with their reasons, and the list of all.
printf '%s\n' 'total_images: 24' 'specifications:' '  - {name: good, proportion: 0.75, text_direction: left_to_right, corpora: [{text: good}]}' \
    '  - {name: wide, proportion: 0.25, text_direction: left_to_right, corpora: [{text: wide}], font_size: 400, max_canvas: 10000}' >bad.yaml
expect 3 'done: 18 images, 6 bad' run bad.yaml -o bad
grep -qE "^6 of 24 items failed: 1 \(specification 'wide': .*max_canvas 10000.*\), 6 \(.*\), 10 \(.*\) and 3 more; see bad/.imloom/bad.jsonl; --retry-bad tries them again\.$" err.txt || { cat err.txt; fail "the bad items are not named"; }
expect 3 '24 there before \(6 bad\)' run bad.yaml -o bad
grep -q '^6 of 24 items failed: 1 (' err.txt || { cat err.txt; fail "a rerun does not name them"; }
expect 3 '^1 of 4 items failed: 1 \(.*tries it again\.$' run bad.yaml -n 4 -o bad4 --shard 0/1
# ---- The right reason, not the nearest one
refuses() { local regex=$1; shift; expect 1 "$regex" "$imloom" synth -o refused --progress none --log-dir logs "$@"; [ ! -e refused ] || fail "something was written: $regex"; }
printf '\n  \n' >blank.txt
refuses '^imloom: --text: it is not UTF-8 \(byte 1\)$' --text $'\xff'
refuses 'blank.txt: it has no visible character' --corpus blank.txt --set text_length=2
refuses '^imloom: text_length: no built-in text has so many characters' --set text_length=900
refuses "text_color: unknown key 'choice'; known are min, max" --set 'text_color={choice: [1]}'
refuses 'a range of them is \{min: COLOUR, max: COLOUR\}' --set 'text_color=[[0,0,0],[9,9,9]]'
refuses 'of goes with --shard auto' -n 1 --of 3
refuses '^imloom: synth: --limit: 0 is outside 1\.\.' -n 1 --limit 0
refuses '^imloom: synth: --seed: 18446744073709551616 is outside 0\.\.2\^64-1' --seed 18446744073709551616
refuses '^imloom: synth: --output needs a value, and --progress is an option' -o --progress none
refuses '^imloom: --script: the value is empty' --script ''
refuses '^imloom: --font: nope: cannot be listed' --font nope
refuses 'lies in --background-dir backs, where the next run' -o backs/set --background-dir backs
expect 1 'has no effect with --replay' "$imloom" synth --replay x.json -o refused --labels coco
printf 'workers: 1\ncount: 2\noutput: by_file\nprogress: none\nlog_dir: logs\n' >options.yaml
expect 0 'done: 2 images' "$imloom" synth --config options.yaml; [ -e by_file/manifest.json ] || fail "options alone are no configuration"
rc=0; "$imloom" synth --list keys >&- 2>err.txt || rc=$?; [ $rc = 2 ] || fail "results for a closed stdout: exit $rc"
# What is in the environment changes no byte.
"$imloom" synth -n 2 -o plain --progress none --log-dir logs >/dev/null 2>&1
HB_OPTIONS=uniscribe-bug-compatible HB_SHAPER_LIST=fallback "$imloom" synth -n 2 -o odd --progress none --log-dir logs >/dev/null 2>&1
diff -r -x .imloom plain odd || fail "the environment changed the set"
