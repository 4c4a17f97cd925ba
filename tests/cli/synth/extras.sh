# masks_crops_and_extras_stand_under_their_names
quiet="--progress none --log-dir logs"
expect 0 'done' "$imloom" synth -n 14 -o loose --masks text,unit,line --crops lines,words --extras background,textlayer --labels jsonl,paddle_rec,mmocr_rec,tesseract_gt,easyocr_csv,trocr,synthtiger,trdg,json,mlocr,paddle_det,icdar15,coco,mmocr_det,tesseract_box $quiet
grep -q 'left out of' out.txt err.txt && fail "crops do not serve recognisers"
for i in 0 7 13; do
    n=$(printf '%09d' $i)
    for suffix in png json text.png unit.png line.png background.png textlayer.png; do
        [ -s loose/000000/$n.$suffix ] || fail "no $n.$suffix"
    done
    [ -s loose/crops/000000/${n}_l00.png ] || fail "no crop of a line"
    [ -s loose/crops/000000/${n}_l00w00.png ] || fail "no crop of a word"
done
expect 0 '' "$imloom" verify loose
if command -v python3 >/dev/null; then
    expect 0 'in 15 formats' python3 "$source/tests/interop/read_back.py" loose
    expect 0 'agree' python3 "$source/tests/interop/masks.py" loose
else
    echo "no python3: masks are not read back"
fi
# Under all effects at once, scaled, cut off: formats, masks and labels still say the same.
seq 1 60 | sed 's/$/ good plain words, for "lines" of text/' >t.txt
printf 'שלום עולם, זהו (טקסט) פשוט abc לבדיקה של כיוון הכתיבה 12.5\n%.0s' {1..30} >h.txt
cat >all.yaml <<'Y'
total_images: 16
specifications:
  - {name: a, proportion: 0.6, text_direction: left_to_right, corpus_file: t.txt, rotation_angle: [-40, 40], perspective_warp_magnitude_max: 0.4, elastic_distortion_alpha: [0, 60],
     elastic_distortion_sigma: [3, 6], grid_distortion_steps: [0, 5], grid_distortion_limit: [0, 6], optical_distortion_limit: [-0.3, 0.4], noise_amount: [0, 0.02], blur_radius: [0, 1.5],
     erosion_dilation_kernel: [1, 3], cutout_width: [0, 90], cutout_height: [0, 50], ink_bleed_radius: [0, 1], skew_x: [-20, 20], trapezoid_y: [-0.3, 0.3], drop_shadow_offset_x: [-4, 4],
     glyph_rotation: [-14, 14], baseline_jitter: [-4, 4], border: [0, 3], bold: [0, 0.05], oblique: [-10, 10], glyph_scale: [0.7, 1.4], lines: [1, 2]}
  - {name: b, proportion: 0.4, text_direction: right_to_left, corpus_file: h.txt, lines: [1, 3], curve_type: {arc: 1, sine: 1}, arc_radius: [80, 500], sine_amplitude: [3, 12], sine_frequency: 0.02,
     letter_spacing: [0, 6], glyph_overlap_intensity: [0, 0.4], arc_concave: {true: 1, false: 1}}
Y
every=json,jsonl,mlocr,paddle_det,paddle_rec,icdar15,coco,mmocr_det,mmocr_rec,tesseract_box,tesseract_gt,easyocr_csv,hf_metadata,synthtiger,trdg
while read -r grown how; do
    rm -rf all
    expect 0 'done' "$imloom" synth all.yaml -o all --seed 3 --labels $every --masks text,unit,line --crops lines,words $quiet $how
    command -v python3 >/dev/null || continue
    expect 0 'in 15 formats' python3 "$source/tests/interop/read_back.py" all
    expect 0 'agree' python3 "$source/tests/interop/masks.py" all "$grown"
    expect 0 'is what the labels say' python3 "$source/tests/interop/coverage.py" all
    expect 0 ' 16 identical' "$imloom" synth --replay all/labels.jsonl --replay-check
done <<'H'
0.51
1 --set image_height=48 --set max_width=300
1 --set image_height=32 --set max_width=120 --set fit=squeeze
0.51 --set clip=allow --set interpolation=bicubic
H
# A mask is the same whichever others are asked for.
for m in unit line; do expect 0 'done' "$imloom" synth all.yaml -o "only_$m" --seed 3 --masks $m --set clip=allow --set interpolation=bicubic $quiet; cmp "only_$m/000000/000000003.$m.png" "all/000000/000000003.$m.png" || fail "mask $m depends on the others"; [ ! -e "only_$m/000000/000000003.text.png" ] || fail "a mask that nobody asked for"; done
# The same members in a shard: a picture's, then each crop with its text.
expect 0 'done' "$imloom" synth -n 14 -o tar --container tar --masks text,unit,line --crops lines,words --extras background,textlayer --labels json $quiet
tar -tf tar/shard-000000.tar >names
grep -n . names | sed -n 1,8p >head
printf '%s\n' 1:000000000.png 2:000000000.json 3:000000000.background.png 4:000000000.line.png 5:000000000.text.png 6:000000000.textlayer.png 7:000000000.txt 8:000000000.unit.png | diff - head || fail "members of a picture"
sed -n 9,10p names | tr '\n' ' ' | grep -q '^000000000_l00.png 000000000_l00.txt $' || fail "members of a crop"
mkdir un; tar -xf tar/shard-000000.tar -C un
for f in 000000007.unit.png 000000007.text.png 000000007.background.png; do cmp un/$f loose/000000/$f || fail "$f differs in a shard"; done
cmp un/000000007_l00w00.png loose/crops/000000/000000007_l00w00.png || fail "a crop differs in a shard"
expect 0 '' "$imloom" verify tar
samples=$(sed 's/\..*//' names | uniq | wc -l)
if command -v python3 >/dev/null; then
    expect 0 "read $samples samples" python3 "$source/tests/interop/shard.py" tar/shard-000000.tar "$samples" png json background.png line.png text.png textlayer.png txt unit.png
    cat out.txt # says whether webdataset was there
fi
# More files than an item may hand over at once, in order, whatever the workers are.
words=$(for k in $(seq 90); do printf 'w%d ' $k; done)
many() { expect 0 'done' "$imloom" synth -n 3 -o "$@" --text "$words" --crops words --set font_size=10 $quiet; }
many a --workers 0
many b --workers 2 --mode process
many c --workers 2 --container tar
many d --workers 0 --mode thread --container tar --memory 4M
[ "$(find a/crops -name '*w*.png' | wc -l)" = 270 ] || fail "not 90 words a picture"
[ "$(digest a)" = "$(digest b)" ] || fail "other files from worker processes"
cmp c/shard-000000.tar d/shard-000000.tar || fail "another order of members"
[ "$(tar -tf c/shard-000000.tar | sed -n 1p)" = 000000000.png ] || fail "the picture is not first"
# Crops have the picture's format; masks stay exact.
expect 0 'done' "$imloom" synth -n 2 -o jpeg --format jpeg --masks unit --crops lines $quiet
[ -s jpeg/crops/000000/000000000_l00.jpg ] && [ -s jpeg/000000/000000000.unit.png ] || fail "formats of crops and masks"
expect 1 "--masks: unknown value txt; did you mean 'text'" "$imloom" synth -n 1 -o no --masks txt
one_sentence
