# bad_input_gets_one_sentence_and_writes_nothing
cat >good.yaml <<'Y'
total_images: 20
specifications:
  - {name: a, proportion: 1.0, text_direction: left_to_right, corpus_file: t.txt, blur_radius_max: 1}
Y
seq 1 200 | sed 's/$/ good plain words for lines of text/' >t.txt
bad() { # REGEX SED
    sed "$2" good.yaml >bad.yaml
    expect 1 "$1" "$imloom" synth bad.yaml -o out --log-dir logs
    grep -qE 'bad\.yaml:[0-9]+:[0-9]+' err.txt || { cat err.txt; fail "no line:column: $2"; }
    [ ! -e out ] || fail "something was written after '$2'"
}
bad 'blur_radius_max' 's/blur_radius_max/blur_radius_mx/'
bad 'did you mean' 's/blur_radius_max/blur_radius_mx/'
bad 'proportion' 's/proportion: 1.0/proportion: 0.5/'
bad 'text_direction' 's/left_to_right/left_to_left/'
bad 'blur_radius' 's/blur_radius_max: 1/blur_radius_max: 1000/'
bad 'total_images' 's/total_images: 20/total_images: many/'
bad '' 's/specifications:/specifications: [/'
expect 1 'no.such' "$imloom" synth no_such.yaml -o out
sed 's/t.txt/missing.txt/' good.yaml >bad.yaml
expect 1 'missing.txt' "$imloom" synth bad.yaml -o out
one_sentence
expect 1 'nofonts' "$imloom" synth good.yaml -o out --font-dir nofonts
one_sentence
mkdir nofonts; echo garbage >nofonts/x.ttf
expect 1 'none of 1 fonts can be used' "$imloom" synth good.yaml -o out --font-dir nofonts
[ ! -e out ] || fail "something was written without a font"
expect 1 'give -o OUT' "$imloom" synth good.yaml
expect 1 'outside' "$imloom" synth good.yaml -o out --count 0
# A directory that cannot be written (root can write everywhere: a file in its place then).
echo file >occupied
rc=0; "$imloom" synth good.yaml -o occupied/set >out.txt 2>err.txt || rc=$?; { [ $rc = 1 ] || [ $rc = 2 ]; } || fail "exit $rc"; grep -q occupied err.txt || fail "the place is not named"
[ "$(cat occupied)" = file ] || fail "a user's file was touched"
# Resuming switched off refuses; a file-size limit is an error, not a death by signal.
expect 0 'done' "$imloom" synth good.yaml -o there --progress none --log-dir logs
expect 1 'no-resume' "$imloom" synth good.yaml -o there --no-resume --progress none --log-dir logs
one_sentence
rc=0; (ulimit -f 2; "$imloom" synth good.yaml -o limited --background noise --progress none --log-dir logs) >out.txt 2>err.txt || rc=$?
[ $rc = 2 ] || { cat err.txt; fail "exit $rc under a file-size limit"; }
