#!/usr/bin/env bash
# pictures.sh IMLOOM: makes the pictures of docs/synth.md again, beside this file.
set -euo pipefail
imloom=$(realpath "${1:?usage: pictures.sh IMLOOM}")
cd "$(dirname "$0")"
sheet() { # NAME BACKGROUND COUNT COLUMNS WIDTH LAYERS
    "$imloom" synth "$1.yaml" -n "$3" --background "$2" --preview "$1.png" --preview-count "$3" \
        --preview-columns "$4" --preview-width "$5" --preview-layers "$6" --progress none
}
sheet geometry paper 10 4 220 units,lines
sheet layout white 9 3 260 units,baseline
sheet strokes paper 10 4 220 units
sheet degradation white 10 4 220 units
