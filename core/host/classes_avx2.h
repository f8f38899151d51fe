/* Classes of base elements in AVX2. */
#ifndef SW_CLASSES_AVX2_H
#define SW_CLASSES_AVX2_H

#include <immintrin.h>

#include "numeric.h"

/* Packing works on halves of a register: the quarters come out as 0 2 1 3. */
static inline __m256i sw_pack_quarters(__m256i low, __m256i high) {
    return _mm256_permute4x64_epi64(_mm256_packus_epi16(low, high), 0xD8);
}

static inline __m256i sw_below16(const uint8_t *base, const sw_element_shape *shape, unsigned top) {
    const __m256i v = _mm256_loadu_si256((const void *)base);
    const __m256i field = _mm256_and_si256(_mm256_srl_epi16(v, _mm_cvtsi32_si128(shape->class_shift)),
                                           _mm256_set1_epi16((short)shape->class_mask));
    const __m256i below = _mm256_subs_epu16(_mm256_set1_epi16((short)top), field);
    return _mm256_min_epu16(below, _mm256_set1_epi16(15));
}

/* Classes of 32 elements of 16 bits: the field, counted down from the top, at most 15. */
static inline __m256i sw_classes16(const uint8_t *base, const sw_element_shape *shape, unsigned top) {
    return sw_pack_quarters(sw_below16(base, shape, top), sw_below16(base + 32, shape, top));
}

static inline __m256i sw_below32(const uint8_t *base, const sw_element_shape *shape, unsigned top) {
    const __m256i v = _mm256_loadu_si256((const void *)base);
    const __m256i field = _mm256_and_si256(_mm256_srl_epi32(v, _mm_cvtsi32_si128(shape->class_shift)),
                                           _mm256_set1_epi32(shape->class_mask));
    const __m256i below = _mm256_sub_epi32(_mm256_set1_epi32((int)top), field);
    return _mm256_min_epi32(_mm256_max_epi32(below, _mm256_setzero_si256()), _mm256_set1_epi32(15));
}

/* The same for 32 elements of 32 bits: two rounds of packing leave eighths as 0 2 4 6 1 3 5 7. */
static inline __m256i sw_classes32(const uint8_t *base, const sw_element_shape *shape, unsigned top) {
    const __m256i low = _mm256_packs_epi32(sw_below32(base, shape, top), sw_below32(base + 32, shape, top));
    const __m256i high = _mm256_packs_epi32(sw_below32(base + 64, shape, top), sw_below32(base + 96, shape, top));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
}

/* As many as can be made of count, 32 at once; returns how many. */
static inline size_t sw_classes_by_32(const uint8_t *base, size_t count, const sw_element_shape *shape, unsigned top,
                                      uint8_t *out) {
    size_t i = 0;
    if (shape->width == 2) {
        for (; i + 32 <= count; i += 32) {
            _mm256_storeu_si256((void *)(out + i), sw_classes16(base + 2 * i, shape, top));
        }
    } else if (shape->width == 4) {
        for (; i + 32 <= count; i += 32) {
            _mm256_storeu_si256((void *)(out + i), sw_classes32(base + 4 * i, shape, top));
        }
    }
    return i;
}

#endif
