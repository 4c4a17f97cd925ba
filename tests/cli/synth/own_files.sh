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
