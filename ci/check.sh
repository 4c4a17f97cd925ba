#!/usr/bin/env bash
# check.sh [BASE]: all checks that a machine makes. Prints a line a check, exits 1 if one failed.
set -uo pipefail
cd "$(dirname "$0")/.."
build=${IML_BUILD:-build/dev} base=${1:-${IML_BASE:-}}
passed=0 failed=0 skipped=0
step() {
    local name=$1 out rc; shift
    out=$("$@" 2>&1); rc=$?
    case $rc in
    0) echo "ok      $name"; passed=$((passed + 1)) ;;
    77) echo "skipped $name: $out"; skipped=$((skipped + 1)) ;;
    *) echo "FAILED  $name"; printf '%s\n' "$out" | head -40 | sed 's/^/        /'; failed=$((failed + 1)) ;;
    esac
}
step layers ci/layers.sh
step banned ci/banned.sh
step links ci/links.sh
step headers ci/headers.sh
step format ci/format.sh "$base"
[ -f "$build/src/libimloom.so" ] && step symbols ci/symbols.sh "$build"
[ -f "$build/compile_commands.json" ] && step tidy ci/tidy.sh "$build" "$base"
[ -n "${IML_COUNTS:-}" ] && echo "$passed $failed $skipped" >"$IML_COUNTS"
echo "checks: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
