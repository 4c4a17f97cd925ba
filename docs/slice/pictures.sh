#!/usr/bin/env bash
# pictures.sh IMLOOM DATA: makes the picture of docs/slice.md again, beside this file. DATA: an nnU-Net folder of scans that
# may be shown; those of the picture are named below it in docs/slice.md.
set -euo pipefail
imloom=$(realpath "${1:?usage: pictures.sh IMLOOM DATA}") data=$(realpath "${2:?usage: pictures.sh IMLOOM DATA}")
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$imloom" slice "$data" -o "$out/set" --axis axial --window-size 0 --slices mid --sheet sheet.png --sheet-slices 5 --progress none \
    --log-dir "$out"
