# same_bytes_for_any_workers_mode_order_and_shares
# Invariant I8 on five configurations: workers 0 1 2 7, threads and processes, claim orders, memory
# that is scarce, masks, crops, aggregates, SIMD levels, three shares merged, growth, one item alone.
seq 1 200 | sed 's/$/ good plain words, for lines of text/' >t.txt
printf 'שלום עולם, זהו טקסט פשוט לבדיקה של כיוון הכתיבה\n%.0s' {1..30} >h.txt
"$imloom" synth --backgrounds-only 420x300 -n 5 -o made --format jpeg --progress none --log-dir logs 2>/dev/null; mkdir bg; cp made/000000/*.jpg bg/; head -c 900 bg/000000002.jpg >bg/broken.jpg
cat >effects.yaml <<'Y'
total_images: 40
specifications:
  - {name: a, proportion: 0.6, text_direction: left_to_right, corpus_file: t.txt, rotation_angle: [-9, 9], perspective_warp_magnitude_max: 0.2, elastic_distortion_alpha: [0, 30],
     elastic_distortion_sigma: [3, 6], grid_distortion_steps: [0, 5], grid_distortion_limit: [0, 4], optical_distortion_limit_max: 0.2, noise_amount: [0, 0.02], blur_radius: [0, 1.5],
     brightness_factor: [0.8, 1.2], contrast_factor: [0.8, 1.2], erosion_dilation_kernel: [1, 3], cutout_width: [0, 20], cutout_height: [0, 20], ink_bleed_radius: [0, 1],
     drop_shadow_offset_x: [-4, 4], drop_shadow_offset_y: 3, drop_shadow_radius: [0, 3], block_shadow_offset_x: {min: 2, max: 9, p: 0.5}, background_reuse: 3,
     glyph_rotation: [-4, 4], baseline_jitter: [-2, 2], gaussian_noise: {min: 0, max: 9, p: 0.5}}
  - {name: b, proportion: 0.4, text_direction: right_to_left, corpus_file: h.txt, lines: [1, 3], curve_type: {arc: 1, sine: 1}, arc_radius: [150, 500], sine_amplitude: [3, 9], sine_frequency: 0.02,
     color_mode: {per_glyph: 1, gradient: 1}, text_color: {min: [0, 0, 0], max: [200, 200, 200]}, gradient_end_color: [0, 90, 0], min_contrast: 3, background_mode: {scale: 1, tile: 1, crop_random: 2}}
Y
config() { # config NAME: its arguments
    case $1 in
    scripts) echo "--script latin,arabic,devanagari,han,thai -n 40" ;;
    effects) echo "effects.yaml --background-dir bg --labels json,jsonl" ;;
    columns) echo "--script han_vertical,kana_vertical -n 24 --background paper --colour auto --masks text,unit,line --crops lines,words --extras background,textlayer --labels json,coco,paddle_rec,icdar15,synthtiger" ;;
    shards) echo "effects.yaml --background-dir bg --format jpeg --quality 40,95 --container tar --set image_height=48 --labels json,jsonl,mmocr_det,easyocr_csv,tesseract_box --masks unit --crops lines" ;;
    patterns) echo "--pattern [A-Z]{2}-[0-9]{3,9} --pattern \\p{Script=Greek}{4,9} -n 30 --background none --set padding=[0,20] --set border=[0,2]" ;;
    esac
}
run() { local out=$1; shift; expect 0 'done' "$imloom" synth -o "$out" --seed 7 --progress none --log-dir logs "$@"; no_temporaries "$out"; }
for name in scripts effects columns shards patterns; do
    args=$(config $name)
    set -f # patterns are no file names
    run ref $args --workers 1
    want=$(digest ref)
    n=0
    while read -r how; do
        n=$((n + 1))
        run m $args $how
        [ "$(digest m)" = "$want" ] || fail "$name: other bytes with $how"
        rm -rf m
    done <<'H'
--workers 0
--workers 2
--workers 7
--workers 1 --mode process
--workers 2 --mode process
--workers 7 --mode process
--workers 2 --order random
--workers 2 --order size
--workers 3 --memory 64M --chunk-size 3 --io-batch-size 2
--workers 1 --durability process
H
    for cpu in scalar avx2; do
        IML_CPU=$cpu run m $args --workers 2
        [ "$(digest m)" = "$want" ] || fail "$name: other bytes with IML_CPU=$cpu"
        rm -rf m
    done
    for how in "--workers 3" "--workers 2 --mode process --order random"; do
        IML_STALL=$((n + 1)) run m $args $how
        [ "$(digest m)" = "$want" ] || fail "$name: other bytes with IML_STALL=$((n + 1)) $how"
        rm -rf m
    done
    for i in 0 1 2; do run split $args --shard $i/3; done
    expect 0 '' "$imloom" merge split
    [ "$(digest split)" = "$want" ] || fail "$name: other bytes in three shares"
    expect 0 '' "$imloom" verify split
    [ "$(grep -c '"command": "synth"' split/.imloom/report.json)" = 3 ] && grep -q '"command": "merge"' split/.imloom/report.json || fail "$name: the merged report does not hold those of the shares"
    set +f
    rm -rf split; mv ref "ref_$name"
done
# growing_keeps_old_bytes
for name in scripts effects shards columns; do # the last one with masks, crops, extras and aggregates
    args=$(config $name)
    last=40; [ $name != columns ] || last=24
    for n in 9 23 $last; do
        run grow $args --count $n
        [ $n = $last ] || [ "$name" = shards ] || (cd grow && find 0* -type f -print0 | xargs -0 sha256sum) >was.txt
        [ $n != $last ] || [ "$name" = shards ] || (cd grow && sha256sum --quiet -c ../was.txt) || fail "$name: growth changed what was there"
    done
    [ "$(digest grow)" = "$(digest ref_$name)" ] || fail "$name: other bytes after growth"
    [ "$name" = scripts ] || rm -rf grow
    [ "$name" != scripts ] || mv grow grown
done
# The same again does nothing; another seed is refused and says what differs.
args=$(config scripts) want=$(digest ref_scripts)
expect 0 '40 there before|nothing' "$imloom" synth $args -o grown --seed 7 --progress none --log-dir logs
expect 1 'seed' "$imloom" synth $args -o grown --seed 8 --progress none --log-dir logs
one_sentence
[ "$(digest grown)" = "$want" ] || fail "a refused run changed something"
expect 0 'done' "$imloom" synth $args -o grown --seed 8 --progress none --log-dir logs --overwrite
[ "$(digest grown)" != "$want" ] || fail "--overwrite kept the old set"
# only_equals_whole_run
for name in scripts effects columns; do
    expect 0 '' "$imloom" synth $(config $name) -o "one_$name" --seed 7 --progress none --log-dir logs --only 17,3,20
    for k in 03 17 20; do
        cmp "one_$name/000000/0000000$k.png" "ref_$name/000000/0000000$k.png" || fail "$name: --only makes another picture"
        cmp "one_$name/000000/0000000$k.json" "ref_$name/000000/0000000$k.json" || fail "$name: --only makes another label"
    done
    (cd "one_$name" && find . -path ./.imloom -prune -o -type f -print) | while read -r f; do cmp "one_$name/$f" "ref_$name/$f" || fail "$name: --only makes another $f"; done
    [ $name != columns ] || [ "$(find one_columns -name '*.unit.png' | wc -l)$(find one_columns -path '*crops*_l00.png' | wc -l)$(find one_columns -name 'gt_*' | wc -l)" = 333 ] || fail "--only makes no masks, crops or labels"
    [ "$(find "one_$name" -name '?????????.png' | wc -l)" = 3 ] || fail "$name: --only makes more than it was asked for"
done
