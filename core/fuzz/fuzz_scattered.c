/* SCATTERED blocks: no sanitizer speaks, and every instruction set gives the same status and bytes. */
#include "cpu.h"
#include "input.h"
#include "scattered.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const sets[] = {"avx512", "avx2", "neon"};
    static sw_scattered_work work;
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    const sw_status status =
        sw_scattered_decode(in.payload, in.payload_size, in.base, in.base_size, in.out, in.out_size, &work);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const sw_numeric_kernels *kernels = sw_decode_kernels(sets[i]);
        if (kernels == NULL) {
            continue;
        }
        uint8_t *other = fuzz_buffer(in.out_size);
        if (sw_scattered_decode_with(kernels, in.payload, in.payload_size, in.base, in.base_size, other, in.out_size,
                                     &work) != status ||
            (status == SW_OK && memcmp(other, in.out, in.out_size) != 0)) {
            abort();
        }
        free(other);
    }
    fuzz_free(&in);
    return 0;
}
