/* The byte coder with SSSE3: a slot is two registers. */
#if defined(__SSSE3__)
#include <tmmintrin.h>

#include "byte_lanes.h"

#define SW_BYTE(name) sw_ssse3_byte_##name
#define SW_BYTE_WALK SW_BYTE_WRITTEN_OUT
#define SW_BYTE_UNROLL SW_BYTE_UNROLLED

typedef struct {
    __m128i low;
    __m128i high;
} sw_lanes;

#define LANES static inline __attribute__((always_inline)) sw_lanes
#define HALF static inline __attribute__((always_inline)) __m128i

LANES sw_lanes_load(const void *from) {
    const __m128i *at = from;
    return (sw_lanes){_mm_loadu_si128(at), _mm_loadu_si128(at + 1)};
}

static inline void sw_lanes_store(void *to, sw_lanes v) {
    __m128i *at = to;
    _mm_storeu_si128(at, v.low);
    _mm_storeu_si128(at + 1, v.high);
}

LANES sw_lanes_zero(void) {
    return (sw_lanes){_mm_setzero_si128(), _mm_setzero_si128()};
}

LANES sw_lanes_add(sw_lanes a, sw_lanes b) {
    return (sw_lanes){_mm_adds_epi16(a.low, b.low), _mm_adds_epi16(a.high, b.high)};
}

LANES sw_lanes_multiply(sw_lanes a, sw_lanes b) {
    return (sw_lanes){_mm_mulhrs_epi16(a.low, b.low), _mm_mulhrs_epi16(a.high, b.high)};
}

/* Ten bits of the logarithm of base 2, on a line between its whole values: an exponent and the bits behind it. */
HALF logarithm(__m128i quarter) {
    const __m128i bits = _mm_castps_si128(_mm_cvtepi32_ps(quarter));
    return _mm_sub_epi32(_mm_srli_epi32(bits, 13), _mm_set1_epi32(127 << 10));
}

HALF stretch_half(__m128i slot) {
    const __m128i zero = _mm_setzero_si128();
    const __m128i p = _mm_or_si128(_mm_and_si128(slot, _mm_set1_epi16(~SW_BYTE_COUNT)), _mm_set1_epi16(4));
    const __m128i likely = _mm_srai_epi16(p, 15);
    const __m128i q = _mm_xor_si128(p, likely);
    const __m128i logarithms =
        _mm_packs_epi32(logarithm(_mm_unpacklo_epi16(q, zero)), logarithm(_mm_unpackhi_epi16(q, zero)));
    const __m128i size = _mm_sub_epi16(_mm_sub_epi16(_mm_set1_epi16(16 << 10), _mm_srli_epi16(q, 5)), logarithms);
    const __m128i unlikely = _mm_xor_si128(likely, _mm_set1_epi16(-1));
    return _mm_sub_epi16(_mm_xor_si128(size, unlikely), unlikely);
}

LANES sw_lanes_stretch(sw_lanes slot) {
    return (sw_lanes){stretch_half(slot.low), stretch_half(slot.high)};
}

LANES sw_lanes_fresh(uint16_t tag) {
    const __m128i even = _mm_set1_epi16(INT16_MIN);
    return (sw_lanes){_mm_insert_epi16(even, (int16_t)tag, 0), even};
}

/* Sixteen knots of 16 bits by their upper and lower bytes. */
HALF knots(const uint8_t *upper, const uint8_t *lower, __m128i index) {
    const __m128i u = _mm_loadu_si128((const __m128i *)upper);
    const __m128i l = _mm_loadu_si128((const __m128i *)lower);
    return _mm_or_si128(_mm_shuffle_epi8(l, _mm_or_si128(index, _mm_set1_epi16(INT16_MIN))),
                        _mm_shuffle_epi8(u, _mm_or_si128(_mm_slli_epi16(index, 8), _mm_set1_epi16(0x80))));
}

HALF unlikely_half(__m128i sum) {
    const __m128i d =
        _mm_min_epi16(_mm_abs_epi16(_mm_max_epi16(sum, _mm_set1_epi16(-4095))), _mm_set1_epi16(4095));
    const __m128i index = _mm_srli_epi16(d, 8);
    const __m128i knot = knots(sw_byte_knots[0], sw_byte_knots[1], index);
    const __m128i slope = knots(sw_byte_knots[2], sw_byte_knots[3], index);
    const __m128i p = _mm_sub_epi16(knot, _mm_mulhi_epu16(slope, _mm_slli_epi16(d, 8)));
    /* The unsigned maximum, by a saturating difference. */
    const __m128i least = _mm_set1_epi16(SW_BYTE_LEAST);
    return _mm_add_epi16(_mm_subs_epu16(p, least), least);
}

LANES sw_lanes_unlikely(sw_lanes sum) {
    return (sw_lanes){unlikely_half(sum.low), unlikely_half(sum.high)};
}

static inline uint32_t sw_lanes_negative(sw_lanes v) {
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(v.low, v.high));
}

HALF errors_half(__m128i sum, __m128i unlikely, __m128i path, __m128i bits) {
    const __m128i zeros = _mm_xor_si128(bits, _mm_set1_epi16(-1));
    const __m128i wrong = _mm_xor_si128(_mm_srai_epi16(sum, 15), zeros);
    const __m128i size = _mm_mulhi_epu16(_mm_xor_si128(unlikely, wrong), _mm_set1_epi16(SW_BYTE_LEARNING));
    return _mm_and_si128(_mm_sub_epi16(_mm_xor_si128(size, zeros), zeros), path);
}

LANES sw_lanes_errors(sw_lanes sum, sw_lanes unlikely, sw_lanes path, sw_lanes bits) {
    return (sw_lanes){errors_half(sum.low, unlikely.low, path.low, bits.low),
                      errors_half(sum.high, unlikely.high, path.high, bits.high)};
}

HALF train_half(__m128i slot, __m128i on_path, __m128i ones) {
    const __m128i counting = _mm_set1_epi16(SW_BYTE_COUNT);
    const __m128i rates = _mm_loadu_si128((const __m128i *)sw_byte_rates);
    const __m128i count = _mm_and_si128(slot, counting);
    const __m128i index = _mm_or_si128(_mm_slli_epi16(count, 8), _mm_set1_epi16(0x80));
    const __m128i rate = _mm_and_si128(_mm_shuffle_epi8(rates, index), on_path);
    __m128i away = _mm_andnot_si128(counting, _mm_xor_si128(slot, ones));
    away = _mm_sub_epi16(away, _mm_mulhi_epu16(away, rate));
    away = _mm_add_epi16(away, _mm_and_si128(on_path, _mm_set1_epi16(3)));
    const __m128i p = _mm_andnot_si128(counting, _mm_xor_si128(away, ones));
    return _mm_or_si128(p, _mm_min_epi16(_mm_sub_epi16(count, on_path), counting));
}

LANES sw_lanes_train(sw_lanes slot, sw_lanes on_path, sw_lanes ones) {
    return (sw_lanes){train_half(slot.low, on_path.low, ones.low), train_half(slot.high, on_path.high, ones.high)};
}

#include "byte_walk.h"

const sw_byte_kernels sw_ssse3_byte_kernels = {"ssse3", SW_BYTE(decode), SW_BYTE(encode), SW_BYTE(learn)};
#else
typedef int sw_no_byte_ssse3; /* C99 wants something in every file */
#endif
