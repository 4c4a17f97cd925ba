# a_users_own_files_are_kept_with_and_without_overwrite
run() { "$imloom" synth --progress none --log-dir logs --script latin "$@"; }
mkdir -p u/000000
echo mine >u/manifest.json; echo mine >u/000000/000000001.png
expect 1 'manifest.json' run -o u -n 5
expect 1 'manifest.json' run -o u -n 5 --overwrite
[ ! -e u/.imloom ] || fail "a refused run left .imloom"
rm u/manifest.json
expect 2 '000000001.png' run -o u -n 5
expect 2 '000000001.png' run -o u -n 5
expect 2 '000000001.png' run -o u -n 5 --overwrite
[ "$(cat u/000000/000000001.png)" = mine ] || fail "a user's file was replaced"
mv u/000000/000000001.png kept
expect 0 'done' run -o u -n 5
expect 0 '' "$imloom" verify u
# What cannot be an output directory is refused with one sentence.
echo >file; ln -s loop loop
for o in file file/x /dev/full /proc/x loop; do
    expect 1 "cannot open the directory $o" run -o $o -n 2
    ! grep -q -E '\.imloom|same command' err.txt || { cat err.txt; fail "$o: more than one sentence"; }
done
# Settings that are lost or cut: verify names them, the next run writes them again.
for damage in 'rm' 'truncate -s 100'; do
    $damage u/.imloom/settings.0.json
    expect 3 'settings.0.json' "$imloom" verify u
    expect 0 'done' run -o u -n 5
    expect 0 '' "$imloom" verify u
done
# What differs is said in a line.
expect 1 "configuration: line [0-9]*: 'font_size: .24, 56.' there, 'font_size: 20' now" run -o u -n 5 --set font_size=20
# A damaged list or journal is one finding.
list=v/.imloom/files.0.jsonl
for damage in 'truncate -s 60 v/.imloom/journal.0' 'truncate -s -9 '$list 'sed -i 3d '$list 'sed -i 4s/item/itom/ '$list; do
    rm -rf v
    expect 0 'done' run -o v -n 5
    $damage
    expect 3 '(journal.0|files.0.jsonl).*run the same command' "$imloom" verify v
    [ "$(cat out.txt err.txt | grep -c 'belongs to no item')" = 0 ] || fail "strangers beside it: $damage"
    expect 0 'done' run -o v -n 5
    expect 0 '' "$imloom" verify v
done
