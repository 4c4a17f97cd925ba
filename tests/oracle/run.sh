#!/usr/bin/env bash
# run.sh PYTHON SCRIPT PROGRAM DATA...: an oracle in an empty working directory, which goes away.
set -euo pipefail
here=$(dirname "$0") python=$1 script=$2 program=$3 data=$4
work=$(mktemp -d "${TMPDIR:-/tmp}/iml-oracle-XXXXXX")
trap 'rm -rf "$work"' EXIT
shift 4
"$python" "$here/$script" "$program" "$data" "$work" "$@"
