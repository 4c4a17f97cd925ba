# every_key_has_its_effect_and_its_neutral_value_has_none
# For each key of --list keys: pictures with its neutral (default) value written out are those without
# it, and a value away from it changes them. A key that is not in the table below fails the test.
font=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -e $font ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
seq 1 60 | sed 's/$/ Straße, office  fi café: nine words on a Line \xc3\xa9 of AV text/' >t.txt
printf 'broken \xff bytes in a text of words\n%.0s' {1..50} >torn.txt
printf 'English words کے ساتھ Ωmega б 3\n%.0s' {1..20} >mixed.txt
printf '%s\n' 'specifications:' '  - {name: a, proportion: 1, text_direction: left_to_right, corpus_file: t.txt}' >c.yaml
sed 's/t.txt/torn.txt/' c.yaml >torn.yaml
sed 's/t.txt/mixed.txt/' c.yaml >mixed.yaml
sed 's/t.txt/thai.txt/' c.yaml >thai.yaml
thai=/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf
[ -e $thai ] || { echo "skipped: fonts-noto-core is not installed"; exit 77; }
printf 'some words and ราคา more\n%.0s' {1..30} >thai.txt
mkdir bg
pictures() { # pictures CONFIG OPTION...: the SHA-256 of the pictures and their texts
    local rc=0; rm -rf o
    "$imloom" synth "$@" -n 3 -o o --font $font --mode thread --workers 0 --progress none --log-dir logs >out.txt 2>err.txt || rc=$?
    [ $rc = 0 ] || [ $rc = 3 ] || { tail -n 2 err.txt >&2; echo "exit $rc"; return; }
    { find o -path '*/0*/*' -type f 2>find.txt || true; } | LC_ALL=C sort >files.txt # a text in NFD looks as in NFC
    { { grep png files.txt | xargs -r cat; grep json files.txt | xargs -r grep -hE '^ *"(text|direction)"'; } || true; } | sha256sum
}
declare -A away=() base=() # key -> VALUE [CONTEXT...]: arguments of both runs
away[text_length]='30' away[lines]='3' away[font_size]='40' away[bold]='0.05' away[oblique]='12'
away[line_spacing]='1.8 lines=3' away[letter_spacing]='4' away[word_spacing]='9' away[wrap_width]='80'
away[glyph_overlap_intensity]='0.3' away[baseline_jitter]='[-6,6]' away[glyph_rotation]='[-20,20]'
away[glyph_scale]='[0.7,1.3]' away[border]='2' away[padding]='30' away[arc_radius]='200 curve_type=arc'
away[arc_max_span]='60 curve_type=arc arc_radius=60' away[sine_amplitude]='9 curve_type=sine sine_frequency=0.05 sine_amplitude=5'
away[sine_frequency]='0.09 curve_type=sine sine_amplitude=6 sine_frequency=0.03'
away[sine_phase]='1.5 curve_type=sine sine_amplitude=6 sine_frequency=0.03'
away[ink_bleed_radius]='1.5' away[opacity]='0.5' away[per_glyph_palette_size]='7 color_mode=per_glyph text_color={min:[0,0,0],max:[200,200,200]}'
away[image_height]='32' away[max_width]='100' away[max_canvas]='2000'
away[min_contrast]='15 text_color={min:[0,0,0],max:[230,230,230]}'
away[drop_shadow_offset_x]='4' away[drop_shadow_offset_y]='4' away[drop_shadow_radius]='3 drop_shadow_offset_x=4'
away[block_shadow_offset_x]='4' away[block_shadow_offset_y]='4' away[block_shadow_radius]='3 block_shadow_offset_x=4'
away[background_reuse]='1 images' away[skew_x]='10' away[skew_y]='10' away[trapezoid_x]='0.2' away[trapezoid_y]='0.2'
away[rotation_angle]='7' away[perspective_warp_magnitude]='0.3'
away[elastic_distortion_alpha]='30 elastic_distortion_sigma=5' away[elastic_distortion_sigma]='5 elastic_distortion_alpha=30'
away[grid_distortion_steps]='5 grid_distortion_limit=6' away[grid_distortion_limit]='6 grid_distortion_steps=4'
away[optical_distortion_limit]='0.2' away[cutout_width]='9 cutout_height=9' away[cutout_height]='9 cutout_width=9'
away[erosion_dilation_kernel]='3' away[gaussian_noise]='9' away[noise_amount]='0.05' away[blur_radius]='2'
away[brightness_factor]='0.6 text_color=[90,90,90]' away[contrast_factor]='0.6' away[gamma]='2 text_color=[90,90,90]'
away[text_direction]='right_to_left' away[text_unit]='words' away[on_invalid_utf8]='replace torn on_invalid_utf8=skip'
away[text_case]='upper' away[normalization]='nfd' away[whitespace]='keep'
away[on_missing_glyph]='fallback thai' away[line_break_mode]='character lines=4'
away[text_alignment]='right lines=3' away[vertical_orientation]='sideways text_direction=top_to_bottom'
away[column_order]='ltr text_direction=top_to_bottom lines=3' away[curve_type]='arc curve_type={none:1000000,arc:1} arc_radius=100'
away[arc_concave]='false curve_type=arc arc_radius=100' away[curve_glyphs]='bend curve_type=arc arc_radius=60'
away[color_mode]='per_glyph text_color={min:[0,0,0],max:[200,200,200]}' away[contrast_action]='force min_contrast=20 text_color={min:[90,90,90],max:[99,99,99]}'
away[background_mode]='tile images' away[placement]='top_left' away[fit]='squeeze max_width=100'
away[clip]='allow padding=0 oblique=30' away[interpolation]='bicubic rotation_angle=7'
away[erosion_dilation_mode]='erode erosion_dilation_kernel=3 erosion_dilation_mode=dilate'
away[text_color]='[9,90,9]' away[border_color]='[9,90,9,255] border=2'
away[gradient_start_color]='[9,90,9] color_mode=gradient' away[gradient_end_color]='[9,90,9] color_mode=gradient'
away[drop_shadow_color]='[200,9,9,255] drop_shadow_offset_x=4' away[block_shadow_color]='[200,9,9,255] block_shadow_offset_x=4'
away[charset]='abcdefg' away[exclude]='aeiou' away[features]='[-kern,-liga]' away[language]='sr mixed'
for k in 0 1 2 3; do
    [ $k != 0 ] || "$imloom" synth --text x -n 4 --background paper --set font_size=200 --set padding=100 -o bgset --font $font --progress none --log-dir logs >out.txt 2>&1
    cp bgset/000000/00000000$k.png bg/$k.png
done
failed=0 n=0
"$imloom" synth --list keys >keys.txt
while read -r key kind rest; do
    case $key in # what every configuration has; variations: below
    name | proportion | corpus_file | corpora | font_filter | variations | fonts | backgrounds) continue ;;
    esac
    [ -n "${away[$key]:-}" ] || { echo "$key: no row in this test"; failed=1; continue; }
    set -f; words=(${away[$key]}); set +f
    value=${words[0]} config=c.yaml back=white; context=()
    for w in "${words[@]:1}"; do
        case $w in
        torn | mixed) config=$w.yaml ;;
        thai) config=thai.yaml; context+=(--fallback-font $thai) ;;
        images) back=images; context+=(--background-dir bg) ;;
        *=*) context+=(--set "$w") ;;
        esac
    done
    for i in "${!context[@]}"; do context[i]=$(sed 's/:\([[0-9]\)/: \1/g' <<<"${context[i]}"); done
    context+=(--background $back)
    id="$config ${context[*]}"
    [ -n "${base[$id]:-}" ] || base[$id]=$(pictures $config "${context[@]}")
    case ${base[$id]} in exit*) echo "$key: its context fails: ${base[$id]}"; failed=1; continue ;; esac
    got=$(pictures $config "${context[@]}" --set "$key=$value")
    case $got in exit*) echo "$key=$value: refused, $got"; failed=1 ;; "${base[$id]}") echo "$key=$value changes nothing"; failed=1 ;; esac
    n=$((n + 1))
done <keys.txt
plain=$(pictures c.yaml --background white)
# All neutral values written out at once: no byte changes.
neutral=()
while read -r key kind rest; do
    case $rest in *default\ *) ;; *) continue ;; esac
    value=${rest##*default }
    neutral+=(--set "$key=$value")
done <keys.txt
[ "$(pictures c.yaml --background white "${neutral[@]}")" = "$plain" ] || { echo "defaults written out change the pictures"; failed=1; }
# What this version has no hand for is refused by name.
for key in blend texture palette underline binarize motion_blur_max midground_probability; do
    expect 1 "$key: is not in this version" "$imloom" synth c.yaml -n 1 -o o2 --font $font --set "$key=1"
    [ ! -e o2 ] || fail "something was written"
done
expect 1 'none of its 1 faces is a variable font' "$imloom" synth c.yaml -n 1 -o o2 --font $font --set 'variations={wght: 700}'
# Labels are scaled with the picture; a text that is wider than asked is drawn again.
expect 0 done "$imloom" synth c.yaml -n 4 -o high --font $font --set image_height=48 --progress none --log-dir logs
[ "$(grep -h '"image"' high/000000/*.json | grep -c '"height": 48')" = 4 ] || fail "image_height is not obeyed"
expect 0 done "$imloom" synth c.yaml -n 4 -o narrow --font $font --set max_width=320 --set text_length=20 --set fit=reject --set padding=10 --progress none --log-dir logs
for f in narrow/000000/*.json; do
    w=$(grep -o '"width": [0-9]*' $f | sed -n 1p | cut -d' ' -f2); [ "$w" -le 320 ] || fail "$f: $w px wide under fit reject"
done
[ $failed = 0 ] || fail "see above"
echo "$n keys"
