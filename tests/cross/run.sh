#!/usr/bin/env bash
# Golden blocks decoded, bytes coded, a device updated through power cuts, and the link, on other processors under QEMU: 64-bit Arm (NEON), 32-bit Arm,
# RISC-V, and big-endian s390x and PowerPC. Needs cross compilers and qemu-user from Debian. What is missing is named and fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - > "$work/list" <<'PY'
import json

for case in json.load(open("tests/golden/golden.json")).values():
    if case["kind"] != "block":
        continue
    modelled = case["codec"] == "SPLICE" and open(f"tests/golden/{case['payload']}", "rb").read(1) == b"\3"
    if modelled or case["codec"] in ("NUMERIC", "ADAPTIVE", "PREDICTED", "QUANTISED", "DEVICE", "SCATTERED"):
        offset, length = case["span"] or (0, case["length"])
        base = case["base"] if case["span"] or case["codec"] in ("DEVICE", "SPLICE") else "-"
        factors = case.get("factors", "-")
        print(case["codec"], case["payload"], base, offset, case["length"], case["target"], factors)
PY

# Its name for gcc, for QEMU, and of its Debian package.
processors=(
    "aarch64-linux-gnu aarch64 gcc-aarch64-linux-gnu"
    "arm-linux-gnueabihf arm gcc-arm-linux-gnueabihf"
    "riscv64-linux-gnu riscv64 gcc-riscv64-linux-gnu"
    "s390x-linux-gnu s390x gcc-s390x-linux-gnu"
    "powerpc-linux-gnu ppc gcc-powerpc-linux-gnu"
)
missing=()
for processor in "${processors[@]}"; do
    read -r gcc qemu package <<< "$processor"
    command -v "$gcc-gcc" > /dev/null || missing+=("$package")
    command -v "qemu-$qemu" > /dev/null || missing+=("qemu-user")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "missing: apt-get install $(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')" >&2
    exit 1
fi

# AVX files are for x86-64 alone; each guards itself by the architecture's macros.
sources=$(ls core/src/*.c core/host/*.c device/sim/*.c | grep -v -e _avx2 -e _avx512 -e _ssse3)
flags="-std=c99 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Wconversion -Werror"
# With names, only these: tests/cross/run.sh s390x ppc
for processor in "${processors[@]}"; do
    read -r gcc qemu package <<< "$processor"
    [ $# -eq 0 ] || [[ " $* " == *" $qemu "* ]] || continue
    defines=()
    files=$sources
    if [ "$qemu" = aarch64 ]; then
        defines=(-DSAPWOOD_HAVE_NEON=1)
    else
        files=$(echo "$sources" | grep -v _neon)
    fi
    echo "$qemu:"
    objects=()
    for file in $files tests/cross/decode_vectors.c core/tests/test_update.c core/tests/test_bytes.c core/tests/test_link.c \
        core/tests/test_scattered.c; do
        object="$work/$qemu-$(basename "$file" .c).o"
        # shellcheck disable=SC2086  a list of flags
        "$gcc-gcc" $flags "${defines[@]}" -Icore/include -Icore/src -Icore/host -Idevice/sim -c -o "$object" "$file"
        case $file in tests/cross/* | core/tests/*) ;; *) objects+=("$object") ;; esac
    done
    for program in decode_vectors test_update test_bytes test_link test_scattered; do
        "$gcc-gcc" -static -o "$work/$qemu-$program" "$work/$qemu-$program.o" "${objects[@]}" -lm
    done
    "qemu-$qemu" "$work/$qemu-decode_vectors" tests/golden < "$work/list"
    "qemu-$qemu" "$work/$qemu-test_update"
    "qemu-$qemu" "$work/$qemu-test_bytes"
    "qemu-$qemu" "$work/$qemu-test_link"
    "qemu-$qemu" "$work/$qemu-test_scattered"
done
