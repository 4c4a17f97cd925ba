# what_was_passed_over_is_told_and_counted
run() { "$imloom" synth --progress none --log-dir logs "$@"; }
mkdir bg
expect 0 'done' run -n 6 --text 'small' --background paper -o a
expect 0 'done' run -n 1 --text 'a picture that is much wider than the others' --set font_size=60 --background crystal -o b
cp a/000000/*.png bg/; cp b/000000/000000000.png bg/large.png; head -c 600 bg/000000002.png >bg/torn.png
make_set() { run -n 40 --text 'plain text' --set background_reuse=1 --background-dir bg "$@"; }
# The same sums whoever works: threads, processes, one worker.
for how in '--mode thread --workers 3' '--mode process --workers 2' '--workers 0'; do
    expect 0 'Redrawn: [0-9]+ backgrounds \(broken: bg/torn.png\)' make_set $how -o "set-${how##* }-${how:7:1}"
    grep -o 'Redrawn.*' out.txt err.txt | cut -d: -f2- >>said.txt
done
[ "$(sort -u said.txt | wc -l)" = 1 ] || { cat said.txt; fail "other sums with other workers"; }
# --max-pixels reaches the decoder, and which files it refuses is a matter of the data set's bytes.
expect 0 'too large, see --max-pixels: bg/large.png' make_set -o limited --max-pixels 100000
! grep -q 'large.png' limited/000000/*.json || fail "a picture over the limit stands in a label"
expect 1 '' make_set -o limited
expect 3 '40 bad' make_set -o none --max-pixels 100
grep -q 'the limit is 100 (--max-pixels)' none/.imloom/bad.jsonl || { head -n 1 none/.imloom/bad.jsonl; fail "no word of --max-pixels"; }
# A second run says the same of what is there.
expect 0 'Redrawn: [0-9]+ backgrounds \(broken' make_set --mode thread --workers 3 -o set-3-t
# Too large a picture is a bad item that names its keys.
expect 3 "4 bad" run -n 4 --text Extreme --set skew_x=60 --set trapezoid_y=0.9 --set perspective_warp_magnitude=0.9 --set font_size=300 --set max_canvas=200000 -o large
grep -q "max_canvas 200000.*font_size 300.*skew_x 60.*trapezoid_y 0.9" large/.imloom/bad.jsonl || { cat large/.imloom/bad.jsonl; fail "no key is named"; }
# --fallback-font draws what the font lacks, and no text of its own.
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf thai=/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf
if [ -e $sans ] && [ -e $thai ]; then
    expect 0 'done: 3 images, 0 bad' run -n 3 --text 'ราคา 12' --font $thai --fallback-font $sans -o thai
    grep -q DejaVuSans <<<"$(grep -A 8 '"fallback_fonts"' thai/000000/000000000.json)" || fail "the fallback drew nothing"
    expect 3 '3 bad' run -n 3 --text 'ราคา 12' --font $thai -o digits
    expect 3 '3 bad' run -n 3 --text 'only Latin' --font $thai --fallback-font $sans -o latin
fi
