# every_older_config_loads
# Files in the form of the older tool's: all its keys, its six distributions; each draws, with the
# older command line. The one with a control character is refused with its place.
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -e $sans ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
mkdir -p corpus/shop fonts bg
for k in {1..80}; do echo "Shelf $k: fresh bread, butter and honey for a good price, number $((k * 37))"; done >corpus/shop/labels.txt
for k in {1..80}; do echo "מדף $k: לחם טרי וחמאה במחיר טוב"; done >corpus/shop/labels_rtl.txt
cp $sans fonts/
"$imloom" synth --backgrounds-only 300x200 -n 3 -o made --progress none --log-dir logs 2>/dev/null; cp made/000000/*.png bg/
older() { "$imloom" synth --batch-config "$1" --output-dir "$2" --font-dir fonts --background-dir bg --corpus-dir corpus --generation-workers 2 --workers 2 --chunk-size 100 --io-batch-size 10 --log-level INFO --log-dir logs --progress none --labels jsonl "${@:3}"; }
n=0
for f in "$source"/tests/data/older/*.yaml; do
    name=$(basename "$f" .yaml)
    [ "$name" != control ] || continue
    total=$(grep -o 'total_images: [0-9]*' "$f" | cut -d' ' -f2)
    expect 0 "done: $total images, 0 bad" older "$f" "$name"
    [ "$(wc -l <"$name/labels.jsonl")" = "$total" ] || fail "$name: not as many labels as pictures"
    n=$((n + 1))
done
[ $n = 6 ] || fail "$n files"
expect 1 '^[^ ]*control.yaml: offset [0-9]+: .*control characters are not allowed|control.yaml:4:' older "$source/tests/data/older/control.yaml" control
[ ! -e control ] || fail "something was written"
# Every key of the older form stands in one of them, and every distribution.
cat "$source"/tests/data/older/*.yaml >all.txt
missing=""
for stem in line_spacing glyph_overlap_intensity ink_bleed_radius rotation_angle perspective_warp_magnitude elastic_distortion_alpha elastic_distortion_sigma grid_distortion_steps grid_distortion_limit optical_distortion_limit noise_amount blur_radius brightness_factor contrast_factor erosion_dilation_kernel cutout_width cutout_height drop_shadow_offset_x drop_shadow_offset_y drop_shadow_radius block_shadow_offset_x block_shadow_offset_y block_shadow_radius arc_radius sine_amplitude sine_frequency sine_phase; do
    for end in min max distribution; do grep -q "${stem}_$end:" all.txt || missing+=" ${stem}_$end"; done
done
for key in total_images specifications name proportion text_direction corpus_file corpus_files font_filter min_text_length max_text_length min_lines max_lines line_break_mode text_alignment drop_shadow_color_min drop_shadow_color_max block_shadow_color_min block_shadow_color_max curve_type arc_concave color_mode text_color_min text_color_max per_glyph_palette_size_min per_glyph_palette_size_max gradient_start_color_min gradient_start_color_max gradient_end_color_min gradient_end_color_max font_size_min font_size_max canvas min_padding max_padding size_range direction; do
    grep -qw "$key:" all.txt || missing+=" $key"
done
for d in uniform normal exponential beta lognormal truncated_normal; do grep -q "\"$d\"" all.txt || missing+=" $d"; done
[ -z "$missing" ] || fail "no file has$missing"
# Three thirds of 10,000 end, and any count is made in full.
sed 's/total_images: .*/total_images: 10000/; s/proportion: 0.33$/proportion: 0.333/' "$source/tests/data/older/curves.yaml" >thirds.yaml
expect 0 '10,000 of 10,000' timeout 30 "$imloom" synth thirds.yaml --corpus-dir corpus --font-dir fonts -o thirds --dry-run
