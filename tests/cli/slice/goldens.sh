#!/usr/bin/env bash
# Goldens of real volumes: the content hash (names, sizes and bytes of every file) of the nnunet cases under 12
# settings, whatever the workers, the mode and the SIMD level. Three ways a setting, and another three for the
# next; IML_LONG=1 goes all of them. IML_GOLDEN=1 writes tests/golden/slice_nnunet.xxh anew.
set -euo pipefail
. "$source/tests/cli/lib.sh"
data=$source/../shared/data/nifti/nnunet
[ -d "$data" ] || { echo "skipped: $data is not there"; exit 77; }
golden=$source/tests/golden/slice_nnunet.xxh
content() { grep -o '"content": "[0-9a-f]*"' "$1/manifest.json" | cut -d'"' -f4; }
ways=()
for mode in thread process; do for workers in 0 1 2 7; do ways+=("- --mode $mode --workers $workers"); done; done
for cpu in scalar avx2 avx512; do ways+=("$cpu --mode thread --workers 2"); done
n=0 runs=0
: >made
while IFS='|' read -r want args; do
    n=$((n + 1)) got=
    for k in "${!ways[@]}"; do
        [ -n "${IML_LONG:-}" ] || [ $(((k + n) % 4)) = 0 ] || continue
        read -r cpu how <<<"${ways[k]}"
        rm -rf m
        # shellcheck disable=SC2086
        (
            [ "$cpu" = - ] || export IML_CPU=$cpu
            # Nobody to run it in another process: then it is a mistake, and said.
            [ "$how" != "--mode process --workers 0" ] || how="--workers 0"
            expect 0 'sliced 4 of 4' "$imloom" slice "$data" -o m --seed 7 --log-dir logs --progress none $how $args
        )
        got=$(content m)
        [ -n "${IML_GOLDEN:-}" ] || [ "$want" = "$got" ] || fail "content $got instead of $want: $cpu $how $args"
        runs=$((runs + 1))
    done
    # The hash is one of the bytes that are there.
    expect 0 'sound' "$imloom" verify m
    echo "$got|$args" >>made
done <"$golden"
[ -z "${IML_GOLDEN:-}" ] || { cp made "$golden"; echo "written"; exit 0; }
[ $n = 12 ] || fail "$n settings instead of 12"
echo "ok: $runs runs of $n settings"
