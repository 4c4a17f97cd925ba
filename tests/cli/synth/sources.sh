# fonts_pictures_and_texts_are_shared_out_as_the_configuration_says
run() { "$imloom" synth --progress none --log-dir logs --mode thread --labels jsonl "$@"; }
dejavu=/usr/share/fonts/truetype/dejavu noto=/usr/share/fonts/truetype/noto
[ -e $dejavu/DejaVuSans.ttf ] && [ -e $noto/NotoSansThai-Regular.ttf ] || { echo "skipped: fonts-dejavu-core and fonts-noto-core are not installed"; exit 77; }
mkdir -p sans serif own shared
cp $dejavu/DejaVuSans.ttf $dejavu/DejaVuSans-Bold.ttf sans/; cp $dejavu/DejaVuSerif.ttf serif/
expect 0 done run -n 4 --text background --background paper --font sans/DejaVuSans.ttf -o made
cp made/000000/00000000[01].png shared/; cp made/000000/00000000[23].png own/
seq 1 200 | sed 's/$/ good plain words for lines of text/' >t.txt
values() { grep -o "\"spec\":\"$2\".*" $1/labels.jsonl | grep -o "\"$3\":\"[^\"]*\"" | sort -u | tr '\n' ' '; }
cat >c.yaml <<'Y'
total_images: 60
fonts: {paths: [sans], weights: [{match: "*Bold*", weight: 0}]}
backgrounds: {paths: [shared], mode: tile}
specifications:
  - {name: first, proportion: 0.5, text_direction: left_to_right, corpus_file: t.txt, fonts: {paths: [serif]}, backgrounds: {paths: [own], mode: scale, weights: [{match: "*2.png", weight: 0}]}}
  - {name: second, proportion: 0.5, text_direction: left_to_right, corpus_file: t.txt}
Y
expect 0 'done: 60 images, 0 bad' run c.yaml -o c
[ "$(grep -o '"spec":"first".*' c/labels.jsonl | grep -o '"font":{"path":"[^"]*' | sort -u)" = '"font":{"path":"serif/DejaVuSerif.ttf' ] || fail "the first specification's own fonts"
[ "$(grep -o '"spec":"second".*' c/labels.jsonl | grep -o '"font":{"path":"[^"]*' | sort -u)" = '"font":{"path":"sans/DejaVuSans.ttf' ] || fail "weight 0 was drawn, or the shared fonts were not"
[ "$(grep -o '"spec":"first".*' c/labels.jsonl | grep -o '"kind":"image","path":"[^"]*' | sort -u)" = '"kind":"image","path":"own/000000003.png' ] || fail "the first specification's own backgrounds"
[ "$(grep -o '"spec":"second".*' c/labels.jsonl | grep -o '"kind":"image","path":"[^"]*' | sort -u | wc -l)" = 2 ] || fail "the shared backgrounds"
[ "$(grep -o '"background_mode":"[a-z_]*"' c/labels.jsonl | sort | uniq -c | tr -s ' \n' ' ')" = ' 30 "background_mode":"scale" 30 "background_mode":"tile" ' ] || fail "mode"
# Same contents shared out in another way are another data set.
sed 's/paths: \[own\]/paths: [shared]/' c.yaml >d.yaml
expect 1 'other settings|differ' run d.yaml -o c
one_sentence
# All that is missing is told at once, with its place.
sed 's/\[sans\]/[no_sans]/; s/\[own\]/[no_own]/; s/t.txt, fonts/no.txt, fonts/' c.yaml >e.yaml
expect 1 '^e.yaml:2:17: fonts.paths: no_sans' run e.yaml -o e --background-dir no_back
for word in '^e.yaml:5:.*no.txt' '^e.yaml:5:.*backgrounds.paths: .*no_own' '^imloom: --background-dir: .*no_back'; do grep -qE "$word" err.txt || { cat err.txt; fail "not told: $word"; }; done
[ ! -e e ] || fail "something was written"
# fallback, and what becomes of a character that no face draws
printf 'ราคา 12 บาท\n%.0s' 1 2 3 4 5 >thai.txt
cat >f.yaml <<Y
total_images: 6
fonts: {paths: [$noto/NotoSansThai-Regular.ttf]}
specifications: [{name: a, proportion: 1, text_direction: left_to_right, corpus_file: thai.txt, text_unit: lines, text_length: {choice: [5, 20], weights: [0, 1]}}]
Y
expect 3 '6 bad' run f.yaml -o f1
sed 's/ttf\]}/ttf], fallback: [sans\/DejaVuSans.ttf]}/' f.yaml >f2.yaml
expect 0 'done: 6 images, 0 bad' run f2.yaml -o f2
grep -q '"text":"ราคา 12 บาท"' f2/labels.jsonl || fail "fonts.fallback"
sed 's/ttf\]}/ttf], on_missing_glyph: skip}/' f.yaml >f3.yaml
expect 0 'Left out: 12 characters no face draws' run f3.yaml -o f3
[ "$(grep -c '"text":"ราคา บาท"' f3/labels.jsonl)" = 6 ] || fail "skip leaves other characters out"
expect 1 "no face draws U\+0031 \(1\), thai.txt at byte 13" run f.yaml --set on_missing_glyph=error -o f4
[ ! -e f4 ] || fail "something was written"
# Whatever the resources were, labels make their pictures again.
for d in c f2 f3; do expect 0 'identical, 0 edited, 0 differ' "$imloom" synth --replay $d/labels.jsonl --replay-check; done
# Texts of patterns, alone and beside a file.
expect 0 done run --pattern '[A-Z]{2}-[0-9]{3}' --font sans/DejaVuSans.ttf -n 10 -o p
[ "$(grep -cE '"text":"[A-Z]{2}-[0-9]{3}","direction"' p/labels.jsonl)" = 10 ] || fail "the pattern's texts"
grep -q '"corpus":{"file":"pattern"' p/labels.jsonl || fail "the pattern is not named"
expect 0 '10 identical' "$imloom" synth --replay p/labels.jsonl --replay-check
expect 0 done run --pattern '\p{Script=Cyrillic}{3}' --font sans/DejaVuSans.ttf -n 20 -o cyr
expect 1 "no face draws any of the characters" run --pattern '\p{Script=Thai}{3}' --font sans/DejaVuSans.ttf -o none
expect 1 "pattern 'a\*', character 2" run --pattern 'a*' -o none
one_sentence
printf '%s\n' 'total_images: 40' 'specifications: [{name: a, proportion: 1, text_direction: left_to_right, corpora: [{file: t.txt, weight: 3}, {pattern: "[0-9]{2}F"}]}]' >m.yaml
expect 0 done run m.yaml -o m --font-dir sans
n=$(grep -cE '"text":"[0-9]{2}F","direction"' m/labels.jsonl); [ "$n" -ge 3 ] && [ "$n" -le 18 ] || fail "weights of corpora: $n of 40"
# font_filter: the whole path, `*` matches a slash too, letters count as they are.
expect 0 done run m.yaml -o ff --font-dir sans --set 'font_filter=sans*VuSans.ttf'
[ "$(grep -c 'sans/DejaVuSans.ttf' ff/labels.jsonl)" = 40 ] || fail "font_filter lets others through"
expect 1 "no usable face matches font_filter 'sans\*vusans.ttf'" run m.yaml -o fg --font-dir sans --set 'font_filter=sans*vusans.ttf'
# A configuration comes from a pipe, too.
expect 0 done run <(cat m.yaml) -o pipe --font-dir sans --corpus-dir .
[ "$(digest pipe)" = "$(digest m)" ] || fail "a configuration from a pipe makes another set"
# --corpus-dir: at any depth by the end of the name; alone, all that lies below.
mkdir -p corpus/en/old corpus/de; cp t.txt corpus/en/old/one.txt; cp t.txt corpus/de/two.txt; cp t.txt corpus/en/two.txt
printf '%s\n' 'total_images: 3' 'specifications: [{name: a, proportion: 1, text_direction: left_to_right, corpus_file: FILE}]' >g.yaml
for f in one.txt old/one.txt en/old/one.txt de/two.txt; do sed "s|FILE|$f|" g.yaml >h.yaml; expect 0 done run h.yaml --corpus-dir corpus --font-dir sans -o "g-${f//\//-}"; done
sed 's/FILE/two.txt/' g.yaml >h.yaml
expect 1 "'two.txt' stands in 2 places below corpus" run h.yaml --corpus-dir corpus --font-dir sans -o h
expect 0 '3 corpora' run --corpus-dir corpus --font-dir sans -n 3 -o i
# A text that cannot be seen is refused before the first item.
for t in '' '   ' $'\u200b'; do expect 1 'no visible character' run --text "$t" -o blank; one_sentence; done
printf 'total_images: 1\nspecifications: [{name: a, proportion: 1, text_direction: left_to_right, corpora: [{text: "  "}]}]\n' >b.yaml
expect 1 '^b.yaml:2:.*no visible character' run b.yaml -o blank
[ ! -e blank ] || fail "something was written"
