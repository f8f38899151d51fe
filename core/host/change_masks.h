/* Which of 64 elements differ, as bits. Include for AVX2 or AVX-512; `changes` is compiled once for each. */
#include <immintrin.h>

#include "bytes.h"

#if defined(__AVX512BW__)
static inline uint64_t sw_differs1(const uint8_t *a, const uint8_t *b) {
    return _mm512_cmpneq_epi8_mask(_mm512_loadu_si512((const void *)a), _mm512_loadu_si512((const void *)b));
}

static inline uint64_t sw_differs2(const uint8_t *a, const uint8_t *b) {
    const uint64_t low = _mm512_cmpneq_epi16_mask(_mm512_loadu_si512((const void *)a), _mm512_loadu_si512((const void *)b));
    const uint64_t high =
        _mm512_cmpneq_epi16_mask(_mm512_loadu_si512((const void *)(a + 64)), _mm512_loadu_si512((const void *)(b + 64)));
    return high << 32 | low;
}

static inline uint64_t sw_differs4(const uint8_t *a, const uint8_t *b) {
    uint64_t mask = 0;
    for (unsigned k = 0; k < 4; k++) {
        const __m512i x = _mm512_loadu_si512((const void *)(a + 64 * k));
        mask |= (uint64_t)_mm512_cmpneq_epi32_mask(x, _mm512_loadu_si512((const void *)(b + 64 * k))) << 16 * k;
    }
    return mask;
}

static inline uint64_t sw_differs8(const uint8_t *a, const uint8_t *b) {
    uint64_t mask = 0;
    for (unsigned k = 0; k < 8; k++) {
        const __m512i x = _mm512_loadu_si512((const void *)(a + 64 * k));
        mask |= (uint64_t)_mm512_cmpneq_epi64_mask(x, _mm512_loadu_si512((const void *)(b + 64 * k))) << 8 * k;
    }
    return mask;
}
#else
static inline __m256i sw_load_part(const uint8_t *from, unsigned part) {
    return _mm256_loadu_si256((const void *)(from + 32 * part));
}

static inline uint64_t sw_differs1(const uint8_t *a, const uint8_t *b) {
    uint64_t same = 0;
    for (unsigned k = 0; k < 2; k++) {
        const __m256i equal = _mm256_cmpeq_epi8(sw_load_part(a, k), sw_load_part(b, k));
        same |= (uint64_t)(uint32_t)_mm256_movemask_epi8(equal) << 32 * k;
    }
    return ~same;
}

/* Packing works on halves of a register: the quarters come out as 0 2 1 3. */
static inline uint64_t sw_differs2(const uint8_t *a, const uint8_t *b) {
    uint64_t same = 0;
    for (unsigned k = 0; k < 4; k += 2) {
        const __m256i low = _mm256_cmpeq_epi16(sw_load_part(a, k), sw_load_part(b, k));
        const __m256i high = _mm256_cmpeq_epi16(sw_load_part(a, k + 1), sw_load_part(b, k + 1));
        const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xD8);
        same |= (uint64_t)(uint32_t)_mm256_movemask_epi8(bytes) << 16 * k;
    }
    return ~same;
}

static inline uint64_t sw_differs4(const uint8_t *a, const uint8_t *b) {
    uint64_t same = 0;
    for (unsigned k = 0; k < 8; k++) {
        const __m256i equal = _mm256_cmpeq_epi32(sw_load_part(a, k), sw_load_part(b, k));
        same |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal)) << 8 * k;
    }
    return ~same;
}

static inline uint64_t sw_differs8(const uint8_t *a, const uint8_t *b) {
    uint64_t same = 0;
    for (unsigned k = 0; k < 16; k++) {
        const __m256i equal = _mm256_cmpeq_epi64(sw_load_part(a, k), sw_load_part(b, k));
        same |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(equal)) << 4 * k;
    }
    return ~same;
}
#endif

#define SW_CHANGES_OF(WIDTH)                                                                                   \
    static size_t changes##WIDTH(const uint8_t *base, const uint8_t *target, size_t count, uint64_t *changed) { \
        size_t found = 0;                                                                                      \
        for (size_t at = 0; at < count; at += 64) {                                                            \
            const uint64_t mask = sw_differs##WIDTH(base + at * WIDTH, target + at * WIDTH);                   \
            changed[at / 64] = mask;                                                                           \
            found += (size_t)__builtin_popcountll(mask);                                                       \
        }                                                                                                      \
        return found;                                                                                          \
    }

SW_CHANGES_OF(1)
SW_CHANGES_OF(2)
SW_CHANGES_OF(4)
SW_CHANGES_OF(8)

static size_t changes(const uint8_t *base, const uint8_t *target, size_t count, unsigned width, uint64_t *changed) {
    switch (width) {
    case 1:
        return changes1(base, target, count, changed);
    case 2:
        return changes2(base, target, count, changed);
    case 4:
        return changes4(base, target, count, changed);
    default:
        return changes8(base, target, count, changed);
    }
}
