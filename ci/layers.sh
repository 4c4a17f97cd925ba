#!/usr/bin/env bash
# layers.sh [ROOT]: no include points up, the five systems never include one another, every .c
# includes its own header first, file names are unique.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
awk '
function level(room) {
    if (room == "base") return 0
    if (room == "io" || room == "kernel") return 1
    if (room == "image") return 2
    if (room == "codec" || room == "nn") return 3
    if (room == "engine") return 4
    if (room ~ /^(synth|curate|upscale|slice|feed)$/) return 5
    if (room == "cmd") return 6
    return -1
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, q, "\""); split(q[2], to, "/"); split(FILENAME, from, "/")
    if (to[1] != "src") { if (q[2] !~ /^(imloom\/|iml_version.h)/ && q[2] !~ /\.def$/) { print FILENAME ":" FNR ": include \"" q[2] "\" does not start at the root"; bad = 1 } next }
    a = level(from[2]); b = level(to[2])
    if (b < 0) { print FILENAME ":" FNR ": unknown room " to[2]; bad = 1 }
    else if (b > a) { print FILENAME ":" FNR ": " from[2] " must not include " to[2] " (points up)"; bad = 1 }
    else if (a == 5 && b == 5 && from[2] != to[2]) { print FILENAME ":" FNR ": systems never include one another: " from[2] " -> " to[2]; bad = 1 }
}
END { exit bad }' $(find src -name '*.[ch]' | sort)
bad=0
for f in $(find src -name '*.c' | sort); do
    h=${f%.c}.h
    [ -f "$h" ] || continue
    first=$(grep -m1 -E '^[ \t]*#[ \t]*include' "$f" || true)
    [ "$first" = "#include \"$h\"" ] || { echo "$f: its own header does not come first"; bad=1; }
done
twice=$(find src include tests fuzz bench -type f \( -name '*.c' -o -name '*.h' \) -printf '%f\n' 2>/dev/null | sort | uniq -d)
[ -z "$twice" ] || { echo "file names that stand twice: $twice"; bad=1; }
exit $bad
