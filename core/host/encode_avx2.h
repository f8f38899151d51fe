/* What the encoder's AVX2 files share. */
#ifndef SW_ENCODE_AVX2_H
#define SW_ENCODE_AVX2_H

#include "numeric_encode.h"

/* `spell16` of sw_encode_kernels. */
uint64_t sw_avx2_spell16(const uint8_t *base, const uint8_t *target, size_t count, const sw_exact_values *exact,
                         uint8_t *symbols, sw_bit_writer *raw, unsigned *largest);

/* `rans32` of sw_encode_kernels. */
uint8_t *sw_avx2_rans32(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *input,
                        const uint8_t table_of[SW_CLASSES], size_t first, size_t count);

#endif
