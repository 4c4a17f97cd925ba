# a_users_yaml_fonts_pictures_and_texts_make_a_set
run() { "$imloom" synth --progress none --log-dir logs --mode thread "$@"; }
# Pictures of several formats and sizes, one smaller than a line, one broken.
mkdir -p bg/deep corpus fonts
expect 0 'done' run -n 3 --script latin --background paper -o a
expect 0 'done' run -n 3 --script latin --background crystal --format jpeg --set font_size=80 -o b
cp a/000000/*.png bg/; cp b/000000/*.jpg bg/deep/; mv bg/deep/000000001.jpg bg/deep/UPPER.JPG
head -c 900 bg/000000002.png >bg/broken.png
seq 1 300 | sed 's/$/ lines of some plain text, with words/' >corpus/plain.txt
printf 'שלום עולם, זהו טקסט פשוט לבדיקה של כיוון הכתיבה\n%.0s' 1 2 3 >corpus/hebrew.txt
cp /usr/share/fonts/truetype/dejavu/DejaVuSans*.ttf fonts/ 2>/dev/null || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
echo 'not a font' >fonts/lie.ttf
cat >batch.yaml <<'Y'
# as the older tool's
total_images: 40
specifications:
  - name: "english"
    proportion: 0.75
    text_direction: "left_to_right"
    corpus_file: "plain.txt"
    font_filter: "*DejaVuSans*"
    min_text_length: 15
    max_text_length: 40
    rotation_angle_min: -5
    rotation_angle_max: 5
    rotation_angle_distribution: normal
    blur_radius_min: 0.0
    blur_radius_max: 1.5
    drop_shadow_offset_x_min: 2
    drop_shadow_offset_x_max: 3
    text_color_max: [90, 90, 90]
  - {name: hebrew, proportion: 0.25, text_direction: right_to_left, corpus_file: hebrew.txt, curve_type: arc,
     arc_radius_min: 200, arc_radius_max: 400, color_mode: per_glyph}
options: {labels: "json,jsonl"}
Y
older() { run --batch-config batch.yaml --font-dir fonts --background-dir bg --corpus-dir corpus --output-dir "$@" --chunk-size 100 --io-batch-size 50; }
expect 0 'done: 40 images, 0 bad' older out --generation-workers 4 --workers 4
grep -q 'read as --io-workers' err.txt || fail "--workers beside --generation-workers is not explained"
[ "$(find out -name '*.png' | wc -l)" = 40 ] || fail "not 40 pictures"
[ "$(wc -l <out/labels.jsonl)" = 40 ] || fail "not 40 lines of labels"
[ "$(grep -c '"spec":"hebrew"' out/labels.jsonl)" = 10 ] || fail "shares are not exact"
grep -q 'deep/UPPER.JPG' out/labels.jsonl || fail "the suffix in capitals was passed over"
! grep -q 'broken.png' out/labels.jsonl || fail "a broken picture stands in a label"
expect 0 'done' older again --generation-workers 0
[ "$(digest out)" = "$(digest again)" ] || fail "other bytes with other workers"
# Members of a shard: picture, json, then by suffix.
expect 0 'done' older shards --container tar --format jpeg --quality 60,95
tar tf shards/shard-000000.tar >members.txt
head -n 3 members.txt | tr '\n' ' ' | grep -q '^000000000.jpg 000000000.json 000000000.txt $' || { head -n 3 members.txt; fail "order of members"; }
# A larger count appends: what was there keeps its bytes.
expect 0 'done' older grown --count 12
(cd grown && find 000000 -type f -print0 | xargs -0 sha256sum) >was.txt
expect 0 'done' older grown --count 40
(cd grown && sha256sum --quiet -c ../was.txt) || fail "growth changed what was there"
[ "$(digest grown)" = "$(digest out)" ] || fail "a grown set differs from one made at once"
# What is printed reads back as the same.
expect 0 'specifications' run --batch-config batch.yaml --corpus-dir corpus --print-config
cp out.txt printed.yaml
expect 0 'specifications' run printed.yaml --corpus-dir corpus --print-config
cmp -s out.txt printed.yaml || fail "the printed configuration does not print itself"
# --set, --list, --dry-run
expect 0 '40 images' older none --dry-run
[ ! -e none ] || fail "a dry run wrote something"
expect 0 'lie.ttf' run --batch-config batch.yaml --corpus-dir corpus --font-dir fonts --list fonts
expect 0 'blur_radius' run --list keys
expect 0 'devanagari' run --list scripts
expect 1 'font_sise.*did you mean .font_size' run -o x --set font_sise=3
expect 0 'done' run --text 'Total: 12.50' --set 'font_size=[40, 64]' -n 5 -o text --labels jsonl
[ "$(grep -c '"text":"Total: 12.50"' text/labels.jsonl)" = 5 ] || fail "the text is not what was asked for"
[ -z "$(find text/000000 -name '*.json')" ] || fail "json beside the pictures, unasked"
