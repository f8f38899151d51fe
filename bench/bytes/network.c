/* For the study of networks (network.py): the byte model's decisions one by one, and a GRU's step in 8-bit integers. */
#include <stdlib.h>
#include <string.h>

#include "byte_range.h"

static uint16_t *told; /* of each decision the probability of a 1, in 1/65536, and the bit */

static unsigned told_of(unsigned likely, uint32_t unlikely, unsigned bit) {
    *told++ = (uint16_t)(likely ? 65536 - unlikely : unlikely);
    *told++ = (uint16_t)bit;
    return bit;
}

/* The walk as it is, but for what it does with a decision; and no byte is settled by one: all are eight. */
#define SW_BYTE(name) told_##name
#include "byte_context.h"
#include "byte_lanes_portable.h"
#define sw_byte_code(range, mode, likely, unlikely, bit) told_of(likely, unlikely, bit)
#define sw_byte_surety(state, match, sure) NULL
#include "byte_walk.h"

/* By level 2. out: 16 numbers a byte. */
void decisions(const uint8_t *content, size_t size, uint16_t *out) {
    void *memory = aligned_alloc(64, (sw_byte_model_size(2) + 63) / 64 * 64);
    sw_byte_model_reset(memory, 2, 0);
    told = out;
    told_learn(memory, content, 0, size);
    free(memory);
}

/* Keeps the compiler from leaving the work out. */
static volatile int32_t kept;

/* `steps` bytes through layers of GRUs of `width` and an output of 256: products alone, as a bound from below. */
void gru_steps(const int8_t *weights, int8_t *state, size_t width, size_t layers, size_t steps) {
    for (size_t step = 0; step < steps; step++) {
        for (size_t layer = 0; layer < layers; layer++) {
            for (size_t row = 0; row < 3 * width; row++) {
                const int8_t *w = weights + (layer * 3 * width + row) * 2 * width;
                int32_t sum = 0;
                for (size_t i = 0; i < 2 * width; i++) {
                    sum += w[i] * state[i];
                }
                state[row % (2 * width)] = (int8_t)(sum >> 8);
            }
        }
        for (size_t row = 0; row < 256; row++) {
            const int8_t *w = weights + (layers * 3 * width * 2 + row) * width;
            int32_t sum = 0;
            for (size_t i = 0; i < width; i++) {
                sum += w[i] * state[i];
            }
            kept = sum;
        }
    }
}
