/* What the decoder's AVX2 files share. */
#ifndef SW_NUMERIC_AVX2_H
#define SW_NUMERIC_AVX2_H

#include "numeric.h"

/* `unfold16` of sw_numeric_kernels. */
size_t sw_avx2_unfold16(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,
                        const uint8_t *base, size_t count, uint64_t *position, uint8_t *out);

#endif
