#!/usr/bin/env bash
# headers.sh [ROOT]: every public header compiles alone as C11 and as C++17, every internal one as C17.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
bad=0
try() { # COMPILER FLAGS... HEADER
    local h=${!#}
    printf '#include "%s"\n' "$h" | "${@:1:$#-1}" -Wall -Wextra -Werror -fsyntax-only -Iinclude -I. - || { echo "$h does not compile alone: $1"; bad=1; }
}
for h in include/imloom/*.h; do
    try cc -x c -std=c11 "$h"
    if command -v g++ >/dev/null; then try g++ -x c++ -std=c++17 "$h"; fi
done
flags=$(pkg-config --cflags freetype2 harfbuzz fribidi libutf8proc libpng libjpeg 2>/dev/null || true)
for h in $(find src -name '*.h' | sort); do
    # shellcheck disable=SC2086
    try cc -x c -std=c17 -D_GNU_SOURCE $flags "$h"
done
exit $bad
