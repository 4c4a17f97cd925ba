#!/usr/bin/env bash
# Kills at random moments (IML_KILLS: 40; 200 with IML_LONG=1), damage to finished files, interrupts: a run
# of the same command makes the set that an undisturbed one makes.
set -euo pipefail
. "$source/tests/cli/lib.sh"
. "$source/tests/cli/slice/data.sh"
make_data in
for k in 1 2 3; do for c in ct mr; do
    cp in/imagesTr/${c}_0000.nii.gz in/imagesTr/$c${k}_0000.nii.gz; cp in/labelsTr/$c.nii.gz in/labelsTr/$c$k.nii.gz
done; done
# In the background it must be the program itself that is killed: exec leaves no shell between.
slice() { local how=exec; [ "${BASHPID}" = $$ ] && how=command; $how "$imloom" slice in -o "$1" --splits 0.6,0.2 --progress none --log-dir logs "${@:2}"; }
begun=$(date +%s%N)
slice ref >/dev/null 2>&1
span=$(( ($(date +%s%N) - begun) / 1000000 ))
want=$(digest ref)
kill_then_resume_same_bytes() {
    local rounds=${IML_KILLS:-$([ -n "${IML_LONG:-}" ] && echo 200 || echo 40)} round how args pid ms f
    for round in $(seq 1 "$rounds"); do
        how=$((round % 4)); args=("--workers" "2")
        [ $how = 1 ] && args=(--workers 2 --mode process)
        [ $how = 2 ] && args=(--workers 0)
        [ $how = 3 ] && args=(--workers 2 --order random --durability process)
        slice killed "${args[@]}" >/dev/null 2>&1 &
        pid=$!
        ms=$((RANDOM % (span + 20)))
        sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
        kill -9 $pid 2>/dev/null || true
        wait $pid 2>/dev/null || true
        # A finished set is begun anew now and then, and a file is lost or cut.
        if [ -f killed/manifest.json ]; then
            [ "$(digest killed)" = "$want" ] || fail "other bytes in round $round"
            rm -rf killed
        elif [ $((round % 7)) = 0 ]; then
            f=$(ls killed/*.npz 2>/dev/null | head -$((RANDOM % 40 + 1)) | tail -1 || true)
            [ -z "$f" ] || : >"$f"
        fi
    done
    slice killed >out.txt 2>err.txt || { cat err.txt; fail "the run after the kills"; }
    [ "$(digest killed)" = "$want" ] || fail "other bytes after $rounds kills"
    no_temporaries killed
    expect 0 'sound' "$imloom" verify killed
}
an_input_painted_on_is_sliced_again() {
    # Of the same size, written after its case was.
    one() { "$imloom" slice plain -o "$1" --progress none --log-dir logs >out.txt 2>err.txt || { cat err.txt; fail "plain files"; }; }
    cp -r in plain; gunzip plain/*/*.gz; rm plain/*/mr[123]*
    one painted; one painted
    grep -q '7 there before' out.txt err.txt || fail "nothing was painted on"
    printf 'xyz' | dd of=plain/imagesTr/mr_0000.nii bs=1 seek=9000 conv=notrunc 2>/dev/null
    one painted
    grep -q '6 there before' out.txt err.txt || fail "not one case alone was made again"
    one anew
    [ "$(digest painted)" = "$(digest anew)" ] || fail "other bytes after a volume was painted on"
}
a_finished_set_is_not_written_to() {
    # A finished set: nothing is written.
    touch -d '2001-01-01' mark; find killed -newer mark -printf '%p %T@\n' | grep -v -E 'report|/\.imloom ' | sort >before
    slice killed >out.txt 2>err.txt || fail "a finished set"
    find killed -newer mark -printf '%p %T@\n' | grep -v -E 'report|/\.imloom ' | sort >after
    cmp before after || fail "a finished set was written to"
}
resume_repairs_truncated_flipped_deleted_stale() {
    # truncated, flipped (same size, same name), deleted
    for harm in truncate flip delete; do
        f=killed/mr1_011.npz
        case $harm in
        truncate) truncate -s 100 $f ;;
        flip) printf '\377' | dd of=$f bs=1 seek=300 conv=notrunc 2>/dev/null ;;
        delete) rm $f ;;
        esac
        slice killed >out.txt 2>err.txt || { cat err.txt; fail "resume after $harm"; }
        grep -q '9 there before' out.txt err.txt || fail "$harm: not one case alone was made again"
        [ "$(digest killed)" = "$want" ] || fail "other bytes after $harm"
    done
    # touched: read and hashed, and found to be what it was.
    touch killed/mr1_011.npz
    slice killed >out.txt 2>err.txt || { cat err.txt; fail "resume after a touch"; }
    grep -q '10 there before' out.txt err.txt || fail "a file that is what it was was made again"
    # stale: a volume is replaced by a shorter one; its case is made again and its later slices go.
    "$make" in/imagesTr/mr2_0000.nii.gz dim=11,44,28 type=16; "$make" in/labelsTr/mr2.nii.gz dim=11,44,28 type=2 label=1
    slice killed >out.txt 2>err.txt || { cat err.txt; fail "resume with another volume"; }
    grep -q '9 there before' out.txt err.txt || fail "stale: not one case alone was made again"
    [ "$(ls killed/mr2_*.npz | wc -l)" = 11 ] || fail "slices beyond the volume's range stay"
    slice fresh >/dev/null 2>&1
    [ "$(digest killed)" = "$(digest fresh)" ] || fail "other bytes after a volume was replaced"
    # ... or by a damaged one: the case goes, with all its files.
    printf x >>in/imagesTr/mr2_0000.nii.gz
    rc=0; slice killed >out.txt 2>err.txt || rc=$?
    [ $rc = 3 ] || fail "exit $rc with a damaged volume"
    [ -z "$(ls killed/mr2_*.npz 2>/dev/null)" ] || fail "files of an earlier run stay after a failure"
}
an_interrupt_says_how_to_go_on() {
    # Ctrl-C
    slice stopped --workers 1 >out.txt 2>err.txt &
    pid=$!
    for _ in $(seq 1000); do [ -n "$(ls -A stopped/.imloom 2>/dev/null)" ] && break; sleep 0.005; done
    kill -INT $pid
    rc=0; wait $pid || rc=$?
    [ $rc = 130 ] || [ $rc = 3 ] || { cat err.txt; fail "exit $rc after an interrupt"; }
    [ $rc = 3 ] || grep -q 'same command again' err.txt || fail "no word on how to go on"
    no_temporaries stopped
}
for t in kill_then_resume_same_bytes an_input_painted_on_is_sliced_again a_finished_set_is_not_written_to resume_repairs_truncated_flipped_deleted_stale \
    an_interrupt_says_how_to_go_on; do
    $t
    echo "$t"
done
