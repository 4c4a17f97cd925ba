#!/usr/bin/env bash
# run.sh BUILD [NAME...]: runs the benchmarks of a release build and prints their JSON lines.
# Machines are shared: compare lines of one run, not of two.
set -euo pipefail
build=$(cd "${1:?build directory}" && pwd); shift
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- base kernel text render engine synth deflate
for name in "$@"; do
    if [ -x "$build/bench/bench_$name" ]; then "$build/bench/bench_$name"
    elif [ "$name" = synth ]; then "$build/bin/imloom" bench synth all
    elif [ -x "bench/bench_$name.sh" ]; then "bench/bench_$name.sh" "$build"
    else echo "no benchmark '$name' in $build/bench" >&2; exit 1; fi
done
