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
