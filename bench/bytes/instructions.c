/* The byte coder for AArch64 without a system, to be run and counted by instructions.py. */
#include "byte_model.h"

extern const sw_byte_kernels sw_neon_byte_kernels;

/* Compilers call these for copies, also where no library is. */
void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
    return to;
}

void *memset(void *to, int value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = (uint8_t)value;
    }
    return to;
}

void run_learn(void *model, unsigned level, unsigned record, const uint8_t *window, size_t to);
size_t run_encode(void *model, const uint8_t *window, size_t from, size_t to, uint8_t *out, size_t capacity);
sw_status run_decode(void *model, uint8_t *window, size_t from, size_t to, const uint8_t *payload, size_t size);

void run_learn(void *model, unsigned level, unsigned record, const uint8_t *window, size_t to) {
    sw_byte_model_reset(model, level, record);
    sw_neon_byte_kernels.learn(model, window, 0, to);
}

size_t run_encode(void *model, const uint8_t *window, size_t from, size_t to, uint8_t *out, size_t capacity) {
    return sw_neon_byte_kernels.encode(model, window, from, to, out, capacity);
}

sw_status run_decode(void *model, uint8_t *window, size_t from, size_t to, const uint8_t *payload, size_t size) {
    return sw_neon_byte_kernels.decode(model, window, from, to, payload, size);
}
