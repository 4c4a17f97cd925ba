# the_manual_s_configurations_are_accepted: every YAML block of docs/synth*.md, and those of its pictures
n=0
for page in "$source"/docs/synth.md "$source"/docs/synth-from-other-tools.md; do
    awk -v page="$(basename "$page" .md)" '/^```yaml$/ {n++; on = 1; next} /^```$/ {on = 0} on {print > (page "-" n ".yaml")}' "$page"
done
for yaml in *.yaml "$source"/docs/synth/*.yaml; do
    "$imloom" synth "$yaml" --dry-run -n 10 >out.txt 2>err.txt || { cat err.txt; fail "$yaml is refused"; }
    n=$((n + 1))
done
[ $n -ge 6 ] || fail "only $n configurations were found"
# Every option that the manual names is one.
grep -ohE '(^|[ `(])--[a-z][a-z-]+' "$source"/docs/synth.md "$source"/docs/synth-from-other-tools.md | grep -oE -- '--[a-z-]+' | sort -u >named.txt
while read -r option; do
    "$imloom" synth "$option" --dry-run >out.txt 2>&1 </dev/null || true
    if grep -q 'no option' out.txt; then fail "$option is in the manual, but no option"; fi
done <named.txt
# And every key.
"$imloom" synth --list keys >keys.txt
for key in $(grep -ohE '\-\-set [a-z_]+=' "$source"/docs/synth*.md | sed 's/--set //; s/=//' | sort -u); do
    grep -q "^$key " keys.txt || fail "$key is in the manual, but no key"
done
