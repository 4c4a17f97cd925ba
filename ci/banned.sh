#!/usr/bin/env bash
# banned.sh [ROOT]: calls that src/ and include/ must not make (STYLE part II).
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
bad=0
look() { # PATTERN WHY FILES...
    local pattern=$1 why=$2; shift 2
    local hits
    hits=$(grep -nEH "$pattern" "$@" 2>/dev/null | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(//|\*|/\*)' || true)
    [ -z "$hits" ] || { printf '%s\n' "$hits" | sed "s/^/$why: /"; bad=1; }
}
all=$(find src include -name '*.[ch]' | sort)
outside=$(find src -name '*.[ch]' -not -path 'src/base/*' -not -path 'src/io/*' | sort)
library=$(find src -name '*.c' -not -path 'src/cmd/*' | sort)
# shellcheck disable=SC2086
{
    look '(^|[^A-Za-z0-9_])(gets|strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|rand|srand|localtime|gmtime|asctime|ctime|system|popen|mktemp|tmpnam|readdir_r|alloca|setlocale|strdup|strerror)[[:space:]]*\(' 'banned call' $all
    look '(^|[^A-Za-z0-9_>.])(malloc|calloc|realloc|free)[[:space:]]*\(' 'allocation outside base and io' $outside
    look '(^|[^A-Za-z0-9_>.])(open|openat|rename|renameat|fsync|fdatasync|unlink|unlinkat)[[:space:]]*\(' 'file call outside base and io' $outside
    look '(^|[^A-Za-z0-9_])(printf|puts|putchar|perror|exit|abort)[[:space:]]*\(' 'the library prints or exits' $library
    look '(^|[^A-Za-z0-9_])(sin|cos|tan|asin|acos|atan|atan2|exp|exp2|log|log2|log10|pow|cbrt|hypot|fma)f?[[:space:]]*\(' 'libm in an output path (use src/base/fmath.h)' $library
    look '(^|[^A-Za-z0-9_])pthread_create[[:space:]]*\(|[^A-Za-z0-9_]fork[[:space:]]*\(' 'threads and processes are made in src/engine only' $(find src -name '*.c' -not -path 'src/engine/*' | sort)
}
exit $bad
