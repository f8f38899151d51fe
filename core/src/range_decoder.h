/* Adaptive binary range decoder: the block's side information (alphabet, tables, scales).
 *
 * A 32-bit range coder with carry (the arithmetic of LZMA's), 16-bit probabilities that adapt by
 * 1/16 of the error. SPEC, "Range coder". Reading past the end yields zeros and is counted, so a
 * truncated stream ends in an error and not in a wild read.
 */
#ifndef SW_RANGE_DECODER_H
#define SW_RANGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SW_MODEL_START = 1 << 15, SW_MODEL_RATE = 4, SW_INTEGER_MODELS = 128 };

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t range;
    uint32_t code;
    uint32_t overrun; /* bytes wanted after the end */
} sw_range_decoder;

void sw_range_start(sw_range_decoder *d, const uint8_t *data, size_t size);
/* True if the stream was consumed to its last byte and no further. */
bool sw_range_ended(const sw_range_decoder *d);
unsigned sw_range_bit(sw_range_decoder *d, uint16_t *model);
/* count <= 32 equiprobable bits, most significant first. */
uint32_t sw_range_direct(sw_range_decoder *d, unsigned count);
/* A value of `bits` bits by a binary tree of 1 << bits models (entry 0 unused). */
unsigned sw_range_tree(sw_range_decoder *d, uint16_t *models, unsigned bits);
/* A value below 2^63 by SW_INTEGER_MODELS models: its length first, then its bits (Elias gamma, modelled). */
uint64_t sw_range_integer(sw_range_decoder *d, uint16_t *models);
void sw_models_reset(uint16_t *models, size_t count);

#endif
