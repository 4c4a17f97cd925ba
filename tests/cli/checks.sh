#!/usr/bin/env bash
# each_check_fails_on_a_planted_violation: a copy of the sources gets one violation after another.
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
failures=0
fresh() { rm -rf "$work/t"; mkdir "$work/t"; cp -r "$source"/{src,include,ci,.clang-format} "$work/t/"; mkdir -p "$work/t/tests" "$work/t/fuzz" "$work/t/bench"; }
must_fail() { # NAME COMMAND...
    local name=$1; shift
    if "$@" >"$work/out" 2>&1; then echo "planted '$name' went unnoticed"; failures=$((failures + 1)); fi
}
must_pass() {
    local name=$1; shift
    "$@" >"$work/out" 2>&1 || { echo "$name fails on clean sources:"; head -5 "$work/out"; failures=$((failures + 1)); }
}
fresh
must_pass layers "$work/t/ci/layers.sh" "$work/t"
must_pass banned "$work/t/ci/banned.sh" "$work/t"
echo '#include "src/engine/commit.h"' >>"$work/t/src/base/str.c"
must_fail "include that points up" "$work/t/ci/layers.sh" "$work/t"
fresh; mkdir -p "$work/t/src/slice"; echo '#include "src/synth/layout.h"' >"$work/t/src/slice/slice_x.c"
must_fail "one system includes another" "$work/t/ci/layers.sh" "$work/t"
fresh; { echo '#include <stdio.h>'; cat "$work/t/src/base/str.c"; } >"$work/x" && mv "$work/x" "$work/t/src/base/str.c"
must_fail "own header not first" "$work/t/ci/layers.sh" "$work/t"
fresh; cp "$work/t/src/base/str.c" "$work/t/src/io/str.c"
must_fail "file name twice" "$work/t/ci/layers.sh" "$work/t"
for call in 'strcpy(a, b);' 'x = malloc(3);' 'fd = open(p, 0);' 'y = sin(x);' 'printf("x");' 'system("ls");' 'pid = fork ();'; do
    fresh; printf 'static void planted(void)\n{\n    %s\n}\n' "$call" >>"$work/t/src/image/image.c"
    must_fail "$call" "$work/t/ci/banned.sh" "$work/t"
done
fresh; echo 'void f(undeclared_type x);' >>"$work/t/include/imloom/iml_version.h"
must_fail "header that does not compile alone" "$work/t/ci/headers.sh" "$work/t"
pages() { fresh; cp -r "$source"/{docs,scripts,cmake} "$work/t/"; cp "$source"/*.md "$work/t/"; cp -r "$source"/{tests,bench,fuzz} "$work/t/"; }
pages; must_pass links "$work/t/ci/links.sh" "$work/t"
planted=('[a file](gone.md)' '![a picture](synth/gone.png)' '[a heading](synth.md#no-such-heading)' '[here](#nowhere)' '<img src="gone.png">' '[ref]: gone.md' 'as in `src/base/gone.c`' '[a machine](/etc/passwd)')
for link in "${planted[@]}"; do
    printf '\n%s\n' "$link" >>"$work/t/docs/formats.md"
    must_fail "$link" "$work/t/ci/links.sh" "$work/t"
    cp "$source/docs/formats.md" "$work/t/docs/"
done
printf '\n%s\n' '[heading](synth.md#values-and-distributions), [out](https://example.org/x), `[code](gone.md)`' >>"$work/t/docs/formats.md"
must_pass "links that are none" "$work/t/ci/links.sh" "$work/t"
# Symbols: a library with a stray global, one that exports an internal name.
mkdir -p "$work/b/src"
echo 'int stray_global = 1; int iml__x = 2;' | cc -x c -c -fPIC - -o "$work/b/x.o"
echo 'int iml__x = 2; int iml_good = 1;' | cc -x c -shared -fPIC - -o "$work/b/src/libimloom.so"
ar rcs "$work/b/src/libimloom.a" "$work/b/x.o"
must_fail "stray global symbol" "$source/ci/symbols.sh" "$work/b"
echo 'int iml_good = 1;' | cc -x c -c -fPIC - -o "$work/b/x.o"; rm "$work/b/src/libimloom.a"; ar rcs "$work/b/src/libimloom.a" "$work/b/x.o"
must_fail "internal name exported" "$source/ci/symbols.sh" "$work/b"
echo 'int iml_good = 1;' | cc -x c -shared -fPIC - -o "$work/b/src/libimloom.so"
must_pass symbols "$source/ci/symbols.sh" "$work/b"
# Format and tidy work on a git tree.
if command -v git >/dev/null; then
    fresh; cd "$work/t"; git init -q .; git -c user.name=t -c user.email=t@t add -A; git -c user.name=t -c user.email=t@t commit -qm t
    must_pass format ci/format.sh
    printf 'int  f( void ){return 1 ;}\n' >>src/base/mem.c; git -c user.name=t -c user.email=t@t commit -qam u
    if git clang-format -h >/dev/null 2>&1; then must_fail "badly formatted line" ci/format.sh HEAD~1; fi
    printf 'int a; \n' >>src/base/mem.c
    must_fail "trailing space" ci/format.sh
    git checkout -q -- . && printf '\tint a;\n' >>src/base/mem.c
    must_fail "tab" ci/format.sh
    if command -v clang-tidy >/dev/null; then
        cp "$source/.clang-tidy" .; mkdir bt
        printf '#include <string.h>\nint planted(int *p);\nint planted(int *p)\n{\n    if (!p) return *p;\n    return memset(p, 0, sizeof(p)) != 0;\n}\n' >src/base/planted.c
        printf '[{"directory":"%s","file":"%s/src/base/planted.c","command":"cc -c %s/src/base/planted.c"}]' "$work/t" "$work/t" "$work/t" >bt/compile_commands.json
        git -c user.name=t -c user.email=t@t add -A; git -c user.name=t -c user.email=t@t commit -qm v
        must_fail "null dereference" ci/tidy.sh bt HEAD~1
    fi
fi
[ $failures = 0 ]
