/* The encoder's loops in AVX2. */
#if defined(__AVX2__) && defined(__BMI2__)
#include "classes_avx2.h"
#include "encode_avx2.h"
#include "look_up8.h"

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

/* The division may be out by one either way, and is put right by its rest. */
static inline __m256i encode_step(__m256i x, __m256i frequency, __m256i first, __m128i bits) {
    const __m256 high = _mm256_cvtepi32_ps(_mm256_srli_epi32(x, 16));
    const __m256 low = _mm256_cvtepi32_ps(_mm256_and_si256(x, _mm256_set1_epi32(0xFFFF)));
    const __m256 whole = _mm256_add_ps(_mm256_mul_ps(high, _mm256_set1_ps(65536.0f)), low);
    __m256i q = _mm256_cvttps_epi32(_mm256_div_ps(whole, _mm256_cvtepi32_ps(frequency)));
    __m256i rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(q, frequency));
    const __m256i over = _mm256_srai_epi32(rest, 31);
    q = _mm256_add_epi32(q, over);
    rest = _mm256_add_epi32(rest, _mm256_and_si256(over, frequency));
    const __m256i fits = _mm256_cmpgt_epi32(frequency, rest);
    q = _mm256_add_epi32(q, _mm256_andnot_si256(fits, _mm256_set1_epi32(1)));
    rest = _mm256_sub_epi32(rest, _mm256_andnot_si256(fits, frequency));
    return _mm256_add_epi32(_mm256_add_epi32(_mm256_sll_epi32(q, bits), first), rest);
}

static uint8_t *rans32(uint32_t states[SW_MAX_LANES], uint8_t *at, const sw_rans_input *in,
                       const uint8_t table_of[SW_CLASSES], size_t first, size_t count) {
    const uint32_t *packed = &in->packed[0][0];
    const __m128i tables = _mm_loadu_si128((const void *)table_of);
    const __m128i bits = _mm_cvtsi32_si128((int)in->table_bits);
    const __m128i top = _mm_cvtsi32_si128((int)(32 - in->table_bits));
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    __m256i x[4];
    for (unsigned k = 0; k < 4; k++) {
        x[k] = _mm256_loadu_si256((const void *)(states + 8 * k));
    }
    for (size_t i = first + count; i > first;) {
        i -= 32;
        for (unsigned k = 4; k-- > 0;) {
            const size_t from = i + 8 * k;
            const __m128i context = _mm_shuffle_epi8(tables, _mm_loadl_epi64((const void *)(in->classes + from)));
            const __m256i symbols = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(in->symbols + from)));
            const __m256i row = _mm256_slli_epi32(_mm256_cvtepu8_epi32(context), 8);
            const __m256i entry = sw_look_up8(packed, _mm256_or_si256(row, symbols));
            const __m256i frequency = _mm256_and_si256(entry, low);
            const __m256i room = _mm256_cmpgt_epi32(frequency, _mm256_srl_epi32(x[k], top));
            const unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(room)) ^ 0xFF;
            /* The spilled words go to the top of 16 bytes, whose rest the next ones overwrite. */
            const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)spill_order[set]));
            const __m256i words = _mm256_and_si256(_mm256_permutevar8x32_epi32(x[k], order), low);
            const __m128i packed_words = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            _mm_storeu_si128((void *)(at - 16), packed_words);
            at -= 2 * (unsigned)__builtin_popcount(set);
            const __m256i lower = _mm256_blendv_epi8(_mm256_srli_epi32(x[k], 16), x[k], room);
            x[k] = encode_step(lower, frequency, _mm256_srli_epi32(entry, 16), bits);
        }
    }
    for (unsigned k = 0; k < 4; k++) {
        _mm256_storeu_si256((void *)(states + 8 * k), x[k]);
    }
    return at;
}

const sw_encode_kernels sw_avx2_encode_kernels = {
    "avx2", avx2_active, avx2_differences, classes, avx2_group_sums, buckets, sw_avx2_spell16, rans32, changes, avx2_measure_gaps,
};
#else
typedef int sw_no_encode_avx2; /* C99 wants something in every file */
#endif
