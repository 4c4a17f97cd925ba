# files_that_change_under_a_run_never_change_its_bytes
# A background, font or corpus that is moved away or rewritten in the middle makes items bad, or has
# been read already; it never makes another picture of an item that counts as done.
run() { "$imloom" synth --progress none --log-dir logs -n 400 "$@"; }
sans=/usr/share/fonts/truetype/dejavu
[ -e $sans/DejaVuSans.ttf ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
make_inputs() {
    rm -rf backs fonts text.txt
    mkdir backs fonts
    cp $sans/DejaVuSans.ttf $sans/DejaVuSans-Bold.ttf fonts
    seq 1 4000 | sed 's/$/ good plain words for lines of text/' >text.txt
    cp made/000000/*.png backs
}
"$imloom" synth --backgrounds-only 300x200 -n 9 -o made --progress none --log-dir logs >/dev/null 2>&1
# The font is looked at again only where it is opened again: in a process of its own.
same() { # NAME ARGS...: beside the undisturbed set, what is there is the same, and the rest comes
    local name=$1 f; shift
    for f in $(cd "$name" && find . -path ./.imloom -prune -o -name '0*' -type f -print); do
        cmp -s "$name/$f" "want/$f" || fail "$name: $f is another one"
    done
    run "$@" -o "$name" --retry-bad >/dev/null 2>&1 || fail "$name: the rest was not made"
    diff -r -x .imloom want "$name" || fail "$name: another set"
}
args=(--background-dir backs --font-dir fonts --corpus text.txt -j 1)
make_inputs; touch -d 2020-01-01 fonts/*; cp -rp fonts keep_fonts
run "${args[@]}" -o want >/dev/null 2>&1
disturbed() { # NAME COMMAND: run while COMMAND is done after the first pictures
    run "${args[@]}" -o "$1" >out.txt 2>err.txt & local pid=$! k
    for k in $(seq 400); do compgen -G "$1/000000/.*" >/dev/null && break; sleep 0.01; done
    eval "$2"
    rc=0; wait $pid || rc=$?
    [ $rc = 0 ] || [ $rc = 3 ] || { cat err.txt; fail "$1: exit $rc"; }
    [ $rc = 0 ] || grep -q 'when the run began' err.txt || { cat err.txt; fail "$1: no reason"; }
}
disturbed gone 'mv backs backs.away'; mv backs.away backs; same gone "${args[@]}"
disturbed changed 'cp backs/000000003.png x && mv x backs/000000001.png'; cp made/000000/*.png backs; same changed "${args[@]}"
disturbed cut ': >text.txt'; seq 1 4000 | sed 's/$/ good plain words for lines of text/' >text.txt; same cut "${args[@]}"
disturbed without 'rm fonts/DejaVuSans-Bold.ttf'; rm -rf fonts; cp -rp keep_fonts fonts; same without "${args[@]}"
