/* QUANTISED blocks: no sanitizer speaks, and every instruction set gives the same status and bytes. */
#include "cpu.h"
#include "input.h"
#include "quantised.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A base of the size the payload asks for, if it asks for one. */
static void give_base(fuzz_input *in) {
    size_t wanted;
    if (sw_quantised_read_base_size(in->payload, in->payload_size, in->out_size, &wanted) != SW_OK) {
        return;
    }
    free(in->base);
    in->base = fuzz_buffer(wanted);
    in->base_size = wanted;
    uint32_t state = (uint32_t)in->out_size;
    for (size_t i = 0; i < wanted; i++) {
        state = state * 1664525u + 1013904223u;
        in->base[i] = (uint8_t)(state >> 24);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const sets[] = {"avx512", "avx2", "neon"};
    static sw_quantised_work work;
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    give_base(&in);
    const sw_status status =
        sw_quantised_decode(in.payload, in.payload_size, in.base, in.base_size, in.out, in.out_size, &work);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const sw_numeric_kernels *kernels = sw_decode_kernels(sets[i]);
        if (kernels == NULL) {
            continue;
        }
        uint8_t *other = fuzz_buffer(in.out_size);
        if (sw_quantised_decode_with(kernels, in.payload, in.payload_size, in.base, in.base_size, other, in.out_size,
                                     &work) != status ||
            (status == SW_OK && memcmp(other, in.out, in.out_size) != 0)) {
            abort();
        }
        free(other);
    }
    fuzz_free(&in);
    return 0;
}
