/* QUANTISED blocks: no sanitizer speaks, and every instruction set gives the same status and bytes. */
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

static sw_status decode(const sw_numeric_kernels *kernels, const fuzz_input *in, uint8_t *out) {
    static sw_quantised_work work;
    /* Two components for rows of 256 elements, as the seeds of tests/fuzz/corpus.py have them. */
    static int32_t right[512];
    for (int i = 0; i < 512; i++) {
        right[i] = i % 7 - 3;
    }
    const sw_factors factors = {256, 2, 3, right, 512};
    return sw_quantised_decode_with(kernels, in->payload, in->payload_size, in->base, in->base_size, &factors, out,
                                    in->out_size, &work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    give_base(&in);
    fuzz_agree(&in, decode);
    fuzz_free(&in);
    return 0;
}
