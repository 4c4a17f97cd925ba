#!/usr/bin/env bash
# symbols.sh BUILD: the static library defines nothing global but iml_...; the shared one exports
# only iml_ without a second underscore.
set -euo pipefail
build=${1:?build directory}
bad=$(nm -g --defined-only "$build/src/libimloom.a" 2>/dev/null | awk 'NF == 3 && $3 !~ /^(iml_|__asan|__odr_asan|__sanc|__start_|__stop_|__sancov|___asan)/ {print $3}' | sort -u)
[ -z "$bad" ] || { echo "symbols without the prefix iml_:"; printf '%s\n' "$bad"; exit 1; }
bad=$(nm -D --defined-only "$build/src/libimloom.so" | awk '$3 !~ /^iml_[a-z]/ && $3 !~ /^(__asan|__odr_asan|_init|_fini)/ {print $3}' | sort -u)
[ -z "$bad" ] || { echo "exported by the shared library, but not public:"; printf '%s\n' "$bad"; exit 1; }
