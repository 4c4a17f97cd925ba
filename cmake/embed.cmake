# embed.cmake: text files as one C file of byte arrays. cmake -DOUT=FILE -DDIR=DIR
# "-DNAMES=a;b" -P embed.cmake: DIR/a.txt and DIR/b.txt.
# A script of CMake's own, so that cross builds need no host program.
set(files ${NAMES})
list(SORT files)
set(rows "")
set(arrays "")
set(count 0)
foreach(file ${files})
    set(name ${file})
    file(READ ${DIR}/${name}.txt hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(................................)" "\\1\n    " hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    string(APPEND arrays "static const unsigned char t_${name}[] = {\n    ${hex}0};\n")
    string(APPEND rows "    {\"${name}\", t_${name}, ${size}},\n")
    math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT}.new "// Made by cmake/embed.cmake; do not edit.\n#include \"src/synth/corpus.h\"\n\n${arrays}
const iml__builtin_corpus iml__builtin_corpora[] = {\n${rows}};
const size_t iml__nbuiltin_corpora = ${count};\n")
file(RENAME ${OUT}.new ${OUT})
