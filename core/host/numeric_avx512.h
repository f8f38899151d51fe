/* What the decoder's AVX-512 files share. */
#ifndef SW_NUMERIC_AVX512_H
#define SW_NUMERIC_AVX512_H

#include <immintrin.h>

#include "numeric.h"

/* `unfold16` of sw_numeric_kernels. */
size_t sw_avx512_unfold16(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,
                          const uint8_t *base, size_t count, uint64_t *position, uint8_t *out);

/* 256 bytes of table in four registers. */
typedef struct {
    __m512i part[4];
} sw_table256;

static inline sw_table256 sw_load256(const uint8_t *table) {
    const sw_table256 t = {{_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64), _mm512_loadu_si512(table + 128),
                            _mm512_loadu_si512(table + 192)}};
    return t;
}

/* high: which of the symbols are 128 and above. */
static inline __m512i sw_look_up256(const sw_table256 *t, __m512i symbols, __mmask64 high) {
    const __m512i low = _mm512_permutex2var_epi8(t->part[0], symbols, t->part[1]);
    if (high == 0) {
        return low;
    }
    return _mm512_mask_mov_epi8(low, high, _mm512_permutex2var_epi8(t->part[2], symbols, t->part[3]));
}

#endif
