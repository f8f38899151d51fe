/* The rANS encoder's 32 lanes in AVX2. */
#if defined(__AVX2__) && defined(__BMI2__)
#include <immintrin.h>

#include "encode_avx2.h"
#include "rans_ahead.h"

/* For each set of spilled lanes: the lanes that go to the top of eight places, in order. */
static uint8_t spill_order[256][8];

__attribute__((constructor)) static void fill_spill_order(void) {
    for (unsigned set = 0; set < 256; set++) {
        unsigned place = 8;
        for (unsigned lane = 8; lane-- > 0;) {
            if (set >> lane & 1) {
                spill_order[set][--place] = (uint8_t)lane;
            }
        }
    }
}

/* Entries of the 32 elements from `at` on. */
static inline void look_up(uint32_t *entries, const sw_rans_input *in, __m128i tables, size_t at) {
    const uint32_t *packed = &in->packed[0][0];
    uint16_t numbers[32];
    for (unsigned k = 0; k < 32; k += 16) {
        const __m128i context = _mm_shuffle_epi8(tables, _mm_loadu_si128((const void *)(in->classes + at + k)));
        const __m128i symbols = _mm_loadu_si128((const void *)(in->symbols + at + k));
        _mm_storeu_si128((void *)(numbers + k), _mm_unpacklo_epi8(symbols, context));
        _mm_storeu_si128((void *)(numbers + k + 8), _mm_unpackhi_epi8(symbols, context));
    }
    for (unsigned k = 0; k < 32; k += 8) {
        sw_rans_load8(entries + k, packed, numbers + k);
    }
}

/* What all rounds share. */
typedef struct {
    __m128i bits; /* table_bits */
    __m128i top;  /* 32 - table_bits */
    __m256i total;
} constants;

/* Unsigned, to binary32: the halves become mantissas below 2^23 and 2^39, and two exact sums take these away again. */
static inline __m256 to_float(__m256i x) {
    const __m256i low = _mm256_blend_epi16(x, _mm256_set1_epi32(0x4B000000), 0xAA);
    const __m256i high = _mm256_blend_epi16(_mm256_srli_epi32(x, 16), _mm256_set1_epi32(0x53000000), 0xAA);
    const __m256 above = _mm256_sub_ps(_mm256_castsi256_ps(high), _mm256_set1_ps(549764202496.0f)); /* 2^39 + 2^23 */
    return _mm256_add_ps(above, _mm256_castsi256_ps(low));
}

/* Writes the words that lanes of x spill to below `at`, then makes the step. The quotient is a product with the
 * reciprocal, which does not wait for the state: it has 22 bits at most, as a state is below frequency << (32 - bits),
 * and three roundings of 24 bits leave it within one; the rest tells by which it is off. */
static inline __m256i step8(__m256i x, __m256i entry, const constants *c, uint8_t **at) {
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    const __m256i frequency = _mm256_and_si256(entry, low);
    const __m256 reciprocal = _mm256_div_ps(_mm256_set1_ps(1), _mm256_cvtepi32_ps(frequency));
    const __m256i other = _mm256_sub_epi32(c->total, frequency);
    const __m256i room = _mm256_cmpgt_epi32(frequency, _mm256_srl_epi32(x, c->top));
    const unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(room)) ^ 0xFF;
    /* The spilled words go to the top of 16 bytes, whose rest the next ones overwrite. */
    const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)spill_order[set]));
    const __m256i words = _mm256_permutevar8x32_epi32(_mm256_and_si256(x, low), order);
    _mm_storeu_si128((void *)(*at - 16),
                     _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    *at -= 2 * (unsigned)__builtin_popcount(set);

    const __m256i lower = _mm256_blendv_epi8(_mm256_srli_epi32(x, 16), x, room);
    const __m256i q = _mm256_cvttps_epi32(_mm256_mul_ps(to_float(lower), reciprocal));
    const __m256i rest = _mm256_sub_epi32(lower, _mm256_mullo_epi32(q, frequency));
    const __m256i next = _mm256_add_epi32(_mm256_add_epi32(_mm256_sll_epi32(q, c->bits), _mm256_srli_epi32(entry, 16)), rest);
    const __m256i too_small = _mm256_andnot_si256(_mm256_cmpgt_epi32(frequency, rest), other);
    const __m256i too_large = _mm256_and_si256(_mm256_srai_epi32(rest, 31), other);
    return _mm256_sub_epi32(_mm256_add_epi32(next, too_small), too_large);
}

uint8_t *sw_avx2_rans32(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *in,
                        const uint8_t table_of[SW_CLASSES], size_t first, size_t count) {
    const __m128i tables = _mm_loadu_si128((const void *)table_of);
    const constants c = {_mm_cvtsi32_si128((int)in->table_bits), _mm_cvtsi32_si128((int)(32 - in->table_bits)),
                         _mm256_set1_epi32(1 << in->table_bits)};
    uint32_t entries[SW_RANS_RING][32];
    __m256i x0 = _mm256_loadu_si256((const void *)states);
    __m256i x1 = _mm256_loadu_si256((const void *)(states + 8));
    __m256i x2 = _mm256_loadu_si256((const void *)(states + 16));
    __m256i x3 = _mm256_loadu_si256((const void *)(states + 24));
    const size_t rounds = count / 32;
    for (size_t r = rounds; r > 0 && r + SW_RANS_AHEAD > rounds; r--) {
        look_up(entries[(r - 1) % SW_RANS_RING], in, tables, first + 32 * (r - 1));
    }
    for (size_t r = rounds; r-- > 0;) {
        if (r >= SW_RANS_AHEAD) {
            look_up(entries[(r - SW_RANS_AHEAD) % SW_RANS_RING], in, tables, first + 32 * (r - SW_RANS_AHEAD));
        }
        const uint32_t *entry = entries[r % SW_RANS_RING];
        x3 = step8(x3, _mm256_loadu_si256((const void *)(entry + 24)), &c, &at);
        x2 = step8(x2, _mm256_loadu_si256((const void *)(entry + 16)), &c, &at);
        x1 = step8(x1, _mm256_loadu_si256((const void *)(entry + 8)), &c, &at);
        x0 = step8(x0, _mm256_loadu_si256((const void *)entry), &c, &at);
    }
    _mm256_storeu_si256((void *)states, x0);
    _mm256_storeu_si256((void *)(states + 8), x1);
    _mm256_storeu_si256((void *)(states + 16), x2);
    _mm256_storeu_si256((void *)(states + 24), x3);
    return at;
}
#else
typedef int sw_no_encode_rans_avx2; /* C99 wants something in every file */
#endif
