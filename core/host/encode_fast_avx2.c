/* 16-bit floats straight to symbols and raw bits, in AVX2 and BMI2. */
#if defined(__AVX2__) && defined(__BMI2__)
#include "classes_avx2.h"
#include "encode_avx2.h"
#include "rans_step.h"

/* 32 differences. */
typedef struct {
    __m256i values[2]; /* 16 each, of 16 bits */
    __m256i low, high; /* bytes of their magnitudes */
    __m256i negative;  /* bytes: all ones or none */
} differences32;

/* Integers that keep the order of the floats, as in `differences`. */
static inline __m256i difference16(const uint8_t *base, const uint8_t *target) {
    const __m256i magnitude = _mm256_set1_epi16(0x7FFF);
    const __m256i b = _mm256_loadu_si256((const void *)base);
    const __m256i t = _mm256_loadu_si256((const void *)target);
    const __m256i sign = _mm256_srai_epi16(b, 15);
    const __m256i ordered_b = _mm256_xor_si256(b, _mm256_and_si256(sign, magnitude));
    const __m256i ordered_t = _mm256_xor_si256(t, _mm256_and_si256(_mm256_srai_epi16(t, 15), magnitude));
    const __m256i moved = _mm256_sub_epi16(ordered_t, ordered_b);
    return _mm256_sub_epi16(_mm256_xor_si256(moved, sign), sign);
}

/* Masks of words to masks of bytes. */
static inline __m256i pack_masks(__m256i first, __m256i second) {
    return _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xD8);
}

static inline differences32 take32(const uint8_t *base, const uint8_t *target) {
    const __m256i byte = _mm256_set1_epi16(0xFF);
    const __m256i v0 = difference16(base, target);
    const __m256i v1 = difference16(base + 32, target + 32);
    const __m256i m0 = _mm256_abs_epi16(v0);
    const __m256i m1 = _mm256_abs_epi16(v1);
    return (differences32){
        {v0, v1},
        sw_pack_quarters(_mm256_and_si256(m0, byte), _mm256_and_si256(m1, byte)),
        sw_pack_quarters(_mm256_srli_epi16(m0, 8), _mm256_srli_epi16(m1, 8)),
        pack_masks(_mm256_srai_epi16(v0, 15), _mm256_srai_epi16(v1, 15)),
    };
}

/* Half octaves of bytes: 0 for 1, then two for each doubling. */
static inline __m256i of_bytes(__m256i bytes) {
    const __m256i of_low = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 1, 2, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6));
    const __m256i of_high = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 7, 9, 10, 11, 11, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14));
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i one = _mm256_set1_epi8(1);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
    /* Below a lone one, the next bit is in the lower half. */
    const __m256i next = _mm256_and_si256(_mm256_srli_epi16(bytes, 3), _mm256_and_si256(_mm256_cmpeq_epi8(high, one), one));
    const __m256i large = _mm256_add_epi8(_mm256_shuffle_epi8(of_high, high), next);
    const __m256i small = _mm256_shuffle_epi8(of_low, _mm256_and_si256(bytes, nibble));
    return _mm256_blendv_epi8(large, small, _mm256_cmpeq_epi8(high, _mm256_setzero_si256()));
}

/* Of magnitudes of 16 bits: the upper byte tells it, unless it is 1, whose next bit is in the lower one. */
static inline __m256i of_magnitudes(const differences32 *d) {
    const __m256i of_low = of_bytes(d->low);
    if (_mm256_testz_si256(d->high, d->high)) {
        return of_low;
    }
    const __m256i one = _mm256_set1_epi8(1);
    const __m256i top = _mm256_and_si256(_mm256_srli_epi16(d->low, 7), one);
    const __m256i of_one = _mm256_add_epi8(top, _mm256_set1_epi8(15));
    const __m256i of_high = _mm256_add_epi8(of_bytes(d->high), _mm256_set1_epi8(16));
    const __m256i large = _mm256_blendv_epi8(of_high, of_one, _mm256_cmpeq_epi8(d->high, one));
    return _mm256_blendv_epi8(large, of_low, _mm256_cmpeq_epi8(d->high, _mm256_setzero_si256()));
}

/* Raw bits of the fields of four words, 56 of each at most, pressed together. */
static inline void put_words(sw_bit_writer *out, __m256i values, __m256i masks) {
    uint64_t value[4];
    uint64_t mask[4];
    _mm256_storeu_si256((void *)value, values);
    _mm256_storeu_si256((void *)mask, masks);
    for (unsigned i = 0; i < 4; i++) {
        sw_put_bits(out, _pext_u64(value[i], mask[i]), (unsigned)__builtin_popcountll(mask[i]));
    }
}

/* The lowest n of 8 bits for each byte n. */
static inline __m256i byte_masks(__m256i bits) {
    const __m128i masks = _mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1, -1, -1);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(masks), bits);
}

/* Of values of 16 bits. Bytes are interleaved within 128-bit lanes, hence the other order of the quarters first. */
static inline void put_wide(sw_bit_writer *out, const differences32 *d, __m256i bits) {
    const __m256i low = _mm256_permute4x64_epi64(byte_masks(bits), 0xD8);
    const __m256i high = _mm256_permute4x64_epi64(byte_masks(_mm256_subs_epu8(bits, _mm256_set1_epi8(8))), 0xD8);
    const __m256i v0 = _mm256_add_epi16(d->values[0], _mm256_srai_epi16(d->values[0], 15));
    const __m256i v1 = _mm256_add_epi16(d->values[1], _mm256_srai_epi16(d->values[1], 15));
    put_words(out, v0, _mm256_unpacklo_epi8(low, high));
    put_words(out, v1, _mm256_unpackhi_epi8(low, high));
}

static inline bool any_above(__m256i bytes, char most) {
    return _mm256_movemask_epi8(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(most))) != 0;
}

static inline void put_raw32(sw_bit_writer *out, const differences32 *d, __m256i bits) {
    const __m256i sums = _mm256_sad_epu8(bits, _mm256_setzero_si256());
    if (any_above(bits, 8) || any_above(sums, SW_MAX_RAW_BITS)) {
        put_wide(out, d, bits);
    } else {
        /* A negative value less one has the bits of its magnitude turned over. */
        put_words(out, _mm256_xor_si256(d->low, d->negative), byte_masks(bits));
    }
}

/* Which of 32 values are the one given. */
static inline __m256i equal32(const differences32 *d, int32_t value) {
    const __m256i wanted = _mm256_set1_epi16((short)value);
    return pack_masks(_mm256_cmpeq_epi16(d->values[0], wanted), _mm256_cmpeq_epi16(d->values[1], wanted));
}

uint64_t sw_avx2_spell16(const uint8_t *base, const uint8_t *target, size_t count, const sw_exact_values *exact,
                         uint8_t *symbols, sw_bit_writer *raw, unsigned *largest) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i one = _mm256_set1_epi8(1);
    __m256i any = zero;
    __m256i most = zero;
    sw_bit_writer out = *raw;
    for (size_t i = 0; i < count; i += 32) {
        const differences32 d = take32(base + 2 * i, target + 2 * i);
        any = _mm256_or_si256(any, _mm256_or_si256(d.values[0], d.values[1]));
        const __m256i k = of_magnitudes(&d);
        const __m256i none = _mm256_cmpeq_epi8(_mm256_or_si256(d.low, d.high), zero);
        const __m256i number = _mm256_sub_epi8(_mm256_add_epi8(_mm256_add_epi8(k, k), one), d.negative);
        __m256i symbol = _mm256_andnot_si256(none, number);
        __m256i bits = _mm256_and_si256(_mm256_srli_epi16(_mm256_subs_epu8(k, one), 1), _mm256_set1_epi8(0x7F));
        most = _mm256_max_epu8(most, symbol);
        for (unsigned x = 0; exact != NULL && x < exact->count; x++) {
            const __m256i found = equal32(&d, exact->list[x]);
            symbol = _mm256_blendv_epi8(symbol, _mm256_set1_epi8((char)(SW_FIRST_EXACT + x)), found);
            bits = _mm256_andnot_si256(found, bits);
        }
        _mm256_storeu_si256((void *)(symbols + i), symbol);
        if (!_mm256_testz_si256(bits, bits)) {
            put_raw32(&out, &d, bits);
        }
    }
    *raw = out;
    uint8_t each[32];
    uint16_t parts[16];
    _mm256_storeu_si256((void *)each, most);
    _mm256_storeu_si256((void *)parts, any);
    uint64_t all = 0;
    for (unsigned i = 0; i < 32; i++) {
        *largest = each[i] > *largest ? each[i] : *largest;
        all |= parts[i / 2];
    }
    return all;
}
#else
typedef int sw_no_encode_fast_avx2; /* C99 wants something in every file */
#endif
