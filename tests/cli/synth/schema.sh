# json_matches_schema
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
quiet="--progress none --log-dir logs"
"$imloom" synth -n 3 --script latin --background noise -o made $quiet >/dev/null 2>&1 || fail "no backgrounds"
mkdir backs; cp made/000000/*.png backs/
expect 0 'done' "$imloom" synth -n 84 -o default --labels jsonl $quiet
expect 0 'done' "$imloom" synth -n 20 -o images --labels jsonl --background-dir backs --format jpeg $quiet --set elastic_distortion_alpha=20 --set elastic_distortion_sigma=5 --set cutout_width=20 --set cutout_height=9 --set lines='[1,3]'
expect 0 'done' "$imloom" synth -n 20 -o none --labels jsonl --background none --container tar $quiet --set border='[0,2]' --set glyph_rotation='[-5,5]'
expect 0 'done' "$imloom" synth -n 8 -o axes --labels jsonl --background '#ffeedd' --colour auto --font "$source/tests/data/fonts/boxes-vf.ttf" --text 'axes vary' --set 'variations={wght: [100, 900]}' --set 'features=[liga]' $quiet
expect 0 '' "$imloom" synth -n 8 --plan plan.jsonl
expect 0 'labels match the schema' python3 "$source/tests/interop/schema.py" "$source/docs/label.schema.json" default/labels.jsonl images/labels.jsonl none/labels.jsonl axes/labels.jsonl plan.jsonl
# The same object stands beside a picture and in a shard.
expect 0 'done' "$imloom" synth -n 6 -o both --labels json,jsonl $quiet
for k in 0 1 2 3 4 5; do python3 -c 'import json,sys; print(json.dumps(json.load(open(sys.argv[1]))))' both/000000/00000000$k.json; done >files
python3 -c 'import json,sys; [print(json.dumps(json.loads(line))) for line in open(sys.argv[1])]' both/labels.jsonl >lines
cmp files lines || fail ".json and labels.jsonl differ"
# What the program had to change stands beside the drawn value, and the label still makes its picture.
expect 0 'done' "$imloom" synth -n 12 -o changed --labels jsonl --text 'a line that is far too wide for it' --set image_height=48 --set max_width=50 --set 'lines=[1,12]' --set curve_type=arc --set arc_radius=5 $quiet
python3 - <<'P' || fail "what was changed is not told"
import json
for line in open("changed/labels.jsonl", encoding="utf-8"):
    t = json.loads(line)
    p = t["params"]
    assert p["image_height"] == 48 and p.get("image_height_effective", 48) == t["image"]["height"], t["index"]
    assert ("image_height_effective" in p) == (t["image"]["height"] != 48)
    assert p.get("lines_effective", p["lines"]) == t["num_lines"] and p["arc_radius_effective"] > 5
P
grep -q image_height_effective changed/labels.jsonl || fail "no picture was shrunk"
grep -q lines_effective changed/labels.jsonl || fail "no text had too few words for its lines"
expect 0 '12 identical, 0 edited' "$imloom" synth --replay changed/labels.jsonl --replay-check
expect 0 'labels match the schema' python3 "$source/tests/interop/schema.py" "$source/docs/label.schema.json" changed/labels.jsonl
