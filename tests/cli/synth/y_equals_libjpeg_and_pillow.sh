# y_equals_libjpeg_and_pillow: a grey picture is what Pillow's convert("L") makes of the coloured one;
# the same against libjpeg's own conversion is y_equals_libjpeg of t_codec.c.
python=${IML_PYTHON:-$(command -v /usr/bin/python3 || command -v python3 || true)} # a virtual environment may have more
[ -n "$python" ] && "$python" -c 'import PIL' 2>/dev/null || { echo "skipped: Pillow is not installed"; exit 77; }
for colour in grey rgb; do
    expect 0 'done' "$imloom" synth -n 12 -o $colour --seed 5 --colour $colour --text 'All colours' --background builtin --set gaussian_noise=60 \
        --set 'text_color={min: [0,0,0], max: [255,255,255]}' --progress none --log-dir logs
done
cat >compare.py <<'P'
import glob
from PIL import Image
n = 0
for path in sorted(glob.glob("rgb/0*/*.png")):
    colour, grey = Image.open(path), Image.open(path.replace("rgb", "grey", 1))
    assert colour.mode == "RGB" and grey.mode == "L", path
    assert len(set(colour.getdata())) > 1000, path + " has few colours"
    assert colour.convert("L").tobytes() == grey.tobytes(), path
    n += 1
print(n, "pictures")
P
expect 0 '^12 pictures$' "$python" compare.py
