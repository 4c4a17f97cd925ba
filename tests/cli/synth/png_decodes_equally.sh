# png_decodes_equally: what our PNG writer and its encoder make is the same picture to every decoder
# that is installed: libspng, OpenCV, Pillow (libpng's in t_codec.c), and a reader of thirty lines over
# Python's zlib that is the truth here. Colours, grey, alpha; clean, textured and noisy; tiny and large.
python=${IML_PYTHON:-$(command -v /usr/bin/python3 || command -v python3 || true)} # a virtual environment may have more
[ -n "$python" ] || { echo "skipped: python3 is not installed"; exit 77; }
font=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -e $font ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
make() { "$imloom" synth -o "$@" --font $font --workers 0 --progress none --log-dir logs >out.txt 2>err.txt || { tail -n 3 err.txt; fail "synth $*"; }; }
make clean -n 30 --background white --set text_length='[1,80]' --script latin
make alpha -n 12 --background none --colour rgba --set blur_radius=1 --script latin
make grey -n 12 --background white --colour grey --set rotation_angle='[-9,9]' --script latin
make texture -n 24 --background builtin --set rotation_angle='[-9,9]' --script latin
make noise -n 8 --background builtin --set gaussian_noise=40 --script latin
make tiny -n 8 --text i --set font_size=4 --set padding=0 --background white
make large -n 2 --background builtin --set font_size=200 --script latin
cat >decode.py <<'P'
import sys, zlib, struct, glob

def truth(b):
    at, head, z = 8, None, b""
    while at < len(b):
        n, kind = struct.unpack(">I4s", b[at:at + 8])
        body = b[at + 8:at + 8 + n]
        if zlib.crc32(kind + body) != struct.unpack(">I", b[at + 8 + n:at + 12 + n])[0]: sys.exit("a chunk's CRC")
        head, z, at = body if kind == b"IHDR" else head, z + (body if kind == b"IDAT" else b""), at + 12 + n
    w, h, bits, kind = struct.unpack(">IIBB", head[:10])
    c = {0: 1, 2: 3, 6: 4}[kind]
    d = zlib.decompressobj()
    raw = d.decompress(z)
    if not d.eof or d.unused_data or len(raw) != h * (w * c + 1): sys.exit("the stream's end")
    rows, prev = [], bytearray(w * c)
    for y in range(h):
        f, row = raw[y * (w * c + 1)], bytearray(raw[y * (w * c + 1) + 1:(y + 1) * (w * c + 1)])
        for i in range(len(row)) if f in (1, 2) else []:
            row[i] = (row[i] + (prev[i] if f == 2 else row[i - c] if i >= c else 0)) & 255
        if f not in (0, 1, 2): sys.exit("filter %d" % f)
        rows.append(bytes(row)); prev = row
    return b"".join(rows), w, h, c

def pillow():
    from PIL import Image
    return "Pillow " + Image.__version__, lambda path, b, c: Image.open(path).tobytes()

def opencv():
    import cv2
    def read(path, b, c):
        m = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        return (m if c == 1 else cv2.cvtColor(m, cv2.COLOR_BGR2RGB if c == 3 else cv2.COLOR_BGRA2RGBA)).tobytes()
    return "OpenCV " + cv2.__version__, read

def spng():
    import ctypes as t
    try: l = t.CDLL("libspng.so.0")
    except OSError: raise ImportError
    l.spng_ctx_new.restype, l.spng_version_string.restype = t.c_void_p, t.c_char_p
    def read(path, b, c):
        s, n = t.c_void_p(l.spng_ctx_new(0)), t.c_size_t()
        if l.spng_set_png_buffer(s, b, t.c_size_t(len(b))) or l.spng_decoded_image_size(s, 256, t.byref(n)): return None
        out = t.create_string_buffer(n.value)
        rc = l.spng_decode_image(s, out, n, 256, 0)
        l.spng_ctx_free(s)
        return None if rc else out.raw
    return "libspng " + l.spng_version_string().decode(), read

readers = []
for make in (pillow, opencv, spng):
    try: readers.append(make())
    except ImportError: print(make.__name__, "is not installed")
files = sorted(glob.glob("*/0*/*.png"))
for path in files:
    b = open(path, "rb").read()
    px, w, h, c = truth(b)
    for name, read in readers:
        if read(path, b, c) != px: sys.exit("%s reads %s (%d x %d x %d) differently" % (name, path, w, h, c))
print(len(files), "pictures:", ", ".join(["zlib"] + [name for name, _ in readers]))
P
$python decode.py || fail "decoders differ"
[ "$(ls */0*/*.png | wc -l)" = 96 ] || fail "fewer pictures than made"
