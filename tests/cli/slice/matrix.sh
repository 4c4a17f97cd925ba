#!/usr/bin/env bash
# same_bytes_for_any_workers_mode_simd_and_shares (I8), held against goldens: the manifest's content hash
# covers every file's name, size and bytes. `golden` as first line of an empty tests/golden/slice.xxh makes it.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
make_data in
golden=$source/tests/golden/slice.xxh
content() { grep -o '"content": "[0-9a-f]*"' "$1/manifest.json" | cut -d'"' -f4; }
run() { # OUT HOW ARGS
    # shellcheck disable=SC2086
    expect 0 'sliced' "$imloom" slice in -o "$1" --log-dir logs --progress none --seed 7 $2 $3
    no_temporaries "$1"
}
: >made
while IFS='|' read -r want args; do
    run ref "--workers 1" "$args"
    got=$(content ref)
    echo "$got|$args" >>made
    [ "$want" = "$got" ] || [ -n "${IML_GOLDEN:-}" ] || fail "content $got instead of $want: $args"
    n=0
    while read -r how; do
        n=$((n + 1))
        rm -rf m
        run m "$how" "$args"
        [ "$(content m)" = "$got" ] || fail "other bytes with $how: $args"
    done <<'H'
--workers 0
--workers 2
--workers 7
--workers 1 --mode process
--workers 2 --mode process --order random
--workers 3 --memory 1K --order index
H
    for cpu in scalar avx2; do
        rm -rf m
        IML_CPU=$cpu run m "--workers 2" "$args"
        [ "$(content m)" = "$got" ] || fail "other bytes with IML_CPU=$cpu: $args"
    done
    rm -rf m
    IML_STALL=$((RANDOM % 9 + 1)) run m "--workers 3" "$args"
    [ "$(content m)" = "$got" ] || fail "other bytes with stalls: $args"
    rm -rf ref m
done <"$golden"
[ -z "${IML_GOLDEN:-}" ] || { cp made "$golden"; echo "written"; exit 0; }
[ "$(wc -l <made)" -ge 12 ] || fail "the goldens are gone"
# Three shares, merged; one case alone; another path; later files.
args="--splits 0.5,0.25 --folds 2 --window_size 1"
run ref "" "$args"
for i in 0 1 2; do run split "--shard $i/3" "$args"; done
expect 0 '' "$imloom" merge split
[ "$(content split)" = "$(content ref)" ] || fail "other bytes in three shares"
expect 0 'sound' "$imloom" verify split
mkdir elsewhere; cp -r in elsewhere/in2; find elsewhere -exec touch {} +
expect 0 '' "$imloom" slice elsewhere/in2 -o moved --log-dir logs --progress none --seed 7 $args
[ "$(content moved)" = "$(content ref)" ] || fail "the path or the time of the input shows in the bytes"
run one "--only 2" "$args"
for f in one/pet_*.npz; do cmp "$f" "ref/${f##*/}"; done
[ "$(ls one/*.npz | wc -l)" = 90 ] || fail "--only 2 is not one case"
mkdir -p less/imagesTr less/labelsTr; cp in/imagesTr/mr* less/imagesTr; cp in/labelsTr/mr* less/labelsTr
expect 0 '' "$imloom" slice less -o alone --log-dir logs --progress none --window_size 1
for f in alone/mr_*.npz; do cmp "$f" "ref/${f##*/}"; done
echo ok
