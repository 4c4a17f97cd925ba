#!/usr/bin/env bash
# format.sh [BASE]: clang-format on the lines that changed since BASE (default: the previous commit),
# tabs, trailing space, missing last newline everywhere.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
base=${1:-}
bad=0
files=$(git ls-files '*.c' '*.h' '*.sh' '*.cmake' 'CMakeLists.txt' '*/CMakeLists.txt' '*.md' '*.py')
for f in $files; do
    [ -f "$f" ] || continue
    grep -nHP '[ \t]+$' "$f" && { echo "$f: trailing space"; bad=1; }
    [ -z "$(tail -c1 "$f")" ] || { echo "$f: no newline at the end"; bad=1; }
    case $f in *.c | *.h) grep -nHP '^\t' "$f" && { echo "$f: tabs"; bad=1; } ;; esac
    case $f in
    *_data.[ch] | *_table.[ch] | *_tables.[ch] | */fontset.h) ;; # generated
    *.c | *.h) # combining marks take no column
        perl -CSD -ne 'chomp; s/\p{M}//g; if (length > 100) {print "$ARGV:$.: longer than 100 columns\n"; $bad = 1} END {exit !!$bad}' "$f" || bad=1 ;;
    esac
done
if [ -n "$base" ] && git rev-parse -q --verify "$base^{commit}" >/dev/null; then
    if command -v git-clang-format >/dev/null || git clang-format -h >/dev/null 2>&1; then
        out=$(git clang-format --diff --extensions c,h "$base" 2>/dev/null || true)
        case $out in '' | 'no modified files to format' | *'did not modify any files'*) ;; *) echo "clang-format would change:"; printf '%s\n' "$out" | head -60; bad=1 ;; esac
    fi
fi
exit $bad
