# png_decodes_equally
# Every decoder that is installed gives the pixels that lossless WebP, another writer's, gives.
python=""
for p in ${IML_PYTHON:-} python3 /usr/bin/python3; do "$p" -c 'import PIL.Image, PIL.features as f; assert f.check("webp")' 2>/dev/null && python=$p && break; done
[ -n "$python" ] || { echo "skipped: no python3 with Pillow (IML_PYTHON names one)"; exit 77; }
grep -qi webp <<<"$("$imloom" info 2>/dev/null)" || { echo "skipped: this build has no WebP"; exit 77; }
set_of() { expect 0 done "$imloom" synth -n 12 --seed 3 --script latin,arabic,han --set cutout_width='[3,30]' --set cutout_height='[3,30]' --progress none --log-dir logs "$@"; }
for colour in rgb rgba grey auto; do
    background=(); [ $colour != rgba ] || background=(--background none)
    set_of --colour $colour "${background[@]}" -o png-$colour
    set_of --colour $colour "${background[@]}" --format webp --quality 100 -o webp-$colour
done
cat >compare.py <<'P'
import glob, sys
from PIL import Image
decoders = {"Pillow": lambda p, mode: Image.open(p).convert(mode).tobytes()}
try:
    import cv2
    def by_cv2(p, mode):
        m = cv2.imread(p, cv2.IMREAD_UNCHANGED)
        if m.ndim == 2: m = cv2.cvtColor(m, cv2.COLOR_GRAY2RGBA if mode == "RGBA" else cv2.COLOR_GRAY2RGB)
        elif m.shape[2] == 4: m = cv2.cvtColor(m, cv2.COLOR_BGRA2RGBA)
        else: m = cv2.cvtColor(m, cv2.COLOR_BGR2RGB)
        return m.tobytes()
    decoders["OpenCV"] = by_cv2
except ImportError:
    pass
n = 0
for p in sorted(glob.glob("png-*/0*/*.png")):
    mode = "RGBA" if "rgba" in p else "RGB"
    ref = Image.open(p.replace("png-", "webp-").replace(".png", ".webp")).convert(mode)
    want = ref.tobytes()
    if mode == "RGBA":  # what a clear pixel would be is nobody's business
        want = b"".join(b"\0\0\0\0" if want[k + 3] == 0 else want[k:k + 4] for k in range(0, len(want), 4))
    for name, decode in decoders.items():
        got = decode(p, mode)
        if mode == "RGBA":
            got = b"".join(b"\0\0\0\0" if got[k + 3] == 0 else got[k:k + 4] for k in range(0, len(got), 4))
        if got != want:
            sys.exit(f"{name} decodes {p} to other pixels")
        n += 1
print(n, "pictures by", ", ".join(decoders))
P
expect 0 '48 pictures by|96 pictures by' "$python" compare.py
cat out.txt
