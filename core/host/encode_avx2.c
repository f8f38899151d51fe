/* The encoder's loops in AVX2. */
#if defined(__AVX2__) && defined(__BMI2__)
#include "classes_avx2.h"
#include "encode_avx2.h"

#define SW_KERNEL(name) avx2_##name
#include "encode_kernels.h"
#include "class_masks.h"
#include "change_masks.h"

static unsigned largest8(__m256i v) {
    uint32_t lanes[8];
    _mm256_storeu_si256((void *)lanes, v);
    unsigned most = 0;
    for (unsigned i = 0; i < 8; i++) {
        most = lanes[i] > most ? lanes[i] : most;
    }
    return most;
}

/* The low bytes of 8 lanes. */
static inline __m128i low_bytes(__m256i v) {
    const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                          0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i bytes = _mm256_shuffle_epi8(v, pick);
    return _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
}

static void classes(const uint8_t *base, size_t count, const sw_element_shape *shape, unsigned top, uint8_t *out) {
    const size_t made = sw_classes_by_32(base, count, shape, top, out);
    avx2_classes(base + made * shape->width, count - made, shape, top, out + made);
}

static unsigned buckets(const int32_t *values, size_t count, const sw_exact_values *exact, uint8_t *symbols,
                        sw_bit_writer *raw) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi32(1);
    __m256i largest = zero;
    sw_bit_writer out = *raw;
    size_t i = 0;
    for (; exact == NULL && i + 8 <= count; i += 8) {
        const __m256i v = _mm256_loadu_si256((const void *)(values + i));
        const __m256i negative = _mm256_srli_epi32(v, 31);
        const __m256i magnitude = _mm256_abs_epi32(v);
        /* The exponent and the first digit of a float say the half octave. The bit below that digit is cleared
         * first, so that rounding cannot carry into it; 2^31 comes out negative, so the sign is dropped. */
        const __m256i quiet = _mm256_andnot_si256(_mm256_srli_epi32(magnitude, 2), magnitude);
        const __m256i bits_of_float = _mm256_castps_si256(_mm256_cvtepi32_ps(quiet));
        const __m256i half_octave = _mm256_srli_epi32(_mm256_slli_epi32(bits_of_float, 1), 23);
        const __m256i k = _mm256_max_epi32(_mm256_sub_epi32(half_octave, _mm256_set1_epi32(255)), zero);
        const __m256i number = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(k, 1), one), negative);
        const __m256i symbol = _mm256_andnot_si256(_mm256_cmpeq_epi32(v, zero), number);
        _mm_storel_epi64((void *)(symbols + i), low_bytes(symbol));
        largest = _mm256_max_epi32(largest, symbol);
        const __m256i bits = _mm256_srli_epi32(_mm256_max_epi32(_mm256_sub_epi32(k, one), zero), 1);
        if (!_mm256_testz_si256(bits, bits)) {
            uint32_t rest[8];
            uint32_t lengths[8];
            const __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, bits), one);
            _mm256_storeu_si256((void *)rest, _mm256_and_si256(_mm256_sub_epi32(v, negative), mask));
            _mm256_storeu_si256((void *)lengths, bits);
            for (unsigned j = 0; j < 8; j++) {
                sw_put_bits(&out, rest[j], lengths[j]);
            }
        }
    }
    *raw = out;
    const unsigned most = largest8(largest);
    const unsigned tail = avx2_buckets(values + i, count - i, exact, symbols + i, raw);
    return most > tail ? most : tail;
}

const sw_encode_kernels sw_avx2_encode_kernels = {
    "avx2", avx2_active, avx2_differences, classes, avx2_group_sums, buckets, sw_avx2_spell16, sw_avx2_rans32, changes, avx2_measure_gaps,
};
#else
typedef int sw_no_encode_avx2; /* C99 wants something in every file */
#endif
