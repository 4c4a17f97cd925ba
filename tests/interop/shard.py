"""Reads a shard with Python's tarfile and, if it can be imported, with webdataset.

usage: shard.py SHARD.tar SAMPLES SUFFIX...     every picture's sample has just these suffixes, in this order
"""
import json
import re
import struct
import sys
import tarfile

path, samples, suffixes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]


def check(ok, what):
    if not ok:
        sys.exit("FAILED: " + what)


def split(name):  # as webdataset does: the key is what stands before the first dot of the last part
    m = re.match(r"((?:.*/)?[^/.]+)\.([^/]+)$", name)
    check(m, "%s has no suffix" % name)
    return m[1], m[2].lower()


groups = []
with tarfile.open(path) as tar:
    for member in tar:
        check(member.isreg() and member.mtime == 0 and member.uid == 0 and member.mode == 0o444, "a member's head")
        key, suffix = split(member.name)
        if not groups or groups[-1][0] != key:
            groups.append((key, []))
        groups[-1][1].append((suffix, tar.extractfile(member).read()))
check(len({k for k, _ in groups}) == len(groups), "a sample's members are not adjacent")
pictures = [g for g in groups if "_" not in g[0]]
check(len(groups) == samples, "%d samples, not %d" % (len(groups), samples))
for key, members in pictures:
    check([s for s, _ in members] == suffixes, "%s has %s" % (key, [s for s, _ in members]))
    m = dict(members)
    label = json.loads(m["json"])
    check("%09d" % label["index"] == key and label["image"]["file"] == key + ".png", key + ": another label")
    check(m["txt"].decode() == label["text"], key + ": .txt is not the text")
    check(struct.unpack(">II", m["png"][16:24]) == (label["image"]["width"], label["image"]["height"]), key + ": size")
for key, members in groups:
    if "_" in key:
        check([s for s, _ in members] == ["png", "txt"], key + " is no crop with its text")
try:
    import webdataset
except ImportError:
    print("read %d samples; no webdataset" % len(groups))
    sys.exit(0)
got = list(webdataset.WebDataset(path, shardshuffle=False))
check([g["__key__"] for g in got] == [k for k, _ in groups], "webdataset has other keys")
for g, (key, members) in zip(got, groups):
    check(all(g[s] == data for s, data in members), key + ": webdataset has other bytes")
print("read %d samples, with webdataset too" % len(groups))
