#!/usr/bin/env bash
# deps.sh [build|test|check]: installs what a fresh Debian 12 or Ubuntu 24.04 lacks for imloom.
#   build  compiler, libraries and fonts: enough for `make demo` (the default)
#   test   besides, what `make test` holds the program against
#   check  besides, what .ci/run needs: clang, clang-tidy, clang-format, sanitizer runtimes
# Lists what it will install; does nothing if nothing is missing. Works as root or with sudo.
set -euo pipefail

build="gcc libc6-dev make cmake ninja-build pkg-config
 libfreetype-dev libharfbuzz-dev libfribidi-dev libutf8proc-dev libfontconfig-dev libthai-dev
 libyaml-dev libjpeg62-turbo-dev|libjpeg-turbo8-dev libpng-dev libwebp-dev libdeflate-dev zlib1g-dev libisal-dev
 libxxhash-dev libssl-dev
 fonts-dejavu-core fonts-liberation fonts-noto-core fonts-droid-fallback fonts-ipafont-gothic fonts-nanum"
test="git g++ python3 python3-pil python3-jsonschema python3-nibabel procps libcmocka-dev libmpfr-dev unicode-data
 unzip p7zip-full|7zip libarchive-tools
 fonts-noto-color-emoji tesseract-ocr tesseract-ocr-eng tesseract-ocr-ell tesseract-ocr-rus tesseract-ocr-ara
 tesseract-ocr-heb tesseract-ocr-hin tesseract-ocr-ben tesseract-ocr-tam tesseract-ocr-tha tesseract-ocr-chi-sim
 tesseract-ocr-jpn tesseract-ocr-kor"
check="clang clang-tidy clang-format libclang-rt-14-dev|libclang-rt-18-dev"

case "${1:-build}" in
build) want=$build ;;
test) want="$build $test" ;;
check) want="$build $test $check" ;;
*) sed -n 2,6p "$0"; exit 1 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    missing=
    for tool in cc make cmake ninja pkg-config; do
        command -v "$tool" >/dev/null || missing="$missing $tool"
    done
    for lib in freetype2 harfbuzz fribidi libutf8proc yaml-0.1 libjpeg libpng libdeflate zlib libxxhash libcrypto cmocka; do
        pkg-config --exists "$lib" 2>/dev/null || missing="$missing $lib"
    done
    [ -z "$missing" ] && exit 0
    echo "deps.sh: there is no apt here, and these are missing:$missing" >&2
    echo "deps.sh: by their Debian names imloom needs:" >&2
    printf '%s\n' "$want" | tr -s ' \n' '\n\n' | sed '/^$/d; s/^/  /' >&2
    exit 1
fi

there() { case $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) in *'ok installed') ;; *) return 1 ;; esac; }

# The first of a|b|c that this release has; installed ones first.
choose() {
    local IFS='|' name
    for name in $1; do there "$name" && { echo "$name"; return; }; done
    for name in $1; do apt-cache show "$name" >/dev/null 2>&1 && { echo "$name"; return; }; done
    echo "${1%%|*}"
}

missing() {
    local spec name list=
    for spec in $want; do
        name=$(choose "$spec")
        there "$name" || list="$list $name"
    done
    echo "$list"
}

list=$(missing)
[ -z "${list// /}" ] && exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "deps.sh: not root and no sudo; ask for:$list" >&2; exit 1; }
    sudo=sudo
fi
echo "deps.sh: updating the package lists" >&2
$sudo apt-get update -qq
list=$(missing) # now with the names that this release knows
echo "deps.sh: installing$list" >&2
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $list >/dev/null
