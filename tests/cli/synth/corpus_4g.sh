# corpus_above_4GiB_has_64_bit_offsets
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -e $sans ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
[ "$(df -Pk . | awk 'NR==2 {print $4}')" -gt 8000000 ] || { echo "skipped: not 8 GB free here"; exit 77; }
{ yes 'the first four gigabytes of a very long book' || true; } 2>/dev/null | head -c 4294967296 >book.txt
{ yes 'what stands behind them' || true; } 2>/dev/null | head -c 3221225472 >>book.txt
expect 0 'done: 60 images, 0 bad' "$imloom" synth --corpus book.txt -n 60 -o set --labels jsonl --set text_unit=lines --font $sans --progress none --log-dir logs
grep -o '"corpus":{[^}]*}' set/labels.jsonl | grep -o '"offset":[0-9]*' | cut -d: -f2 >offsets.txt
[ "$(awk '$1 > 4294967296' offsets.txt | wc -l)" -ge 10 ] || fail "no offset above 4 GiB"
[ "$(awk '$1 < 4294967296' offsets.txt | wc -l)" -ge 10 ] || fail "no offset below 4 GiB"
# What the label says of its place is what stands there.
while read -r offset bytes; do
    dd if=book.txt bs=1 skip="$offset" count="$bytes" iflag=skip_bytes status=none; echo
done < <(grep -o '"offset":[0-9]*,"bytes":[0-9]*' set/labels.jsonl | tr ':,"a-z' '     ' | awk '{print $1, $2}') >there.txt
grep -o '"text":"[^"]*","direction"' set/labels.jsonl | cut -d'"' -f4 >texts.txt
cmp there.txt texts.txt || fail "an offset points to another text"
