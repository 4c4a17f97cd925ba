#!/usr/bin/env bash
# tidy.sh BUILD [BASE]: clang-tidy on the .c files of src that changed since BASE; without BASE, on all.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
build=${1:?build directory with compile_commands.json} base=${2:-}
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed: skipped"; exit 77; }
if [ -n "$base" ]; then files=$(git diff --name-only --diff-filter=d "$base" -- 'src/*.c'); else files=$(git ls-files 'src/*.c'); fi
[ -z "$files" ] && exit 0
printf '%s\n' "$files" | xargs -r -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" --warnings-as-errors='*' 2>/dev/null
