# tesseract_reads_plain_pictures, and lstm_train_takes_the_box_file
command -v tesseract >/dev/null || { echo "no tesseract"; exit 77; }
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
rc=0; python3 "$source/tests/interop/tesseract.py" "$imloom" "$source/src/synth/corpora" || rc=$?
exit $rc
