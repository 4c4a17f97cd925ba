#!/usr/bin/env bash
# run.sh [SECONDS]: libFuzzer on every target for SECONDS (60) each; needs clang. What it finds goes
# to fuzz/found/TARGET/, to be turned into a file of fuzz/regress/TARGET/ with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
command -v clang >/dev/null || { echo "fuzzing needs clang: scripts/deps.sh check"; exit 1; }
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers >build/fuzz/build.log || { tail -30 build/fuzz/build.log; exit 1; }
bad=0
for f in fuzz/fz_*.c; do
    name=$(basename "$f" .c); name=${name#fz_}
    bin=$(find build/fuzz -type f -name "fz_$name" -perm -u+x | head -1)
    [ -n "$bin" ] || { echo "$name: not built"; bad=1; continue; }
    mkdir -p "build/fuzz/corpus/$name" "fuzz/found/$name" "fuzz/regress/$name"
    dict=(); [ -f "fuzz/dict/$name.dict" ] && dict=(-dict="fuzz/dict/$name.dict")
    if "$bin" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -artifact_prefix="fuzz/found/$name/" "${dict[@]}" \
        "build/fuzz/corpus/$name" "fuzz/regress/$name" >"build/fuzz/$name.log" 2>&1; then
        echo "$name: clean, $(grep -oE '^Done [0-9]+ runs' "build/fuzz/$name.log" || true)"
    else
        echo "$name: FOUND something, see fuzz/found/$name and build/fuzz/$name.log"; bad=1
    fi
done
exit $bad
