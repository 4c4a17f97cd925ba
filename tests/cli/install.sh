#!/usr/bin/env bash
# installed_library_is_found_by_pkg_config_and_cmake: BUILD -> prefix, then a ten-line consumer both ways.
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/usr" >"$work/log" 2>&1 || { tail -5 "$work/log"; exit 1; }
cat >"$work/use.c" <<'C'
#include <stdio.h>
#include <imloom/imloom.h>

int main(void)
{
    iml_rng r = iml_rng_at(42, 7, iml_stream("demo"));
    (void)iml_rng_u32(&r);
    return puts(iml_status_text(IML_ESINK)) < 0;
}
C
flags=
grep -q 'IML_SANITIZE:STRING=.' "$build/CMakeCache.txt" && exit 77
pc=$(dirname "$(find "$work/usr" -name imloom.pc)")
[ -n "$pc" ]
export PKG_CONFIG_PATH=$pc
lib=$(pkg-config --variable=libdir imloom)
# shellcheck disable=SC2046,SC2086
cc $flags "$work/use.c" $(pkg-config --cflags --libs imloom) -Wl,-rpath,"$lib" -o "$work/shared"
[ "$("$work/shared")" = "cannot write output" ]
# shellcheck disable=SC2046,SC2086
cc $flags "$work/use.c" $(pkg-config --cflags imloom) "$lib/libimloom.a" $(pkg-config --libs --static imloom | sed 's/-limloom//') -o "$work/static"
[ "$("$work/static")" = "cannot write output" ]
cat >"$work/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.25)
project(use C)
find_package(imloom 0.1 REQUIRED)
add_executable(use use.c)
target_link_libraries(use imloom::imloom)
add_executable(use_static use.c)
target_link_libraries(use_static imloom::imloom_static)
C
cmake -S "$work" -B "$work/b" -G Ninja -DCMAKE_PREFIX_PATH="$work/usr" >"$work/log" 2>&1 && cmake --build "$work/b" >>"$work/log" 2>&1 || { tail -20 "$work/log"; exit 1; }
[ "$("$work/b/use")" = "cannot write output" ]
[ "$("$work/b/use_static")" = "cannot write output" ]
for f in share/man/man1/imloom.1 share/man/man1/imloom-info.1 share/bash-completion/completions/imloom \
    share/zsh/site-functions/_imloom share/fish/vendor_completions.d/imloom.fish bin/imloom include/imloom/imloom.h; do
    [ -s "$work/usr/$f" ] || { echo "not installed: $f"; exit 1; }
done
bash -n "$work/usr/share/bash-completion/completions/imloom"
