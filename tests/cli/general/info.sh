# info_names_the_machine_and_the_build
expect 0 '^cpu +model' "$imloom" info
expect 0 'png' "$imloom" info
expect 0 'gzip_streams +(isa-l|zlib) [0-9]' "$imloom" info
expect 0 'recommended +--workers' "$imloom" info
expect 0 '"imloom": 1' "$imloom" info --json
if command -v python3 >/dev/null; then python3 -c 'import json; d = json.load(open("out.txt")); assert d["cpu"]["allowed"] >= 1 and "jpeg" in d["build"]["codecs"]'; fi
expect 0 'cannot be looked at' "$imloom" info -o /no/such/place
IML_CPU=scalar expect 0 'simd +scalar' "$imloom" info
