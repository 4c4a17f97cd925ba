#!/usr/bin/env bash
# bench_slice.sh BUILD [SET...]: the gates of slice beside a plain loop over nibabel and numpy, in one run.
#
# Sets: a (2 x 512x512x300), b (6 x 256x256x128), nnunet (real volumes, where ../shared/data has them). Volumes come from
# tests/tools/make_ct (seeded), stay in $WORK (default: a folder beside the build) and are made once. CPU is user + system
# of the whole process. Python is /usr/bin/python3 with nibabel and numpy; AVTE=PATH runs the original script instead.
# Each gate is a JSON line; exit 1 where one is missed. Every run writes a folder of its own, and all go away at the end
# (3 GB for set a): ext4 looks at each inode that was deleted within a minute before it takes another, a sixth of our CPU.
set -euo pipefail
build=$(cd "${1:?build directory}" && pwd); shift
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- b a nnunet
work=${WORK:-$build/bench/slice}; python=${PYTHON:-/usr/bin/python3}
imloom=$build/bin/imloom
make_ct=$build/bench/make_ct; [ -x "$make_ct" ] || make_ct=$build/tests/make_ct
"$python" -c 'import nibabel, numpy' 2>/dev/null || { echo "bench_slice: nibabel and numpy are needed for the peer" >&2; exit 77; }
mkdir -p "$work"
missed=0 runs=0
trap 'rm -rf "$work"/run.*' EXIT

# metered NAME COMMAND...: leaves wall, cpu, rss.
metered() {
    : >"$work/meter"
    "$python" "$here/peers/meter.py" "$work/meter" "${@:2}" 2>"$work/$1.log" || { tail -3 "$work/$1.log" >&2; return 1; }
    read -r wall cpu rss <"$work/meter"
}
size_of() { find "$1" -maxdepth 1 -name '*.npz' -printf '%s\n' | awk '{s += $1} END {printf "%d", s}'; }
files_of() { find "$1" -maxdepth 1 -name '*.npz' | wc -l; }
calc() { awk "BEGIN {printf \"%.4f\", $1}"; }
gate() { # NAME VALUE <=|>= LIMIT NOTE
    local ok=true
    awk "BEGIN {exit !($2 $3 $4)}" || { ok=false; missed=1; }
    printf '{"bench": "slice", "gate": "%s", "value": %s, "must": "%s %s", "ok": %s, "of": "%s"}\n' "$1" "$2" "$3" "$4" "$ok" "$5"
}
peer() { # NAME IN ARGS...
    out=$work/run.$((++runs)).$$
    metered "$1.peer" "$python" "$here/peers/savez.py" "$2" "$out" "${@:3}"
    pcpu=$cpu prss=$rss pbytes=$(size_of "$out")
}
ours() { # NAME IN ARGS...
    out=$work/run.$((++runs)).$$
    metered "$1" "$imloom" slice "$2" -o "$out" --log-dir "$work/logs" --progress none "${@:3}"
    bytes=$(size_of "$out")
}
beside() { # NAME RATIO BYTES: gates of what ran last against the peer
    local of="CPU $cpu s against $pcpu s, $bytes against $pbytes bytes, RSS $rss against $prss"
    gate "$1.cpu_ratio" "$(calc "$pcpu / $cpu")" '>=' "$2" "$of"
    gate "$1.bytes" "$(calc "$bytes / $pbytes")" '<=' "$3" "$of"
}
resumed() { # SET
    local stamp=$work/stamp n
    n=$(files_of "$out"); touch "$stamp"; sleep 0.05
    metered "$1.resume" "$imloom" slice "$work/$1" -o "$out" --log-dir "$work/logs" --progress none
    gate "$1.resume_writes" "$(find "$out" -type f -newer "$stamp" -not -path '*/.imloom/*' | wc -l)" '<=' 0 "$n files"
    gate "$1.resume_s_per_1000" "$(calc "$wall * 1000 / $n")" '<=' 0.2 "$wall s, $n files"
}
workers() { # SET
    local load w c
    sleep 1; read -r load _ </proc/loadavg # of other programs, mostly
    ours "$1.w1" "$work/$1" --workers 1; w=$wall c=$cpu
    ours "$1.w2" "$work/$1" --workers 2
    gate "$1.workers2_cpu" "$(calc "$cpu / $c")" '<=' 1.05 "$cpu against $c s"
    if awk '{exit !($1 < 0.5)}' <<<"$load"; then gate "$1.workers2_wall" "$(calc "$wall / $w")" '<=' 0.55 "$wall against $w s"
    else echo "{\"bench\": \"slice\", \"gate\": \"$1.workers2_wall\", \"value\": $(calc "$wall / $w"), \"ok\": null, \"of\": \"not judged: load $load\"}"; fi
}
volumes() { # SET VOXELS: image + label of one case, bytes
    [ -d "$work/$1/imagesTr" ] || "$make_ct" "$1" "$work/$1" >/dev/null
    held=$(($2 * 3))
}

for set in "$@"; do
    case $set in
    b)  volumes b $((256 * 256 * 128))
        peer b "$work/b"; ours b "$work/b" --workers 0
        beside b 20 1.00
        resumed b
        workers b
        peer b.w0 "$work/b" --window_size 0; ours b.w0 "$work/b" --workers 0 --window_size 0
        beside b.window_0 8 1.00 ;;
    a)  volumes a $((512 * 512 * 300))
        peer a "$work/a"; ours a "$work/a" --workers 0
        beside a 20 1.00
        gate a.rss_ratio "$(calc "$rss / $prss")" '<=' 0.20 "$rss against $prss bytes"
        gate a.rss_beyond_volumes "$((rss - held))" '<=' $((100 << 20)) "$rss bytes; image and label take $held"
        resumed a
        ours a.level1 "$work/a" --workers 0 --level 1
        beside a.level_1 24 1.02
        ours a.axis2 "$work/a" --workers 0 --axis 2
        gate a.axis2_rss "$rss" '<=' $((64 << 20)) "$cpu CPU s" ;;
    nnunet)
        data=$here/../../shared/data/nifti/nnunet
        [ -d "$data" ] || { echo "bench_slice: $data is not there, real volumes are left out" >&2; continue; }
        peer nnunet "$data"; ours nnunet "$data" --workers 0
        gate nnunet.bytes "$(calc "$bytes / $pbytes")" '<=' 1.03 "$bytes against $pbytes; CPU $cpu against $pcpu s" ;;
    *) echo "no set '$set': a, b, nnunet" >&2; exit 1 ;;
    esac
done
exit $missed
