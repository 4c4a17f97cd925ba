# each_row_of_bad_input_has_its_sentence_and_exit_code
# The table of what can be wrong, row by row. What can be told before the first item writes nothing.
run() { "$imloom" synth --progress none --log-dir logs "$@"; }
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -e $sans ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
seq 1 200 | sed 's/$/ good plain words for lines of text/' >t.txt
good='total_images: 6
specifications:
  - {name: a, proportion: 1.0, text_direction: left_to_right, corpus_file: t.txt}'
refused() { # REGEX: bad.yaml is refused with this sentence, and its place
    expect 1 "^bad.yaml:[0-9]+:[0-9]+: .*$1" run bad.yaml -o out --font $sans
    [ ! -e out ] || fail "something was written: $1"
}
edit() { sed "$1" <<<"$good" >bad.yaml; }
# ---- YAML
edit 's/specifications:/specifications: [/'; refused "expected"
edit 's/corpus_file: t.txt/&, name: b/'; refused "duplicate key 'name': it stands in line 3"
edit 's/corpus_file: t.txt/&, blur_radius_mx: 1/'; refused "unknown key 'blur_radius_mx'; did you mean 'blur_radius_m(in|ax)'"
edit 's/corpus_file: t.txt/&, blur_radius: thick/'; refused "blur_radius: thick is not a number"
edit 's/corpus_file: t.txt/&, font_size: "32"/'; refused "font_size: \"32\" is not an integer \(quoted"
edit 's/corpus_file: t.txt/&, font_size: 032/'; refused "octal in one YAML and decimal in another"
edit 's/corpus_file: t.txt/&, blur_radius: .nan/'; refused "blur_radius: .nan is not a number"
edit 's/corpus_file: t.txt/&, blur_radius_max: .inf/'; refused "blur_radius: .inf is not a number"
edit 's/corpus_file: t.txt/&, blur_radius_min: 3, blur_radius_max: 1/'; refused "min 3 is above max 1"
edit 's/corpus_file: t.txt/&, font_size_max: 5000/'; refused "out of range, 4 to 2000"
edit 's/corpus_file: t.txt/&, curve_type: spiral/'; refused "unknown value spiral; known are none arc sine"
edit 's/corpus_file: t.txt/&, rotation_angle_distribution: normale/'; refused "did you mean 'normal'"
edit 's/proportion: 1.0/proportion: 0.5/'; refused "sum up to 0.5, they must make 1"
edit 's/^  - .*/&\n  - {name: a, proportion: 0.0, text_direction: left_to_right, corpus_file: t.txt}/'; refused "'a' is used twice"
edit 's/^  - .*//; s/specifications:/specifications: []/'; refused "a list that is not empty"
edit 's/corpus_file: t.txt/corpora: []/'; refused "corpora: a list that is not empty"
{ printf 'x-a: &a [1,2,3,4,5,6,7,8,9]\n'; for c in b c d e f; do printf 'x-%s: &%s [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\n' $c $c $(for k in 1 2 3 4 5 6 7 8; do printf '%s ' "$(tr b-f a-e <<<$c)"; done); done; } >bad.yaml
refused "more than 10000 nodes once aliases are expanded"
printf '\xff\xfetotal' >bad.yaml; expect 1 '^bad.yaml: offset 0: .*UTF-8' run bad.yaml -o out; [ "$(wc -l <err.txt)" = 1 ] || fail "not one sentence"
# All of one run together, the command's options among them.
edit 's/total_images: 6/total_images: many\noptions: {workers: lots, colur: rgb}/; s/left_to_right/left/; s/1.0/0.5/; s/t.txt/&, font_size: 3, blur_radius: [2, 1], hue: 3/'
expect 1 '' run bad.yaml -o out
[ "$(grep -c '^bad.yaml:[0-9]*:[0-9]*: ' err.txt)" = 8 ] || { cat err.txt; fail "not all eight errors"; }
# ---- Directories, corpora, fonts
edit 's/t.txt/none.txt/'; refused "specification 'a': cannot open none.txt: No such file"
: >empty.txt; edit 's/t.txt/empty.txt/'; refused "specification 'a': .*empty"
echo short >short.txt; edit 's/t.txt/short.txt/'; refused "short.txt: 6 characters, but specification 'a' asks for texts of at least 10"
edit 's/corpus_file: t.txt/&, font_filter: "*Nothing*"/'; refused "specification 'a': no usable face matches font_filter '\*Nothing\*'"
mkdir no_fonts
expect 1 'no font file was found' run <<<'' --text x --font-dir no_fonts -o out; one_sentence
expect 1 '--font-dir: nowhere' run --text x --font-dir nowhere -o out; one_sentence
expect 1 '--background-dir: cannot list the directory nowhere' run --text x --background-dir nowhere -o out; one_sentence
[ ! -e out ] || fail "something was written"
# ---- Fonts: what is no usable font is passed over, with its reason, and the others draw.
mkdir -p fonts/loop; cp $sans fonts/
head -c 20000 $sans >fonts/cut.ttf; seq 1 400 >fonts/lie.ttf; : >fonts/empty.ttf
mkfifo fonts/pipe.ttf; ln -s /dev/zero fonts/device.ttf; ln -s .. fonts/loop/up; ln -s gone.ttf fonts/dead.ttf; ln -s self.ttf fonts/self.ttf
truncate -s 300M fonts/huge.ttf
expect 0 'done: 4 images, 0 bad' timeout 60 "$imloom" synth --text 'Total' --font-dir fonts -n 4 -o fonts_out --progress none --log-dir logs
grep -q '2 faces\|1 face (8 rejected)' err.txt || { cat err.txt; fail "the rejected fonts are not counted"; }
expect 0 '' run --text x --font-dir fonts --list fonts
while read -r file why; do grep -qE "^fonts/$file\.ttf	0	[^	]*	[^	]*	.*$why" out.txt || { cat out.txt; fail "$file: no reason like '$why'"; }; done <<'R'
cut truncated
lie not TrueType
empty 0 bytes
pipe not a regular file
device not a regular file
dead No such file
self symbolic links
huge a font has 12 bytes to 256 MB
R
# ---- No face covers a text: drawn again, 16 times; then the item is bad, and the run goes on.
printf 'plain words for a line of text\n%.0s' {1..20} >mixed.txt; printf '漢字仮名交じり文\n%.0s' {1..60} >>mixed.txt
expect 0 'Redrawn: [0-9]+ texts no face covered' run --corpus mixed.txt --font $sans -n 20 -o redrawn --set text_unit=lines --set text_length='[4, 30]'
expect 3 'done: 0 images, 5 bad' run --text '漢字' --font $sans -n 5 -o tofu
grep -q "specification 'text': none of 16 texts could be drawn (last: no_face); give fonts that cover its corpus" tofu/.imloom/bad.jsonl || { head -n 1 tofu/.imloom/bad.jsonl; fail "no reason"; }
# ---- Backgrounds: sniffed, converted, turned; what cannot be used is passed over and named.
cp -r "$source/tests/data/backs" backs
expect 0 'Redrawn: [0-9]+ backgrounds \(.*broken: backs/cut.png' run --text 'Total 12.50' --font $sans -n 40 --set background_reuse=1 --background-dir backs --labels jsonl -o backs_out
grep -q 'too large, see --max-pixels: backs/bomb.png\|broken: backs/bomb.png' err.txt || { cat err.txt; fail "the bomb is not named"; }
for f in cmyk.jpg deep.png suffix.png turned.jpg; do grep -q "backs/$f" backs_out/labels.jsonl || fail "$f was not used"; done
! grep -q 'cut.png\|bomb.png' backs_out/labels.jsonl || fail "an unusable picture stands in a label"
mkdir only_bad; cp backs/cut.png only_bad/
expect 3 '4 bad' run --text x --font $sans -n 4 --background-dir only_bad -o only_bad_out
grep -q 'none of 16 backgrounds could be read' only_bad_out/.imloom/bad.jsonl || fail "no reason"
mkdir no_backs; expect 0 'no_backs: no pictures in it; backgrounds are transparent' run --text x --font $sans -n 1 --background-dir no_backs -o clear
# ---- Texts
printf 'good words \xff more of them in a line\n%.0s' {1..20} >torn.txt
edit 's/t.txt/torn.txt/'; refused 'torn.txt: invalid UTF-8 at byte 11; repair it, or set on_invalid_utf8 to skip or replace'
expect 0 'done: 6 images, 0 bad.*Invalid UTF-8: [0-9]+ bytes? skipped or replaced' run bad.yaml -o skip --font $sans --set on_invalid_utf8=skip --labels jsonl
! grep -q '\\ufffd\|�' skip/labels.jsonl || fail "skip leaves U+FFFD"
expect 0 'Invalid UTF-8' run bad.yaml -o replace --font $sans --set on_invalid_utf8=replace --set text_length=40 --labels jsonl
grep -q '�' replace/labels.jsonl || fail "replace leaves no U+FFFD"
iconv -t UTF-16LE <t.txt >wide.txt; edit 's/t.txt/wide.txt/'; refused 'wide.txt: this is UTF-16'
# NUL, surrogates, unassigned and private characters, marks without end, unbalanced controls: no crash.
odd() { expect "$1" 'done' timeout 60 "$imloom" synth --corpus odd.txt --font $sans -n 8 -o "odd$2" --set text_length='[1, 60]' --progress none --log-dir logs "${@:3}"; }
for k in {1..40}; do printf 'words \x00 and \x01 more\x7f of them, number %d\n' $k; done >odd.txt; odd 0 nul
for k in {1..40}; do printf 'words \xed\xa0\x80 of halves %d\n' $k; done >odd.txt; odd 0 halves --set on_invalid_utf8=skip
for k in {1..40}; do printf 'plain words \xee\x80\x80 \xf3\xb0\x80\x80 \xcd\xb8 of line %d\n' $k; done >odd.txt; odd 0 private --set on_missing_glyph=skip
{ printf 'a'; for k in {1..5000}; do printf '\xcc\x81'; done; printf ' and plain words behind it\n%.0s' {1..40}; } >odd.txt; odd 0 marks
for k in {1..40}; do printf '\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xaa words \xe2\x81\xa9\xe2\x81\xa9 left open %d \xe2\x80\xab\n' $k; done >odd.txt; odd 0 bidi
tr '\n' ' ' <t.txt >line; for k in {1..300}; do cat line; done >odd.txt; odd 0 line --set text_unit=lines
# ---- A picture over max_canvas
expect 3 '2 bad' run --text wide --font $sans -n 2 -o large --set font_size=400 --set max_canvas=10000
grep -q 'max_canvas 10000' large/.imloom/bad.jsonl || fail "max_canvas is not named"
expect 3 '2 bad' run --text 'far too wide' --font $sans -n 2 -o wide --set max_width=20 --set fit=reject
grep -q '(last: wider than max_width); raise max_width' wide/.imloom/bad.jsonl || { cat wide/.imloom/bad.jsonl; fail "the advice is another reason's"; }
