/* The byte coder with AVX2: a slot is one register. */
#if defined(__AVX2__)
#include <immintrin.h>

#include "byte_lanes.h"

#define SW_BYTE(name) sw_avx2_byte_##name
#define SW_BYTE_WALK SW_BYTE_WRITTEN_OUT
#define SW_BYTE_UNROLL SW_BYTE_UNROLLED

typedef __m256i sw_lanes;

#define LANES static inline __attribute__((always_inline)) sw_lanes

/* Weights and slots are aligned to 32; sums on the stack need not be. */
LANES sw_lanes_load(const void *from) {
    return _mm256_loadu_si256((const __m256i *)from);
}

static inline void sw_lanes_store(void *to, sw_lanes v) {
    _mm256_storeu_si256((__m256i *)to, v);
}

LANES sw_lanes_zero(void) {
    return _mm256_setzero_si256();
}

LANES sw_lanes_add(sw_lanes a, sw_lanes b) {
    return _mm256_adds_epi16(a, b);
}

LANES sw_lanes_multiply(sw_lanes a, sw_lanes b) {
    return _mm256_mulhrs_epi16(a, b);
}

LANES sw_lanes_fresh(uint16_t tag) {
    return _mm256_insert_epi16(_mm256_set1_epi16(INT16_MIN), (int16_t)tag, 0);
}

/* A float's exponent and the bits behind it are a logarithm of base 2, on a line between its whole values. */
LANES sw_lanes_stretch(sw_lanes slot) {
    const __m256i p =
        _mm256_or_si256(_mm256_and_si256(slot, _mm256_set1_epi16(~SW_BYTE_COUNT)), _mm256_set1_epi16(4));
    const __m256i likely = _mm256_srai_epi16(p, 15);
    const __m256i q = _mm256_xor_si256(p, likely);
    const __m256i even = _mm256_castps_si256(
        _mm256_cvtepi32_ps(_mm256_blend_epi16(q, _mm256_setzero_si256(), 0xAA)));
    const __m256i odd = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_srli_epi32(q, 16)));
    /* Ten bits of it, modulo 2^16, in the lane that they came from. */
    const __m256i logarithm = _mm256_blend_epi16(_mm256_srli_epi32(even, 13), _mm256_slli_epi32(odd, 3), 0xAA);
    const __m256i most = _mm256_set1_epi16((int16_t)(uint16_t)((16 << 10) + (127 << 10)));
    /* Minus the size; the other way round where p, as a signed number, is negative: at one half and above. */
    const __m256i less = _mm256_sub_epi16(_mm256_add_epi16(_mm256_srli_epi16(q, 5), logarithm), most);
    return _mm256_sign_epi16(less, p);
}

/* Sixteen knots of 16 bits by their upper and lower bytes. */
LANES knots(const uint8_t *upper, const uint8_t *lower, sw_lanes index) {
    const __m256i u = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)upper));
    const __m256i l = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)lower));
    return _mm256_or_si256(_mm256_shuffle_epi8(l, _mm256_or_si256(index, _mm256_set1_epi16((int16_t)0x8000))),
                           _mm256_shuffle_epi8(u, _mm256_or_si256(_mm256_slli_epi16(index, 8), _mm256_set1_epi16(0x80))));
}

LANES sw_lanes_unlikely(sw_lanes sum) {
    /* Without a sign, the size of -32768 is right too. */
    const __m256i d = _mm256_min_epu16(_mm256_abs_epi16(sum), _mm256_set1_epi16(4095));
    const __m256i index = _mm256_srli_epi16(d, 8);
    const __m256i knot = knots(sw_byte_knots[0], sw_byte_knots[1], index);
    const __m256i slope = knots(sw_byte_knots[2], sw_byte_knots[3], index);
    const __m256i down = _mm256_mulhi_epu16(slope, _mm256_slli_epi16(d, 8));
    return _mm256_max_epu16(_mm256_sub_epi16(knot, down), _mm256_set1_epi16(SW_BYTE_LEAST));
}

static inline uint32_t sw_lanes_negative(sw_lanes v) {
    const __m128i packed = _mm_packs_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (uint32_t)_mm_movemask_epi8(packed);
}

LANES sw_lanes_errors(sw_lanes sum, sw_lanes unlikely, sw_lanes path, sw_lanes bits) {
    const __m256i zero_foreseen = _mm256_srai_epi16(sum, 15);
    const __m256i ones = _mm256_set1_epi16(-1);
    const __m256i zeros = _mm256_xor_si256(bits, ones);
    const __m256i wrong = _mm256_xor_si256(zero_foreseen, zeros);
    const __m256i size = _mm256_mulhi_epu16(_mm256_xor_si256(unlikely, wrong), _mm256_set1_epi16(SW_BYTE_LEARNING));
    return _mm256_and_si256(_mm256_sub_epi16(_mm256_xor_si256(size, zeros), zeros), path);
}

LANES sw_lanes_train(sw_lanes slot, sw_lanes on_path, sw_lanes ones) {
    const __m256i counting = _mm256_set1_epi16(SW_BYTE_COUNT);
    const __m256i rates = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)sw_byte_rates));
    const __m256i count = _mm256_and_si256(slot, counting);
    /* What the upper bytes find is shifted out. */
    const __m256i rate = _mm256_and_si256(_mm256_slli_epi16(_mm256_shuffle_epi8(rates, count), 8), on_path);
    __m256i away = _mm256_andnot_si256(counting, _mm256_xor_si256(slot, ones));
    away = _mm256_sub_epi16(away, _mm256_mulhi_epu16(away, rate));
    away = _mm256_add_epi16(away, _mm256_and_si256(on_path, _mm256_set1_epi16(3)));
    const __m256i p = _mm256_andnot_si256(counting, _mm256_xor_si256(away, ones));
    /* Lanes off the path come out as they went in. */
    return _mm256_or_si256(p, _mm256_min_epi16(_mm256_sub_epi16(count, on_path), counting));
}

#include "byte_walk.h"

const sw_byte_kernels sw_avx2_byte_kernels = {"avx2", SW_BYTE(decode), SW_BYTE(encode), SW_BYTE(learn)};
#else
typedef int sw_no_byte_avx2; /* C99 wants something in every file */
#endif
