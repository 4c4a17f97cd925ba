"""json_matches_schema: every label of a data set against docs/label.schema.json, and the order of its keys.

usage: schema.py SCHEMA LABELS.jsonl...      with jsonschema if it can be imported, else keys and order alone.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)


def fail(what):
    sys.exit("FAILED: " + what)


def follow(s):
    for k in s.get("anyOf", []):
        if follow(k).get("type") != "null":
            return follow(k)
    return schema["$defs"][s["$ref"].rsplit("/", 1)[1]] if "$ref" in s else s


def keys(value, s, where):
    s = follow(s)
    if isinstance(value, list) and "items" in s:
        for k in value:
            keys(k, s["items"], where + "[]")
    if not isinstance(value, dict) or "properties" not in s:
        return
    order = [k for k in s["properties"] if k in value]
    if list(value) != order:
        fail("%s has keys %s, in the schema %s" % (where, list(value), order))
    for k in s["required"]:
        if k not in value:
            fail("%s has no %s" % (where, k))
    for k, v in value.items():
        keys(v, s["properties"][k], where + "." + k)


n = 0
check = jsonschema.Draft202012Validator(schema) if jsonschema else None
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as f:
        for line in f:
            label = json.loads(line)
            keys(label, schema, name)
            for e in check.iter_errors(label) if check else ():
                fail("%s, item %d: %s: %s" % (name, label["index"], "/".join(map(str, e.absolute_path)), e.message[:200]))
            n += 1
if not n:
    fail("no label")
print("%d labels match the schema%s" % (n, "" if check else " as far as keys go: no jsonschema"))
