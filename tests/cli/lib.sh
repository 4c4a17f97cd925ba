# lib.sh: what every command-line test sources. The runner (run.sh) gives $imloom, $source and an
# empty working directory.
fail() { echo "FAILED: $*"; exit 1; }

# expect RC REGEX COMMAND...: the exit code, and a line of the output (both streams) that matches.
expect() {
    local want=$1 regex=$2 rc=0; shift 2
    "$@" >out.txt 2>err.txt </dev/null || rc=$?
    [ "$rc" = "$want" ] || { tail -n 5 out.txt err.txt; fail "exit $rc instead of $want: $*"; }
    [ -z "$regex" ] || grep -qE -- "$regex" out.txt err.txt || { tail -n 5 out.txt err.txt; fail "nothing matches '$regex': $*"; }
}

# One clear sentence: exactly one line of at most 400 bytes that says who complains ("imloom: " or the
# place in a file), besides the banner.
one_sentence() {
    [ "$(grep -cE '^imloom: |^[^ ]+:[0-9]+:[0-9]+: ' err.txt)" = 1 ] || { cat err.txt; fail "not one sentence"; }
    [ "$(grep -E '^imloom: |^[^ ]+:[0-9]+:[0-9]+: ' err.txt | wc -c)" -le 400 ] || { cat err.txt; fail "too long a sentence"; }
}

# The SHA-256 of a data set: names and contents of everything but .imloom.
digest() { (cd "$1" && find . -path ./.imloom -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum | cut -c1-64); }

no_temporaries() { [ -z "$(find "$1" -name '*.tmp' -print -quit)" ] || { find "$1" -name '*.tmp' | head -3; fail "temporary files are left in $1"; }; }
