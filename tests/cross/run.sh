#!/usr/bin/env bash
# Golden blocks decoded on other processors, under QEMU: 64-bit Arm (NEON) and big-endian s390x.
# Needs, from Debian: qemu-user gcc-aarch64-linux-gnu gcc-s390x-linux-gnu. What is missing is named and fails.
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
    if modelled or case["codec"] in ("NUMERIC", "ADAPTIVE", "PREDICTED", "QUANTISED", "DEVICE"):
        offset, length = case["span"] or (0, case["length"])
        base = case["base"] if case["span"] or case["codec"] in ("DEVICE", "SPLICE") else "-"
        factors = case.get("factors", "-")
        print(case["codec"], case["payload"], base, offset, case["length"], case["target"], factors)
PY

missing=()
for arch in aarch64 s390x; do
    command -v "$arch-linux-gnu-gcc" > /dev/null || missing+=("gcc-$arch-linux-gnu")
    command -v "qemu-$arch" > /dev/null || missing+=("qemu-user")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "missing: apt-get install ${missing[*]}" >&2
    exit 1
fi

# AVX files are for x86-64 alone; each guards itself by the architecture's macros.
sources=$(ls core/src/*.c core/host/*.c | grep -v -e _avx2 -e _avx512)
for arch in aarch64 s390x; do
    defines=()
    files=$sources
    if [ "$arch" = aarch64 ]; then
        defines=(-DSAPWOOD_HAVE_NEON=1)
    else
        files=$(echo "$sources" | grep -v _neon)
    fi
    # shellcheck disable=SC2086  a list of files
    "$arch-linux-gnu-gcc" -std=c99 -D_POSIX_C_SOURCE=200809L -O2 -static -Wall -Wextra -Wconversion -Werror "${defines[@]}" \
        -Icore/include -Icore/src -Icore/host -o "$work/$arch" $files tests/cross/decode_vectors.c -lm
    echo "$arch:"
    "qemu-$arch" "$work/$arch" tests/golden < "$work/list"
done
