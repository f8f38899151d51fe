#!/usr/bin/env bash
# The byte coder built by gcc and by clang, not optimised and optimised most: every build makes the same bytes, which test_bytes.c holds.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags="-std=c99 -Wall -Wextra -Wconversion -Werror -Icore/include -Icore/src -Icore/host"
defines=""
sources="core/src/byte_*.c core/src/crc32c.c core/host/byte_cpu.c core/tests/test_bytes.c"
if [ "$(uname -m)" = x86_64 ]; then
    defines="-DSAPWOOD_HAVE_AVX2=1 -DSAPWOOD_HAVE_SSSE3=1"
    sources="$sources core/host/byte_avx2.c core/host/byte_ssse3.c"
elif [ "$(uname -m)" = aarch64 ]; then
    defines="-DSAPWOOD_HAVE_NEON=1"
    sources="$sources core/host/byte_neon.c"
fi
for compiler in gcc clang; do
    command -v "$compiler" > /dev/null || { echo "missing: $compiler" >&2; exit 1; }
    for level in -O0 -O3; do
        objects=()
        for source in $sources; do
            object="$work/$compiler$level-$(basename "$source" .c).o"
            case $source in
                *_avx2.c) set="-mavx2 -mbmi2" ;;
                *_ssse3.c) set="-mssse3" ;;
                *) set="" ;;
            esac
            # shellcheck disable=SC2086  lists of flags
            "$compiler" $flags $defines $set "$level" -c -o "$object" "$source"
            objects+=("$object")
        done
        "$compiler" -o "$work/$compiler$level" "${objects[@]}" -lm
        echo "$compiler $level:"
        "$work/$compiler$level"
    done
done
