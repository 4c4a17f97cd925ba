#!/usr/bin/env bash
# run.sh BUILD SOURCE CASE: runs tests/cli/CASE.sh in an empty directory. 77: skipped with a word.
set -euo pipefail
build=$(cd "$1" && pwd) source=$(cd "$2" && pwd) case=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/imloom-cli.XXXXXX")
trap '{ umount "$work"/small; chmod -R u+w "$work"; } 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
export imloom=$build/bin/imloom build source LC_ALL=C.UTF-8
rc=0
bash -euo pipefail -c '. "$source/tests/cli/lib.sh"; . "$0"' "$source/tests/cli/$case.sh" || rc=$?
exit $rc
