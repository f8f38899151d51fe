/* Eight table entries by eight indices, for the AVX2 and AVX-512 paths. */
#ifndef SW_LOOK_UP8_H
#define SW_LOOK_UP8_H

#include <immintrin.h>
#include <stdint.h>

#ifdef __clang__
/* Clang makes a detour of the loads below; its gather is the quicker one. */
static inline __m256i sw_look_up8(const uint32_t *table, __m256i at) {
    return _mm256_i32gather_epi32((const int *)(const void *)table, at, 4);
}
#else
static inline __m128i sw_look_up4(const uint32_t *table, __m128i at) {
    const uint64_t low = (uint64_t)_mm_cvtsi128_si64(at);
    const uint64_t high = (uint64_t)_mm_extract_epi64(at, 1);
    const __m128i a = _mm_insert_epi32(_mm_cvtsi32_si128((int)table[(uint32_t)low]), (int)table[low >> 32], 1);
    const __m128i b = _mm_insert_epi32(_mm_cvtsi32_si128((int)table[(uint32_t)high]), (int)table[high >> 32], 1);
    return _mm_unpacklo_epi64(a, b);
}

/* Eight loads, not a gather: microcode, and the cure for Downfall, make gathers slower than this. */
static inline __m256i sw_look_up8(const uint32_t *table, __m256i at) {
    const __m128i low = sw_look_up4(table, _mm256_castsi256_si128(at));
    const __m128i high = sw_look_up4(table, _mm256_extracti128_si256(at, 1));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
#endif

#endif
