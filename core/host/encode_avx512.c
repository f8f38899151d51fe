/* The encoder's loops in AVX-512. */
#ifdef __AVX512VBMI2__
#include "classes_avx512.h"
#include "encode_avx512.h"
#include "look_up8.h"

#define SW_KERNEL(name) avx512_##name
#include "encode_kernels.h"
#include "class_masks.h"
#include "change_masks.h"

#define TRUNCATE (_MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)

static void classes(const uint8_t *base, size_t count, const sw_element_shape *shape, unsigned top, uint8_t *out) {
    size_t i = 0;
    if (shape->width == 2) {
        for (; i + 32 <= count; i += 32) {
            _mm256_storeu_si256((void *)(out + i), sw_classes16(base + 2 * i, shape, top));
        }
    } else if (shape->width == 4) {
        for (; i + 16 <= count; i += 16) {
            _mm_storeu_si128((void *)(out + i), sw_classes32(base + 4 * i, shape, top));
        }
    }
    avx512_classes(base + i * shape->width, count - i, shape, top, out + i);
}

static void group_sums(const int32_t *values, const uint8_t *classes, size_t count, uint64_t *sums) {
    const size_t whole = count / 64;
    for (size_t g = 0; g < whole; g++) {
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = g * 64; i < g * 64 + 64; i += 16) {
            const __m512i v = _mm512_abs_epi32(_mm512_loadu_si512(values + i));
            const __m512i c = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(classes + i)));
            const __m512i up = _mm512_sub_epi32(_mm512_set1_epi32(15), c);
            const __m512i low = _mm512_set1_epi64(0xFFFFFFFF);
            const __m512i even = _mm512_sllv_epi64(_mm512_and_si512(v, low), _mm512_and_si512(up, low));
            const __m512i odd = _mm512_sllv_epi64(_mm512_srli_epi64(v, 32), _mm512_srli_epi64(up, 32));
            sum = _mm512_add_epi64(sum, _mm512_add_epi64(even, odd));
        }
        sums[g] = (uint64_t)_mm512_reduce_add_epi64(sum);
    }
    avx512_group_sums(values + whole * 64, classes + whole * 64, count - whole * 64, sums + whole);
}

/* Appends the raw bits of 16 elements, 28 each at most: joined two and two, then four and four. */
static inline void put_raw16(sw_bit_writer *out, __m512i raw, __m512i bits) {
    const __m512i low = _mm512_set1_epi64(0xFFFFFFFF);
    const __m512i bits_even = _mm512_and_si512(bits, low);
    const __m512i twos = _mm512_or_si512(_mm512_and_si512(raw, low),
                                         _mm512_sllv_epi64(_mm512_srli_epi64(raw, 32), bits_even));
    const __m512i twos_bits = _mm512_add_epi64(bits_even, _mm512_srli_epi64(bits, 32));
    const __m512i twos_other = _mm512_unpackhi_epi64(twos, twos);
    const __m512i other_bits = _mm512_unpackhi_epi64(twos_bits, twos_bits);
    const __m512i fours_bits = _mm512_add_epi64(twos_bits, other_bits);
    uint64_t values[8];
    uint64_t lengths[8];
    if (_mm512_mask_cmpgt_epu64_mask(0x55, fours_bits, _mm512_set1_epi64(SW_MAX_RAW_BITS)) == 0) {
        _mm512_storeu_si512(values, _mm512_or_si512(twos, _mm512_sllv_epi64(twos_other, twos_bits)));
        _mm512_storeu_si512(lengths, fours_bits);
        const uint64_t half = lengths[0] + lengths[2];
        if (half + lengths[4] + lengths[6] <= SW_MAX_RAW_BITS) {
            const uint64_t first = values[0] | values[2] << lengths[0];
            const uint64_t second = values[4] | values[6] << lengths[4];
            sw_put_bits(out, first | second << half, (unsigned)(half + lengths[4] + lengths[6]));
            return;
        }
        for (unsigned i = 0; i < 8; i += 2) {
            sw_put_bits(out, values[i], (unsigned)lengths[i]);
        }
    } else {
        _mm512_storeu_si512(values, twos);
        _mm512_storeu_si512(lengths, twos_bits);
        for (unsigned i = 0; i < 8; i++) {
            sw_put_bits(out, values[i], (unsigned)lengths[i]);
        }
    }
}

/* Which of 16 values have a symbol of their own. */
static inline __mmask16 find_exact(const sw_exact_values *exact, __m512i values) {
    const __m512i at = _mm512_add_epi32(values, _mm512_set1_epi32(SW_EXACT_REACH));
    const __mmask16 near = _mm512_cmplt_epu32_mask(at, _mm512_set1_epi32(2 * SW_EXACT_REACH));
    const __m512i word = _mm512_maskz_srli_epi32(near, at, 5);
    const __m256i low = sw_look_up8(exact->is_exact, _mm512_castsi512_si256(word));
    const __m256i high = sw_look_up8(exact->is_exact, _mm512_extracti64x4_epi64(word, 1));
    const __m512i words = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    const __m512i bit = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(at, _mm512_set1_epi32(31)));
    return _mm512_mask_test_epi32_mask(near, words, bit);
}

static inline __mmask16 find_few(const sw_exact_values *exact, __m512i values) {
    unsigned found = 0;
    for (unsigned x = 0; x < exact->count; x++) {
        found |= _mm512_cmpeq_epi32_mask(values, _mm512_set1_epi32(exact->list[x]));
    }
    return (__mmask16)found;
}

static unsigned buckets(const int32_t *values, size_t count, const sw_exact_values *exact, uint8_t *symbols,
                        sw_bit_writer *raw) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i one = _mm512_set1_epi32(1);
    __m512i largest = zero;
    sw_bit_writer out = *raw;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512i v = _mm512_loadu_si512(values + i);
        const __mmask16 nonzero = _mm512_test_epi32_mask(v, v);
        if (nonzero == 0 && exact == NULL) {
            _mm_storeu_si128((void *)(symbols + i), _mm_setzero_si128());
            continue;
        }
        const __m512i negative = _mm512_srli_epi32(v, 31);
        const __m512i magnitude = _mm512_abs_epi32(v);
        /* The exponent and the first digit of a float say the half octave; truncation keeps them exact. */
        const __m512i half_octave = _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvt_roundepu32_ps(magnitude, TRUNCATE)), 22);
        const __m512i k = _mm512_max_epi32(_mm512_sub_epi32(half_octave, _mm512_set1_epi32(255)), zero);
        const __m512i number = _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(k, 1), one), negative);
        const __m512i symbol = _mm512_maskz_mov_epi32(nonzero, number);
        _mm_storeu_si128((void *)(symbols + i), _mm512_cvtepi32_epi8(symbol));
        largest = _mm512_max_epi32(largest, symbol);
        __m512i bits = _mm512_srli_epi32(_mm512_max_epi32(_mm512_sub_epi32(k, one), zero), 1);
        if (exact != NULL) {
            const __mmask16 found = exact->count <= SW_FEW_EXACT ? find_few(exact, v) : find_exact(exact, v);
            bits = _mm512_maskz_mov_epi32((__mmask16)~found, bits);
            for (unsigned left = found; left != 0; left &= left - 1) {
                const size_t at = i + (unsigned)__builtin_ctz(left);
                symbols[at] = exact->symbol_of[values[at] + SW_EXACT_REACH];
            }
        }
        if (_mm512_test_epi32_mask(bits, bits) != 0) {
            const __m512i mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, bits), one);
            const __m512i rest = _mm512_and_si512(_mm512_sub_epi32(v, negative), mask);
            if (_mm512_cmpgt_epi32_mask(bits, _mm512_set1_epi32(SW_MAX_RAW_BITS / 2)) != 0) {
                sw_bit_writer slow = out; /* the address of `out` goes nowhere, so that it stays in registers */
                avx512_buckets(values + i, 16, exact, symbols + i, &slow);
                out = slow;
            } else {
                put_raw16(&out, rest, bits);
            }
        }
    }
    *raw = out;
    const unsigned most = (unsigned)_mm512_reduce_max_epi32(largest);
    const unsigned tail = avx512_buckets(values + i, count - i, exact, symbols + i, raw);
    return most > tail ? most : tail;
}

const sw_encode_kernels sw_avx512_encode_kernels = {
    "avx512", avx512_active, avx512_differences, classes, group_sums, buckets, sw_avx512_spell16, sw_avx512_rans32,
    changes, avx512_measure_gaps,
};
#else
typedef int sw_no_encode_avx512; /* C99 wants something in every file */
#endif
