/* The rANS encoder's 32 lanes in AVX-512. */
#ifdef __AVX512VBMI2__
#include <immintrin.h>

#include "encode_avx512.h"
#include "rans_ahead.h"

/* Entries of the 32 elements from `at` on. */
static inline void look_up(uint32_t *entries, const sw_rans_input *in, __m256i tables, size_t at) {
    const uint32_t *packed = &in->packed[0][0];
    const __m256i context = _mm256_shuffle_epi8(tables, _mm256_loadu_si256((const void *)(in->classes + at)));
    const __m256i symbols = _mm256_loadu_si256((const void *)(in->symbols + at));
    uint16_t numbers[32];
    _mm512_storeu_si512(numbers, _mm512_or_si512(_mm512_slli_epi16(_mm512_cvtepu8_epi16(context), 8),
                                                 _mm512_cvtepu8_epi16(symbols)));
    for (unsigned k = 0; k < 32; k += 8) {
        sw_rans_load8(entries + k, packed, numbers + k);
    }
}

/* A step by the reciprocal in binary32, rounded to nearest. A state is below frequency << (32 - bits), so a quotient
 * has 22 bits at most; three roundings of 24 bits leave it within one, and the rest tells by which it is off. */
static inline __m512i encode_step(__m512i x, __m512i entry, __m128i bits, __m512i total) {
    const __m512i frequency = _mm512_and_si512(entry, _mm512_set1_epi32(0xFFFF));
    const __m512i first = _mm512_srli_epi32(entry, 16);
    const __m512 divisor = _mm512_cvtepi32_ps(frequency);
    const __m512 near = _mm512_rcp14_ps(divisor);
    const __m512 reciprocal = _mm512_fmadd_ps(near, _mm512_fnmadd_ps(divisor, near, _mm512_set1_ps(1)), near);
    const __m512i q = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_cvtepu32_ps(x), reciprocal));
    const __m512i rest = _mm512_sub_epi32(x, _mm512_mullo_epi32(q, frequency));
    const __m512i next = _mm512_add_epi32(_mm512_add_epi32(_mm512_sll_epi32(q, bits), first), rest);
    const __m512i other = _mm512_sub_epi32(total, frequency);
    const __mmask16 too_small = _mm512_cmpge_epi32_mask(rest, frequency);
    const __mmask16 too_large = _mm512_movepi32_mask(rest);
    return _mm512_mask_sub_epi32(_mm512_mask_add_epi32(next, too_small, next, other), too_large, next, other);
}

uint8_t *sw_avx512_rans32(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *in,
                          const uint8_t table_of[SW_CLASSES], size_t first, size_t count) {
    const __m256i tables = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table_of));
    const __m128i bits = _mm_cvtsi32_si128((int)in->table_bits);
    const __m128i top = _mm_cvtsi32_si128((int)(32 - in->table_bits));
    const __m512i total = _mm512_set1_epi32(1 << in->table_bits);
    const __m512i low = _mm512_set1_epi32(0xFFFF);
    __m512i lane;
    {
        uint16_t number[32];
        for (unsigned i = 0; i < 32; i++) {
            number[i] = (uint16_t)i;
        }
        lane = _mm512_loadu_si512(number);
    }
    uint32_t entries[SW_RANS_RING][32];
    __m512i x0 = _mm512_loadu_si512(states);
    __m512i x1 = _mm512_loadu_si512(states + 16);
    const size_t rounds = count / 32;
    for (size_t r = rounds; r > 0 && r + SW_RANS_AHEAD > rounds; r--) {
        look_up(entries[(r - 1) % SW_RANS_RING], in, tables, first + 32 * (r - 1));
    }
    for (size_t r = rounds; r-- > 0;) {
        if (r >= SW_RANS_AHEAD) {
            look_up(entries[(r - SW_RANS_AHEAD) % SW_RANS_RING], in, tables, first + 32 * (r - SW_RANS_AHEAD));
        }
        const __m512i entry0 = _mm512_loadu_si512(entries[r % SW_RANS_RING]);
        const __m512i entry1 = _mm512_loadu_si512(entries[r % SW_RANS_RING] + 16);
        const __mmask16 spill0 = _mm512_cmpge_epu32_mask(_mm512_srl_epi32(x0, top), _mm512_and_si512(entry0, low));
        const __mmask16 spill1 = _mm512_cmpge_epu32_mask(_mm512_srl_epi32(x1, top), _mm512_and_si512(entry1, low));
        const __mmask32 spill = _mm512_kunpackw(spill1, spill0);
        const __m512i words = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(x0)), _mm512_cvtepi32_epi16(x1), 1);
        /* The spilled words go to the top of 64 bytes, whose rest the next ones overwrite. */
        const int spilled = __builtin_popcount(spill);
        const __m512i order = _mm512_add_epi16(lane, _mm512_set1_epi16((short)spilled));
        _mm512_storeu_si512(at - 64, _mm512_permutexvar_epi16(order, _mm512_maskz_compress_epi16(spill, words)));
        at -= 2 * spilled;
        x0 = encode_step(_mm512_mask_srli_epi32(x0, spill0, x0, 16), entry0, bits, total);
        x1 = encode_step(_mm512_mask_srli_epi32(x1, spill1, x1, 16), entry1, bits, total);
    }
    _mm512_storeu_si512(states, x0);
    _mm512_storeu_si512(states + 16, x1);
    return at;
}
#else
typedef int sw_no_encode_rans_avx512; /* C99 wants something in every file */
#endif
