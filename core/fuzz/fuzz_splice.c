/* Modelled splices: no sanitizer speaks, reads stay in the base, and what is accepted can be played. */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_base(void *context, uint64_t offset, uint8_t *out, size_t size) {
    const fuzz_input *in = context;
    if (offset > in->base_size || size > in->base_size - offset) {
        abort();
    }
    memcpy(out, in->base + offset, size);
    return true;
}

/* A varint of at most three bytes, as far as there are bytes. */
static size_t take(const fuzz_input *in, size_t *at) {
    size_t value = 0;
    for (unsigned shift = 0; shift < 21 && *at < in->payload_size; shift += 7) {
        const uint8_t byte = in->payload[(*at)++];
        value |= (size_t)(byte & 127) << shift;
        if (byte < 128) {
            break;
        }
    }
    return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sw_splice_work work;
    fuzz_input in;
    if (!fuzz_read(data, size, &in)) {
        return 0;
    }
    size_t at = 0;
    const size_t run_count = take(&in, &at) % (SW_SPLICE_MOST_RUNS + 2);
    const size_t count = take(&in, &at) % (SW_SPLICE_MOST_LITERALS + 2);
    sw_splice_run *runs = (sw_splice_run *)(void *)fuzz_buffer(run_count * sizeof *runs);
    uint8_t *literals = fuzz_buffer(count);
    uint32_t *slots = (uint32_t *)(void *)fuzz_buffer(sw_splice_slots_size(count, run_count));
    const sw_splice_base base = {&in, in.base_size, read_base};
    memset(&work, 0xA5, sizeof work);
    const sw_status status = sw_splice_decode(in.payload + at, in.payload_size - at, in.out_size, &base, runs,
                                              run_count, literals, count, slots, &work);
    uint64_t made = count;
    uint64_t given = 0;
    for (size_t i = 0; i < run_count && status == SW_OK; i++) {
        if (runs[i].length == 0 || runs[i].offset > in.base_size
            || runs[i].length > in.base_size - runs[i].offset) {
            abort();
        }
        made += runs[i].length;
        given += runs[i].literals;
    }
    if (status == SW_OK && (made != in.out_size || given > count)) {
        abort();
    }
    free(runs);
    free(literals);
    free(slots);
    fuzz_free(&in);
    return 0;
}
