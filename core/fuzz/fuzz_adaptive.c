/* ADAPTIVE blocks: no sanitizer speaks, and decoding in place gives the same as beside the base. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_adaptive_work work;
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    memset(&work, 0xA5, sizeof work);
    const sw_status status =
        sw_adaptive_decode(in.payload, in.payload_size, in.base, in.base_size, in.out, in.out_size, &work);
    if (in.base != NULL && in.base_size >= in.out_size) {
        const sw_status again = sw_adaptive_decode(in.payload, in.payload_size, in.base, in.base_size, in.base,
                                                   in.out_size, &work);
        if (again != status || (status == SW_OK && memcmp(in.base, in.out, in.out_size) != 0)) {
            abort();
        }
    }
    fuzz_free(&in);
    return 0;
}
