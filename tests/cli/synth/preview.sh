# a_first_sheet_needs_nothing_but_the_program
expect 0 'done' "$imloom" synth -n 24 -o set --preview sheet.png --progress none --log-dir logs
[ -s sheet.png ] || fail "no sheet"
[ "$(head -c 8 sheet.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] || fail "the sheet is no PNG"
expect 0 '' "$imloom" synth -n 24 --preview alone.png --progress none
cmp sheet.png alone.png || fail "the sheet depends on whether a set is made"
expect 0 'specifications' "$imloom" synth --dry-run
expect 0 'specifications:' "$imloom" synth --print-config
