/* SCATTERED blocks: no sanitizer speaks, and every instruction set gives the same status and bytes. */
#include "input.h"
#include "scattered.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sw_status decode(const sw_numeric_kernels *kernels, const fuzz_input *in, uint8_t *out) {
    static sw_scattered_work work;
    return sw_scattered_decode_with(kernels, in->payload, in->payload_size, in->base, in->base_size, out, in->out_size,
                                    &work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    fuzz_agree(&in, decode);
    fuzz_free(&in);
    return 0;
}
