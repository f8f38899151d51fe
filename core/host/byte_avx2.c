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

/* Ten bits of the logarithm of base 2, on a line between its whole values: an exponent and the bits behind it. */
LANES logarithm(sw_lanes half) {
    const __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(half));
    return _mm256_sub_epi32(_mm256_srli_epi32(bits, 13), _mm256_set1_epi32(127 << 10));
}

LANES sw_lanes_stretch(sw_lanes slot) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i p =
        _mm256_or_si256(_mm256_and_si256(slot, _mm256_set1_epi16(~SW_BYTE_COUNT)), _mm256_set1_epi16(4));
    const __m256i likely = _mm256_srai_epi16(p, 15);
    const __m256i q = _mm256_xor_si256(p, likely);
    const __m256i logarithms =
        _mm256_packs_epi32(logarithm(_mm256_unpacklo_epi16(q, zero)), logarithm(_mm256_unpackhi_epi16(q, zero)));
    const __m256i size =
        _mm256_sub_epi16(_mm256_sub_epi16(_mm256_set1_epi16(16 << 10), _mm256_srli_epi16(q, 5)), logarithms);
    /* Minus the size where p is below one half. */
    const __m256i unlikely = _mm256_xor_si256(likely, _mm256_set1_epi16(-1));
    return _mm256_sub_epi16(_mm256_xor_si256(size, unlikely), unlikely);
}

LANES sw_lanes_errors(uint64_t errors, const uint16_t *path) {
    const __m256i by_depth = _mm256_setr_epi8(-128, -128, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 4, 5, 4, 5, /* lanes 0 to 7 */
                                              6, 7, 6, 7, 6, 7, 6, 7, 6, 7, 6, 7, 6, 7, 6, 7);
    const __m256i all = _mm256_set1_epi64x((long long)errors);
    return _mm256_and_si256(_mm256_shuffle_epi8(all, by_depth), sw_lanes_load(path));
}

LANES sw_lanes_train(sw_lanes slot, const uint16_t *path, const uint16_t *bits) {
    const __m256i on_path = sw_lanes_load(path);
    const __m256i ones = sw_lanes_load(bits);
    const __m256i counting = _mm256_set1_epi16(SW_BYTE_COUNT);
    const __m256i rates = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)sw_byte_rates));
    const __m256i count = _mm256_and_si256(slot, counting);
    const __m256i index = _mm256_or_si256(_mm256_slli_epi16(count, 8), _mm256_set1_epi16(0x80));
    const __m256i rate = _mm256_and_si256(_mm256_shuffle_epi8(rates, index), on_path);
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
