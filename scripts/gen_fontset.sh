#!/bin/sh
# Writes src/synth/fontset.h: the font files of the packages that scripts/deps.sh installs, by name
# below /usr/share/fonts. Run on a Debian 12 that has them all; versions are those of Debian 12.
set -eu
cd "$(dirname "$0")/.."
out=src/synth/fontset.h
{
    echo "// fontset.h: made by scripts/gen_fontset.sh from Debian's packages. Do not edit."
    echo "// clang-format off"
    echo "#ifndef IML_SYNTH_FONTSET_H"
    echo "#define IML_SYNTH_FONTSET_H"
    echo
    echo "#define IML__FONTSET_ROOT \"/usr/share/fonts/\""
    echo "// Sorted by bytes."
    echo "static const char *const iml__fontset[] = {"
    for p in fonts-dejavu-core fonts-liberation fonts-noto-core fonts-droid-fallback \
        fonts-ipafont-gothic fonts-nanum; do
        dpkg -L "$p"
    done | grep -E '^/usr/share/fonts/.*\.(ttf|otf|ttc)$' | sed 's|^/usr/share/fonts/||' | LC_ALL=C sort -u |
        sed 's|.*|    "&",|'
    echo "};"
    echo
    echo "#endif"
} > "$out"
