/* What the encoder's AVX2 files share. */
#ifndef SW_ENCODE_AVX2_H
#define SW_ENCODE_AVX2_H

#include "numeric_encode.h"

/* `spell16` of sw_encode_kernels. */
uint64_t sw_avx2_spell16(const uint8_t *base, const uint8_t *target, size_t count, const sw_exact_values *exact,
                         uint8_t *symbols, sw_bit_writer *raw, unsigned *largest);

#endif
