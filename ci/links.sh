#!/usr/bin/env bash
# links.sh [ROOT]: every relative link of every *.md leads to a file, every #anchor to a heading, and
# every `path` of the tree that a page names exists.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
bad=0
complain() { echo "$1:$2: $3"; bad=1; }
# Headings as GitHub makes anchors of them: lower case, no punctuation, hyphens for spaces.
anchors() { awk '/^```/ {code = !code} !code && /^#+ / {sub(/^#+ +/, ""); print}' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }
while read -r page; do
    dir=$(dirname "$page")
    while IFS=: read -r line target; do
        [ -n "$target" ] || continue
        file=${target%%#*} anchor=
        [ "$file" = "$target" ] || anchor=${target#*#}
        case $target in http://* | https://* | mailto:*) continue ;; esac
        case $file in '') at=$page ;; /*) complain "$page" "$line" "link to $target from the root of a machine"; continue ;; *) at=$dir/$file ;; esac
        [ -e "$at" ] || { complain "$page" "$line" "no file $file"; continue; }
        if [ -n "$anchor" ] && ! grep -qxF -- "$anchor" <<<"$(anchors "$at")"; then complain "$page" "$line" "no heading #$anchor in $at"; fi
    done < <(awk '/^```/ {code = !code} code {next} { s = $0; gsub(/`[^`]*`/, "", s)
        while (match(s, /\]\([^)]*\)/)) { t = substr(s, RSTART + 2, RLENGTH - 3); sub(/ .*/, "", t); print FNR ":" t; s = substr(s, RSTART + RLENGTH) }
        if (match($0, /^\[[^]]*\]:[ \t]*[^ \t]+/)) { t = substr($0, RSTART, RLENGTH); sub(/^\[[^]]*\]:[ \t]*/, "", t); print FNR ":" t }
        while (match(s, /(src|href)="[^"]*"/)) { t = substr(s, RSTART, RLENGTH); gsub(/^[a-z]*="|"$/, "", t); print FNR ":" t; s = substr(s, RSTART + RLENGTH) } }' "$page")
    # `src/base/x.c`; not what has a NAME to be put in, or stars.
    while IFS=: read -r line path; do
        [ -e "$path" ] || complain "$page" "$line" "no $path"
    done < <(grep -noE '`(src|include|tests|docs|ci|bench|fuzz|scripts|cmake)/[a-z0-9_./-]+`' "$page" | tr -d '`')
done < <(find . -name '*.md' -not -path './build/*' -not -path './.git/*' | sed 's|^\./||' | sort)
exit $bad
