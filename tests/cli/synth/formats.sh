# every_label_format_reads_back
all=json,jsonl,mlocr,paddle_det,paddle_rec,icdar15,coco,mmocr_det,mmocr_rec,tesseract_box,tesseract_gt,easyocr_csv,hf_metadata,synthtiger,trdg
quiet="--progress none --log-dir logs"
if command -v python3 >/dev/null; then
    for unit in line word; do
        expect 0 'done: .* pictures? of several lines left out of paddle_rec, mmocr_rec' "$imloom" synth -n 70 -o "$unit" --labels $all --det-unit $unit $quiet
        expect 0 'in 15 formats' python3 "$source/tests/interop/read_back.py" "$unit" $unit
        expect 0 '' "$imloom" verify "$unit"
    done
    expect 0 'done' "$imloom" synth -n 40 -o border --script latin,hebrew --labels $all $quiet --set border='[1,4]' --set lines=1
    expect 0 '40 samples of recognisers' python3 "$source/tests/interop/read_back.py" border
else
    echo "no python3: formats are not read back"
fi
# In a shard all files of a picture are one sample, in the order picture, json, the rest by suffix.
expect 0 'done' "$imloom" synth -n 3 -o tar --container tar --labels json,mlocr,icdar15,tesseract_box,tesseract_gt --text 'one line' $quiet
tar -tf tar/shard-000000.tar >all_names; head -7 all_names >names
printf '000000000.%s\n' png json box gt.txt icdar15.txt mlocr.json txt | diff - names || fail "members of a shard"
# aggregates_are_the_same_for_workers_shares_kills_and_growth: more than one part of 1,000 items.
run() { local out=$1; shift; expect 0 'done' "$imloom" synth -o "$out" --labels coco,mmocr_det,mmocr_rec,paddle_rec,easyocr_csv,jsonl,synthtiger --text 'Ab, "c"' --text 'de fg' --text Ω --background white --set font_size=9 --set padding=1 --set lines='[1,2]' --format jpeg $quiet "$@"; }
run ref -n 2300 --workers 1
want=$(digest ref)
run process -n 2300 --workers 3 --mode process --order random
[ "$(digest process)" = "$want" ] || fail "other bytes with worker processes"
for i in 0 1 2; do run shares -n 2300 --shard $i/3; done
[ ! -e shares/coco.json ] || fail "a share joined aggregates"
expect 0 '' "$imloom" merge shares
[ "$(digest shares)" = "$want" ] || fail "other bytes in three shares"
expect 0 '' "$imloom" verify shares
run grow -n 1200
run grow -n 2300
[ "$(digest grow)" = "$want" ] || fail "other bytes after growth"
for k in 1 2 3; do
    "$imloom" synth -n 2300 -o killed --labels coco,mmocr_det,mmocr_rec,paddle_rec,easyocr_csv,jsonl,synthtiger --text 'Ab, "c"' --text 'de fg' --text Ω --background white --set font_size=9 --set padding=1 --set lines='[1,2]' --format jpeg $quiet >/dev/null 2>&1 &
    pid=$!
    sleep 0.$((3 * k)); kill -9 $pid 2>/dev/null || true; wait $pid 2>/dev/null || true
done
run killed -n 2300
[ "$(digest killed)" = "$want" ] || fail "other bytes after kills"
# Words that are none are refused before anything is written.
expect 1 "--labels: unknown value paddel_det; did you mean 'paddle_det'" "$imloom" synth -n 1 -o no --labels json,paddel_det
one_sentence
printf 'total_images: 1\noutput: {labels: [json, cocoa], masks: txt}\nspecifications: [{name: a, proportion: 1, text_direction: left_to_right, corpora: [{text: x}]}]\n' >bad.yaml
expect 1 "bad.yaml:2:25: output.labels: unknown value cocoa; did you mean 'coco'" "$imloom" synth bad.yaml -o no
grep -q "output.masks: unknown value txt; did you mean 'text'" err.txt || fail "masks are not checked"
[ ! -e no ] || fail "something was written"
printf 'total_images: 4\noutput: {labels: [trocr, coco], det_unit: word}\nspecifications: [{name: a, proportion: 1, text_direction: left_to_right, corpora: [{text: x y}]}]\n' >good.yaml
expect 0 'png \+ coco \+ hf_metadata' "$imloom" synth good.yaml -o yaml $quiet
sed 's/output: .*/options: {labels: [trocr, coco], det_unit: word}/' good.yaml >options.yaml
expect 0 'png \+ coco \+ hf_metadata' "$imloom" synth options.yaml -o options --labels trocr,coco $quiet
expect 0 'png \+ jsonl\)' "$imloom" synth options.yaml -o wins --labels jsonl $quiet
expect 0 'png \+ coco \+ hf_metadata' "$imloom" synth options.yaml -o options2 $quiet
cmp options/coco.json options2/coco.json || fail "options of the YAML are others"
[ "$(grep -c '"category_id":1' yaml/coco.json)" = 8 ] || fail "not two words a picture"
