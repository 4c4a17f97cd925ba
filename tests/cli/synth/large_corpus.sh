# a_large_corpus_costs_no_memory_and_is_told_when_it_is_broken
# 270 MB in /dev/shm or /tmp: more than is read before the run, so a window of invalid UTF-8 is passed
# over, counted, named, and the exit code is 3.
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
[ -e $sans ] || { echo "skipped: fonts-dejavu-core is not installed"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: no python3 to measure memory with"; exit 77; }
[ "$(df -Pk . | awk 'NR==2 {print $4}')" -gt 700000 ] || { echo "skipped: not 700 MB free here"; exit 77; }
cat >measure.py <<'P'
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], stdout=open("out.txt", "w"), stderr=open("err.txt", "w")).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], "w"))
sys.exit(code)
P
line='these are some plain words of a book that is very long'
{ yes "$line" || true; } 2>/dev/null | head -c 1000000 >piece; echo >>piece
for k in {1..270}; do cat piece; done >large.txt
head -c 100000 piece >small.txt
run() { "$imloom" synth --font $sans --progress none --log-dir logs "$@"; }
for mode in thread process; do
    for unit in chars lines words; do
        for c in small large; do
            expect 0 'done: 60 images, 0 bad' python3 measure.py $c.rss "$imloom" synth --corpus $c.txt -n 60 -o $c-$mode-$unit --set text_unit=$unit --mode $mode --workers 2 --font $sans --progress none --log-dir logs
        done
        [ $(($(cat large.rss) - $(cat small.rss))) -lt 20000 ] || fail "$mode $unit: $(cat large.rss) KB instead of $(cat small.rss)"
    done
done
# The whole default run stays within 256 MB.
expect 0 'done' python3 measure.py default.rss "$imloom" synth -n 300 -o default --progress none --log-dir logs
[ "$(cat default.rss)" -lt 262144 ] || fail "the default run took $(cat default.rss) KB"
# Broken somewhere: half of it.
sed 's/plain words/plain \xff words/' piece >torn_piece
for k in {1..270}; do [ $((k % 2)) = 0 ] && cat piece || cat torn_piece; done >torn.txt
expect 3 'done: 40 images, 0 bad.*Passed over: [0-9]+ texts of invalid UTF-8 in torn.txt \(first at byte 21\)' run --corpus torn.txt -n 40 -o torn --labels jsonl
! grep -q '�' torn/labels.jsonl || fail "a broken text was drawn"
expect 0 'Invalid UTF-8: [0-9]+ bytes? skipped' run --corpus torn.txt -n 40 -o skipped --set on_invalid_utf8=skip
