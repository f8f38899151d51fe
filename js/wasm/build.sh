#!/bin/sh
# The decoders as WebAssembly, and as TypeScript that holds them: build/NAME.wasm, src/generated/NAME_wasm.ts.
# Needs clang for wasm32 and wasm-ld (Debian: clang, lld). CLANG and WASM_LD choose others. With wasm-opt (Debian:
# binaryen) the device decoder gets a tenth smaller: below 4 KB.
set -eu
cd "$(dirname "$0")/.."
core=../core
out=build
: "${CLANG:=clang}" "${WASM_LD:=wasm-ld}"
mkdir -p "$out" src/generated

# One rounding an operation (-ffp-contract), as everywhere else the core is built.
flags="--target=wasm32 -std=c99 -ffreestanding -mbulk-memory -ffp-contract=off -DNDEBUG
    -Wall -Wextra -Wconversion -Werror -I$core/include -I$core/src -Iwasm -Iwasm/include"

compile() { # NAME FLAGS SOURCES...
    name=$1 own=$2
    shift 2
    objects=
    for source in "$@" wasm/memory.c; do
        object=$out/$name-$(basename "$source" .c).o
        # shellcheck disable=SC2086 # flags are words
        "$CLANG" $flags $own -c "$source" -o "$object"
        objects="$objects $object"
    done
}

link() { # FLAGS
    # shellcheck disable=SC2086 # objects are words
    "$WASM_LD" --no-entry --strip-all --gc-sections --export=__heap_base -z stack-size=65536 $1 $objects -o "$out/$name.wasm"
}

write() {
    constant=$(echo "$name" | tr '[:lower:]' '[:upper:]')_WASM
    printf '/** Made by wasm/build.sh: %s.wasm in base64. */\nexport const %s =\n  "%s";\n' \
        "$name" "$constant" "$(base64 -w 0 "$out/$name.wasm")" >"src/generated/${name}_wasm.ts"
    echo "$name.wasm: $(wc -c <"$out/$name.wasm") bytes, $(gzip -9nc "$out/$name.wasm" | wc -c) after gzip"
}

# As small as can be: the linker sees all of it at once, and neither makes loops faster (LSR) nor keeps values at hand
# (PRE) by more code. What lies in front of the global base is device.c's.
compile device "-Oz -flto -fno-jump-tables -DSW_DEVICE_IO=device_io" \
    wasm/device.c $core/src/device_decode.c $core/src/device_model.c $core/src/adaptive_model.c
link "--lto-O2 -mllvm -disable-lsr -mllvm -enable-pre=false --global-base=2304"
if command -v wasm-opt >/dev/null; then
    wasm-opt -Oz --flatten --rereloop -Oz --converge --enable-bulk-memory "$out/$name.wasm" -o "$out/$name.wasm"
fi
write

host=wasm/host.c
for part in adaptive_decode adaptive_model numeric_decode numeric_expand numeric_header numeric_portable numeric_symbols \
    predict_portable predicted_decode predicted_header quantised_decode quantised_place quantised_predict \
    quantised_types range_decoder scattered_decode splice_decode splice_model; do
    host="$host $core/src/$part.c"
done
# shellcheck disable=SC2086 # sources are words
compile host -O2 $host
link ""
write
