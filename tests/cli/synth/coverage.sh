# coverage_counts_what_the_labels_say
quiet="--progress none --log-dir logs"
expect 0 'done' "$imloom" synth -n 200 -o set --labels jsonl $quiet
if command -v python3 >/dev/null; then
    expect 0 'is what the labels say' python3 "$source/tests/interop/coverage.py" set
else
    echo "no python3: coverage is not counted again"
fi
expect 0 '' "$imloom" verify set
# Sums do not depend on order, workers or shares; merge adds them.
for i in 0 1; do expect 0 'done' "$imloom" synth -n 200 -o two --labels jsonl --shard $i/2 --workers 2 --order random $quiet; done
[ ! -e two/coverage.tsv ] || fail "a share counted for the whole"
expect 0 '' "$imloom" merge two
for f in coverage.tsv coverage.json fonts.tsv; do cmp set/$f two/$f || fail "$f differs after a merge"; done
# What is asked for and never comes; a font that cannot be used says why.
mkdir fonts; cp /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf fonts/ 2>/dev/null || { echo "no DejaVu Sans"; exit 77; }
head -c 3000 fonts/DejaVuSans.ttf >fonts/cut.ttf
expect 0 'done' "$imloom" synth -n 30 -o own --labels jsonl --font-dir fonts --text 'aab cab' --set 'charset="abcxé "' $quiet
grep -q '^"asked":5,$' own/coverage.json || fail "not five are asked for"
grep -q '^"never_drawn":\["x","é"\]}$' own/coverage.json || fail "x and é were never drawn"
grep -q "^a	U+0061	Latn	90	30	1	1$" own/coverage.tsv || { cat own/coverage.tsv; fail "a is drawn three times in each of 30 pictures"; }
grep -qE '^fonts/cut.ttf	.*	[^	]{5,}	0$' own/fonts.tsv || { cat own/fonts.tsv; fail "the cut font has no reason"; }
[ "$(grep -c usable own/fonts.tsv)" = 1 ] || fail "not one usable face"
# A corpus is asked for what is in it; case counts as it is drawn.
printf 'straße\n' >c.txt
expect 0 'done' "$imloom" synth -n 5 -o upper --corpus c.txt --font fonts/DejaVuSans.ttf --set text_case=upper --set text_length=6 $quiet
grep -q '"never_drawn":\[\]' upper/coverage.json || { tail -2 upper/coverage.json; fail "something was never drawn"; }
grep -q '^S	' upper/coverage.tsv || fail "S was not drawn"
# --coverage no writes none, and is another set.
expect 0 'done' "$imloom" synth -n 5 -o none --coverage no $quiet
[ ! -e none/coverage.tsv ] && [ ! -e none/fonts.tsv ] || fail "--coverage no counts"
expect 1 'coverage' "$imloom" synth -n 5 -o none $quiet
one_sentence
# A directory may be called anything: tables keep their rows, JSON its text, a sentence its line.
odd=$'o"d\xffd\t\nfonts'; mkdir "$odd" "bg $odd"; cp fonts/DejaVuSans.ttf "$odd/a, b.ttf"; cp fonts/cut.ttf "$odd/"
"$imloom" synth --backgrounds-only 200x100 -n 1 -o made $quiet >/dev/null 2>&1 && cp made/000000/000000000.png "bg $odd/x,\"y.png"
expect 0 'done' "$imloom" synth -n 6 -o odd --font-dir "$odd" --background-dir "bg $odd" --text 'a,"b' --labels json,jsonl,mlocr,coco,easyocr_csv $quiet
[ "$(wc -l <odd/fonts.tsv)" = 3 ] && [ "$(awk -F '\t' 'NF != 5' odd/fonts.tsv | wc -l)" = 0 ] || { cat -v odd/fonts.tsv; fail "a name breaks a row of fonts.tsv"; }
expect 0 '' "$imloom" synth --list fonts --font-dir "$odd"
[ "$(wc -l <out.txt)" = 2 ] && [ "$(awk -F '\t' 'NF != 5' out.txt | wc -l)" = 0 ] || fail "a name breaks a row of --list fonts"
if command -v python3 >/dev/null; then
    for f in odd/coverage.json odd/coco.json odd/manifest.json odd/.imloom/report.json odd/000000/000000001.json odd/000000/000000001.mlocr.json; do
        python3 -c 'import json, sys; json.loads(open(sys.argv[1], "rb").read().decode("utf-8"))' $f || fail "$f is no JSON in UTF-8"
    done
fi
mv "$odd" moved
expect 1 'font .* is nowhere; give --font-dir' "$imloom" synth --replay odd/labels.jsonl --replay-check
one_sentence; [ "$(wc -l <err.txt)" = 1 ] || fail "more than one line"
expect 0 '6 identical' "$imloom" synth --replay odd/labels.jsonl --replay-check --font-dir moved --background-dir "bg $odd"
