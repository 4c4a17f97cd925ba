# Everything optional is an option() here, and `imloom info` reports it.
option(IML_FONTCONFIG "find fonts with fontconfig" ON)
option(IML_LIBTHAI "break Thai lines with libthai" ON)
option(IML_WEBP "WebP" ON)
option(IML_INJECT "--inject: worker deaths and hangs on purpose (tests)" OFF)
option(IML_BENCH "build the benchmarks" ON)
option(IML_FUZZ "build the fuzz targets with libFuzzer (clang)" OFF)
option(IML_WERROR "warnings are errors" OFF)
set(IML_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=")
