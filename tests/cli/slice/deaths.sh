#!/usr/bin/env bash
# Workers that die or hang in a case: that case is tried alone once more, then `crash`; the others are
# sliced, with the same bytes, and the run ends.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
make_data in
for c in ct mr pet; do
    for e in nii nii.gz; do [ ! -f in/imagesTr/${c}_0000.$e ] || cp in/imagesTr/${c}_0000.$e in/imagesTr/${c}2_0000.$e; done
    cp in/labelsTr/$c.nii.gz in/labelsTr/${c}2.nii.gz
done
slice() { "$imloom" slice in -o "$@" --window_size 1 --progress none --log-dir logs; }
slice ref >/dev/null 2>&1
same_files() { for f in "$1"/*.npz; do cmp "$f" "ref/${f##*/}"; done; }

# A worker's death costs nothing; without the process that forks them the run says so, and resumes.
killed_worker_hangs_nobody() {
    local pid child forker round rc
    for round in 1 2 3 forker; do
        rm -rf killed
        "$imloom" slice in -o killed --window_size 1 --mode process --workers 2 --progress none --log-dir logs >out.txt 2>err.txt &
        pid=$!
        forker= child=
        for _ in $(seq 400); do
            forker=$(pgrep -P $pid | head -1 || true)
            [ -z "$forker" ] || child=$(pgrep -P "$forker" | tail -1 || true)
            [ -z "$child" ] || break
            sleep 0.002
        done
        [ $round != forker ] || child=$forker
        [ $round = forker ] || sleep 0.0$round
        [ -z "$child" ] || kill -9 "$child" 2>/dev/null || true
        rc=0; wait $pid || rc=$?
        if [ $round = forker ] && [ $rc = 2 ]; then
            grep -q 'start again to go on' err.txt || { cat err.txt; fail "no word on how to go on"; }
            rc=0; slice killed >out.txt 2>err.txt || rc=$?
        fi
        [ $rc = 0 ] || { cat err.txt; fail "exit $rc after a worker was killed"; }
        [ "$(digest killed)" = "$(digest ref)" ] || fail "other bytes after a worker was killed"
    done
}

crash_is_a_code() {
    [ "$("$imloom" info --json | grep -oE '"inject": [a-z]*')" = '"inject": true' ] || { echo "no --inject in this build: deaths are left out"; return; }
    for what in crash=0.7 'hang=0.6 --timeout 0.5' oom=0.7; do
        rm -rf bad
        # shellcheck disable=SC2086
        expect 3 'sliced [0-9] of 7' timeout 60 "$imloom" slice in -o bad --window_size 1 --mode process --workers 2 --seed 3 \
            --max-errors 100% --inject $what --progress none --log-dir logs
        n=$(grep -c '"code": "crash"' bad/dataset_info.json || true)
        [ "$n" -ge 1 ] && [ "$n" -lt 7 ] || { cat bad/dataset_info.json; fail "$n cases crashed with $what"; }
        [ "$(grep -c '"code"' bad/dataset_info.json)" = "$n" ] || fail "another code than crash with $what"
        for c in $(grep -o '"path":"[a-z0-9]*"' bad/.imloom/bad.jsonl | cut -d'"' -f4 | sort -u); do
            [ -z "$(find bad -name "${c}_*")" ] || fail "$c crashed and left files"
        done
        same_files bad
        no_temporaries bad
        # Without whatever killed it, the set is whole.
        expect 0 'sliced' "$imloom" slice in -o bad --window_size 1 --seed 3 --retry-bad --progress none --log-dir logs
        same_files bad
        [ "$(ls bad/*.npz | wc -l)" = "$(ls ref/*.npz | wc -l)" ] || fail "cases are missing after $what"
    done
}

killed_worker_hangs_nobody
crash_is_a_code
echo ok
