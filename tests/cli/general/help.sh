# every_command_explains_itself
expect 0 '^usage: imloom COMMAND' "$imloom"
expect 0 '^usage: imloom COMMAND' "$imloom" --help
expect 0 '^imloom [0-9]+\.[0-9]+\.[0-9]+$' "$imloom" --version
expect 0 '--workers' "$imloom" help options
awk 'length($0) > 80 {print FILENAME ": " $0; bad = 1} END {exit bad}' out.txt || fail "wider than 80 columns"
for c in $("$imloom" | awk '/^(make|look|decide|do|transform|train|run| ) / && NF > 2 {print substr($0, 13, 9)}' | tr -d ' '); do
    expect 0 "^imloom $c - " "$imloom" help "$c"
    expect 0 "^imloom $c - " "$imloom" "$c" --help
    awk 'length($0) > 80 {print FILENAME ": " $0; bad = 1} END {exit bad}' out.txt || fail "help of $c is wider than 80 columns"
    expect 0 '^\.TH ' "$imloom" help man "$c"
    expect 1 "no option '--no-such-thing'" "$imloom" "$c" --no-such-thing
    one_sentence
    echo "$c" >>commands.txt
done
[ "$(wc -l <commands.txt)" -ge 4 ] || fail "commands are missing from the help screen"
expect 1 "no command 'syntf'; did you mean synth" "$imloom" syntf
expect 1 'see imloom help' "$imloom" zzzzzz
for s in bash zsh fish; do expect 0 'synth' "$imloom" help completion $s; done
"$imloom" help completion bash >c.bash && bash -n c.bash
expect 1 'bash, zsh or fish' "$imloom" help completion tcsh
# A full device behind stdout is not success.
if [ -e /dev/full ]; then "$imloom" help >/dev/full 2>/dev/null && fail "a full device looks like success"; fi
true
