# a_first_sheet_needs_nothing_but_the_program
expect 0 'done' "$imloom" synth -n 24 -o set --preview sheet.png --progress none --log-dir logs
[ -s sheet.png ] || fail "no sheet"
[ "$(head -c 8 sheet.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] || fail "the sheet is no PNG"
expect 0 '' "$imloom" synth -n 24 --preview alone.png --progress none
cmp sheet.png alone.png || fail "the sheet depends on whether a set is made"
expect 0 'specifications' "$imloom" synth --dry-run
expect 0 'specifications:' "$imloom" synth --print-config
# A picture that cannot be made leaves its cell empty, and never exit 0; with a set the sheet is made all the same.
printf '%s\n' 'total_images: 8' 'specifications:' '  - {name: good, proportion: 0.75, text_direction: left_to_right, corpora: [{text: good}]}' \
    '  - {name: wide, proportion: 0.25, text_direction: left_to_right, corpora: [{text: wide}], font_size: 400, max_canvas: 10000}' >bad.yaml
expect 3 "^imloom: bad.png: 2 of 8 pictures could not be made: 1 \\(specification 'wide': .*max_canvas 10000.*\\), \.\.\.$" "$imloom" synth bad.yaml --preview bad.png --progress none
one_sentence
[ -s bad.png ] || fail "the other pictures are lost"
expect 3 '2 of 8 items failed' "$imloom" synth bad.yaml -o bad --preview with.png --progress none --log-dir logs
cmp bad.png with.png || fail "the sheet depends on whether a set is made"
expect 3 '' "$imloom" synth bad.yaml --plan plan.jsonl
[ "$(wc -l <plan.jsonl)" = 6 ] || fail "a bad item loses the others' plans"
