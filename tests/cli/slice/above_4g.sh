#!/usr/bin/env bash
# A volume whose gzip ISIZE has wrapped: 4.6 GB in 20 MB of file, passed plane by plane.
set -euo pipefail
. "$source/tests/cli/lib.sh"
mkdir -p in/imagesTr
"$build/tests/make_nifti" head.nii dim=2048,1024,1100
plane=$((2048 * 1024 * 2))
{ head -c 352 head.nii; head -c $((1080 * plane)) /dev/zero; head -c $((20 * plane)) /dev/zero | tr '\0' '\1'; } |
    gzip -1 >in/imagesTr/v_0000.nii.gz
sliced() { expect "$@" "$imloom" slice in -o "out$1" --no-label --axis 2 --norm none --window_size 0 --slices 1079:1081 --workers 0 --log-dir logs --progress none; }
sliced 0 'sliced 1 of 1 cases, 2 slices'
kb=$(grep -oE 'peak [0-9.]+ MB' out.txt err.txt | grep -oE '[0-9]+' | head -1)
[ "$kb" -le 64 ] || fail "peak of $kb MB"
for k in 1079:0.0 1080:257.0; do
    got=$(unzip -p "out0/v_${k%:*}.npz" image.npy | tail -c +129 | od -An -v -t f4 -w4 | sort -u | tr -d ' ')
    awk -v a="$got" -v b="${k#*:}" 'BEGIN {exit !(a + 0 == b + 0)}' && [ "$(wc -l <<<"$got")" = 1 ] || fail "plane $k holds $got"
done
# A wrapped ISIZE that is wrong is noticed.
printf '\377' | dd of=in/imagesTr/v_0000.nii.gz bs=1 seek=$(($(stat -c %s in/imagesTr/v_0000.nii.gz) - 1)) conv=notrunc 2>/dev/null
sliced 3 'v .gzip-crc.'
[ -z "$(ls out3/*.npz 2>/dev/null)" ] || fail "a damaged volume left slices"
echo ok
