#!/bin/sh
# The decoders as WebAssembly, and as TypeScript that holds them: build/NAME.wasm, src/generated/NAME_wasm.ts.
# Needs clang for wasm32 and wasm-ld (Debian: clang, lld). CLANG and WASM_LD choose others. With wasm-opt (Debian:
# binaryen) the device decoder gets a tenth smaller.
set -eu
cd "$(dirname "$0")/.."
core=../core
out=build
: "${CLANG:=clang}" "${WASM_LD:=wasm-ld}"
mkdir -p "$out" src/generated

# One rounding an operation (-ffp-contract), as everywhere else the core is built.
flags="--target=wasm32 -std=c99 -ffreestanding -mbulk-memory -ffp-contract=off -DNDEBUG
    -Wall -Wextra -Wconversion -Werror -I$core/include -I$core/src -Iwasm -Iwasm/include"

build() { # NAME OPTIMISATION SOURCES...
    name=$1 optimisation=$2
    shift 2
    objects=
    for source in "$@" wasm/memory.c; do
        object=$out/$name-$(basename "$source" .c).o
        # shellcheck disable=SC2086 # flags are words
        "$CLANG" $flags "$optimisation" -c "$source" -o "$object"
        objects="$objects $object"
    done
    # shellcheck disable=SC2086 # objects are words
    "$WASM_LD" --no-entry --strip-all --gc-sections --export=__heap_base -z stack-size=65536 $objects -o "$out/$name.wasm"
    if [ "$optimisation" = -Oz ] && command -v wasm-opt >/dev/null; then
        wasm-opt -Oz --converge --enable-bulk-memory "$out/$name.wasm" -o "$out/$name.wasm"
    fi
    constant=$(echo "$name" | tr '[:lower:]' '[:upper:]')_WASM
    printf '/** Made by wasm/build.sh: %s.wasm in base64. */\nexport const %s =\n  "%s";\n' \
        "$name" "$constant" "$(base64 -w 0 "$out/$name.wasm")" >"src/generated/${name}_wasm.ts"
    echo "$name.wasm: $(wc -c <"$out/$name.wasm") bytes, $(gzip -9nc "$out/$name.wasm" | wc -c) after gzip"
}

build device -Oz wasm/device.c $core/src/device_decode.c $core/src/device_model.c $core/src/adaptive_model.c

host=wasm/host.c
for part in adaptive_decode adaptive_model numeric_decode numeric_expand numeric_header numeric_portable numeric_symbols \
    predict_portable predicted_decode predicted_header quantised_decode quantised_place quantised_predict \
    quantised_types range_decoder scattered_decode splice_decode splice_model; do
    host="$host $core/src/$part.c"
done
# shellcheck disable=SC2086 # sources are words
build host -O2 $host
