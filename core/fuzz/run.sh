#!/bin/sh
# Fuzz the C decoders under AddressSanitizer and UBSan with libFuzzer. Usage: core/fuzz/run.sh [SECONDS] [PYTHON]
# Run from the repository root. Finds are left in build/fuzz/, as crash-*.
set -e
seconds=${1:-30}
python=${2:-python3}
CC=${CC_FUZZ:-clang}

if ! printf 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n == 1; }' |
    "$CC" -xc - -fsanitize=fuzzer,address,undefined -o /dev/null 2>/dev/null; then
    echo "missing: clang with libFuzzer (Debian packages: clang libclang-rt-dev); the C decoders are not fuzzed" >&2
    exit 0
fi
cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER="$CC" -DSAPWOOD_FUZZ=ON -DSAPWOOD_SANITIZE=ON > build/fuzz.log ||
    { cat build/fuzz.log; exit 1; }
cmake --build build/fuzz
"$python" -m tests.fuzz.corpus build/fuzz/seeds
cd build/fuzz
for name in numeric adaptive device quantised scattered splice update encode link bytes; do
    mkdir -p "corpus/$name"
    "./fuzz_$name" -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        "corpus/$name" "seeds/$name"
done
