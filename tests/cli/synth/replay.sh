# replay_makes_the_same_pictures_from_labels_of_every_container
quiet="--progress none --log-dir logs"
mkdir backs fonts
"$imloom" synth -n 3 --script latin --background noise -o made $quiet --set font_size=90 >/dev/null 2>&1 || fail "no backgrounds"
cp made/000000/*.png backs/
rm -r made
all() { # what the labels of OUT ($1) say is drawn again into again/, and equals OUT
    rm -rf again
    expect 0 'replayed [0-9]+: [0-9]+ identical, 0 edited, 0 differ' "$imloom" synth --replay "$2" -o again
    (cd again && find . -type f) | while read -r f; do cmp -s "again/$f" "$1/$f" || fail "$f is another"; done
}
expect 0 'done' "$imloom" synth -n 42 -o out --seed 9 --labels json,jsonl --background-dir backs $quiet --set cutout_width='[5,30]' --set cutout_height='[5,30]' --set background_mode='{crop_random: 1, scale: 1, tile: 1}'
all out out/labels.jsonl
[ "$(find again -name '*.png' | wc -l)" = 42 ] || fail "not all were drawn"
all out out/000000/000000017.json
all out out:31
expect 0 'done' "$imloom" synth -n 12 -o jpg --seed 3 --format jpeg --quality 30,95 --labels jsonl --set noise_amount=0.02 $quiet
expect 0 '12 identical' "$imloom" synth --replay jpg/labels.jsonl --replay-check
[ ! -e again2 ] || fail "a check wrote something"
expect 0 '1 identical' "$imloom" synth --replay jpg:7 --replay-check
expect 0 'done' "$imloom" synth -n 12 -o tar --seed 3 --container tar $quiet
expect 0 '1 identical' "$imloom" synth --replay tar/shard-000000.tar:5 --replay-check
expect 0 '1 identical' "$imloom" synth --replay tar:11 --replay-check
# A plan draws what the run would.
expect 0 '' "$imloom" synth -n 6 --seed 9 --background-dir backs --plan plan.jsonl --set cutout_width='[5,30]' --set cutout_height='[5,30]' --set background_mode='{crop_random: 1, scale: 1, tile: 1}'
[ "$(wc -l <plan.jsonl)" = 6 ] || fail "a plan of $(wc -l <plan.jsonl) lines"
rm -rf again; expect 0 'replayed 6' "$imloom" synth --replay plan.jsonl -o again
for k in 0 1 2 3 4 5; do cmp "again/000000/00000000$k.png" "out/000000/00000000$k.png" || fail "the plan's picture $k is another"; done
# Backgrounds are found by their contents.
mv backs moved
expect 1 'nowhere; give --background-dir' "$imloom" synth --replay out/000000/000000003.json --replay-check
one_sentence
expect 0 '1 identical' "$imloom" synth --replay out/000000/000000003.json --replay-check --background-dir moved
mkdir backs; for f in moved/*; do cp moved/000000000.png "backs/$(basename "$f")"; printf x >>"backs/$(basename "$f")"; done
rc=0; "$imloom" synth --replay out/labels.jsonl --replay-check >o.txt 2>e.txt || rc=$?
[ $rc = 2 ] || fail "exit $rc with other backgrounds"
grep -q 'differs: backs/.* has other contents' e.txt || { head -3 e.txt; fail "the file is not named"; }
# Edited: drawn and said; broken: refused.
sed 's/"blur_radius":[0-9.e-]*/"blur_radius":3/' jpg/labels.jsonl >edited.jsonl
expect 0 'label 1: edited since it was written: drawn as edited' "$imloom" synth --replay edited.jsonl -o edited
expect 2 'edited' "$imloom" synth --replay edited.jsonl --replay-check
sed 's/"blur_radius":[0-9.e-]*/"blur_radius":-3/' jpg/labels.jsonl >broken.jsonl
rm -rf again; expect 1 'broken.jsonl, label 1:1:[0-9]+: blur_radius' "$imloom" synth --replay broken.jsonl -o again
one_sentence
[ ! -e again ] || fail "a broken label was drawn"
for name in ../evil.png /tmp/evil.png .imloom/x.png a/../../b.png; do # a stranger's label writes nowhere else
    sed "s#\"file\":\"[0-9/]*.jpg\"#\"file\":\"$name\"#" jpg/labels.jsonl >evil.jsonl
    expect 1 'file is no name below a data set' "$imloom" synth --replay evil.jsonl -o again
    one_sentence
done
[ ! -e again ] && [ ! -e evil.png ] || fail "a stranger's label wrote something"
expect 1 'no label of item 99' "$imloom" synth --replay out:99 -o again
expect 1 'where to' "$imloom" synth --replay out:9
# A data set keeps its pictures; what a label has no use for is refused; a dry run writes nothing.
expect 1 'jpg is a data set, whose pictures would be replaced' "$imloom" synth --replay edited.jsonl -o jpg
one_sentence
expect 0 '' "$imloom" verify jpg
for odd in "--count 4" "--script latin" "--set font_size=9" "--format webp" "--only 3" "--seed 4" "--plan p.jsonl" "--text x" "--labels coco" "--dry-run"; do
    expect 1 '^imloom: .*--replay' "$imloom" synth --replay out:9 -o odd $odd
    one_sentence
done
printf '%s\n' 'total_images: 1' 'specifications: [{name: a, proportion: 1, text_direction: left_to_right, corpora: [{text: x}]}]' >effects.yaml
expect 1 '^imloom: --replay.* a configuration has no effect' "$imloom" synth effects.yaml --replay out:9 -o odd
[ ! -e odd ] && [ ! -e p.jsonl ] || fail "something was written"
expect 0 '1 identical' "$imloom" synth --replay out:9 -o odd --background-dir moved --workers 2
# only_equals_whole_run
expect 0 'done' "$imloom" synth -n 42 -o some --seed 9 --only 3,17,40 --background-dir moved $quiet --set cutout_width='[5,30]' --set cutout_height='[5,30]' --set background_mode='{crop_random: 1, scale: 1, tile: 1}'
for k in 03 17 40; do cmp "some/000000/0000000$k.png" "out/000000/0000000$k.png" || fail "item $k depends on the others"; done
# ---- A plan that is stopped leaves nothing
"$imloom" synth -n 1000000 --script latin --plan endless.jsonl 2>err.txt & pid=$!
for k in $(seq 300); do compgen -G '.endless*' >/dev/null && break; sleep 0.02; done
kill -TERM $pid; rc=0; wait $pid || rc=$?
[ $rc = 130 ] && grep -q 'stopped; nothing was written' err.txt || { cat err.txt; fail "a stopped plan: exit $rc"; }
! compgen -G '.endless*' >/dev/null || fail "a stopped plan leaves its temporary file"
# ---- Nor does a file take the place of what is none
mkfifo pipe; expect 1 'pipe is a pipe and would be replaced' "$imloom" synth -n 1 --plan pipe; [ -p pipe ] || fail "a pipe was replaced"
touch target; ln -s target link; "$imloom" synth -n 1 --script latin --plan link 2>/dev/null
[ -L link ] && [ -s target ] || fail "a link was replaced"
[ "$("$imloom" synth -n 2 --script latin --plan - 2>/dev/null | wc -l)" = 2 ] || fail "--plan - is not standard output"
echo '{specifications: []}' >c.yaml; expect 1 'is the configuration' "$imloom" synth c.yaml --plan c.yaml
