/* Classes of base elements in AVX-512. */
#ifndef SW_CLASSES_AVX512_H
#define SW_CLASSES_AVX512_H

#include <immintrin.h>

#include "numeric.h"

/* Classes of 32 elements of 16 bits: the field, counted down from the top, at most 15. */
static inline __m256i sw_classes16(const uint8_t *base, const sw_element_shape *shape, unsigned top) {
    const __m512i v = _mm512_loadu_si512(base);
    const __m512i field = _mm512_and_si512(_mm512_srl_epi16(v, _mm_cvtsi32_si128(shape->class_shift)),
                                           _mm512_set1_epi16((short)shape->class_mask));
    const __m512i below = _mm512_subs_epu16(_mm512_set1_epi16((short)top), field);
    return _mm512_cvtepi16_epi8(_mm512_min_epu16(below, _mm512_set1_epi16(15)));
}

/* The same for 16 elements of 32 bits. */
static inline __m128i sw_classes32(const uint8_t *base, const sw_element_shape *shape, unsigned top) {
    const __m512i v = _mm512_loadu_si512(base);
    const __m512i field = _mm512_and_si512(_mm512_srl_epi32(v, _mm_cvtsi32_si128(shape->class_shift)),
                                           _mm512_set1_epi32(shape->class_mask));
    const __m512i below = _mm512_sub_epi32(_mm512_set1_epi32((int)top), field);
    return _mm512_cvtepi32_epi8(
        _mm512_min_epi32(_mm512_max_epi32(below, _mm512_setzero_si512()), _mm512_set1_epi32(15)));
}

#endif
