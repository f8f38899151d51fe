/* 16-bit floats straight to symbols and raw bits, in AVX-512 and BMI2. */
#ifdef __AVX512VBMI2__
#include <immintrin.h>

#include "encode_avx512.h"
#include "rans_step.h"

/* 64 differences. */
typedef struct {
    __m512i values[2];     /* 32 each, of 16 bits */
    __m512i low, high;     /* bytes of their magnitudes */
    __mmask64 negative;
} differences64;

/* Integers that keep the order of the floats, as in `differences`. */
static inline __m512i difference32(const uint8_t *base, const uint8_t *target) {
    const __m512i magnitude = _mm512_set1_epi16(0x7FFF);
    const __m512i b = _mm512_loadu_si512(base);
    const __m512i t = _mm512_loadu_si512(target);
    const __m512i sign = _mm512_srai_epi16(b, 15);
    const __m512i ordered_b = _mm512_ternarylogic_epi64(b, sign, magnitude, 0x78); /* b ^ (sign & magnitude) */
    const __m512i ordered_t = _mm512_ternarylogic_epi64(t, _mm512_srai_epi16(t, 15), magnitude, 0x78);
    const __m512i moved = _mm512_sub_epi16(ordered_t, ordered_b);
    return _mm512_sub_epi16(_mm512_xor_si512(moved, sign), sign);
}

/* Packing works within 128-bit lanes. */
static inline __m512i pack64(__m512i first, __m512i second) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), _mm512_packus_epi16(first, second));
}

static inline differences64 take64(const uint8_t *base, const uint8_t *target) {
    const __m512i byte = _mm512_set1_epi16(0xFF);
    differences64 d = {{difference32(base, target), difference32(base + 64, target + 64)}, byte, byte, 0};
    const __m512i m0 = _mm512_abs_epi16(d.values[0]);
    const __m512i m1 = _mm512_abs_epi16(d.values[1]);
    d.low = pack64(_mm512_and_si512(m0, byte), _mm512_and_si512(m1, byte));
    d.high = pack64(_mm512_srli_epi16(m0, 8), _mm512_srli_epi16(m1, 8));
    d.negative = _mm512_kunpackd(_mm512_movepi16_mask(d.values[1]), _mm512_movepi16_mask(d.values[0]));
    return d;
}

/* Half octaves of the bytes below 128: 0 for 1, then two for each doubling. */
static uint8_t octave_table[128];

__attribute__((constructor)) static void fill_octave_table(void) {
    for (unsigned m = 2; m < 128; m++) {
        const unsigned length = sw_bit_length(m);
        octave_table[m] = (uint8_t)(2 * length - 3 + (m >> (length - 2) & 1));
    }
}

typedef struct {
    __m512i below_64, below_128;
} half_octaves;

/* Of bytes; those from 128 on are told by the bit below. */
static inline __m512i of_bytes(const half_octaves *h, __m512i bytes) {
    const __m512i k = _mm512_permutex2var_epi8(h->below_64, bytes, h->below_128);
    const __m512i next = _mm512_and_si512(_mm512_srli_epi16(bytes, 6), _mm512_set1_epi8(1));
    return _mm512_mask_add_epi8(k, _mm512_movepi8_mask(bytes), next, _mm512_set1_epi8(13));
}

/* Of magnitudes of 16 bits: the upper byte tells it, unless it is 1, whose next bit is in the lower one. */
static inline __m512i of_magnitudes(const half_octaves *h, const differences64 *d) {
    const __m512i top = _mm512_and_si512(_mm512_srli_epi16(d->low, 7), _mm512_set1_epi8(1));
    const __m512i of_high = _mm512_add_epi8(of_bytes(h, d->high), _mm512_set1_epi8(16));
    const __mmask64 is_one = _mm512_cmpeq_epi8_mask(d->high, _mm512_set1_epi8(1));
    const __m512i large = _mm512_mask_add_epi8(of_high, is_one, top, _mm512_set1_epi8(15));
    return _mm512_mask_mov_epi8(of_bytes(h, d->low), _mm512_test_epi8_mask(d->high, d->high), large);
}

/* Raw bits of 64 values of 8 each at most: eight values a word, pressed together. */
static inline void put_bytes(sw_bit_writer *out, __m512i values, __m512i masks) {
    uint64_t value[8];
    uint64_t mask[8];
    _mm512_storeu_si512(value, values);
    _mm512_storeu_si512(mask, masks);
    for (unsigned i = 0; i < 8; i++) {
        sw_put_bits(out, _pext_u64(value[i], mask[i]), (unsigned)__builtin_popcountll(mask[i]));
    }
}

/* The same for 32 values of 14 each at most, four a word. */
static inline void put_words(sw_bit_writer *out, __m512i values, __m256i bits) {
    const __m512i one = _mm512_set1_epi16(1);
    const __m512i masks = _mm512_sub_epi16(_mm512_sllv_epi16(one, _mm512_cvtepu8_epi16(bits)), one);
    put_bytes(out, values, masks);
}

static inline void put_raw64(sw_bit_writer *out, const differences64 *d, __m512i bits) {
    const __m512i sums = _mm512_sad_epu8(bits, _mm512_setzero_si512());
    const __mmask64 long_ones = _mm512_cmpgt_epu8_mask(bits, _mm512_set1_epi8(8));
    if (long_ones == 0 && _mm512_cmpgt_epu64_mask(sums, _mm512_set1_epi64(SW_MAX_RAW_BITS)) == 0) {
        const __m512i masks = _mm512_permutexvar_epi8(
            bits, _mm512_castsi128_si512(_mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, 0, 0, 0, 0, 0, 0, 0)));
        /* A negative value less one has the bits of its magnitude turned over. */
        put_bytes(out, _mm512_xor_si512(d->low, _mm512_movm_epi8(d->negative)), masks);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        const __m512i v = d->values[i];
        const __m256i half = i == 0 ? _mm512_castsi512_si256(bits) : _mm512_extracti64x4_epi64(bits, 1);
        put_words(out, _mm512_add_epi16(v, _mm512_srai_epi16(v, 15)), half);
    }
}

/* Which of 64 values are the one given. */
static inline __mmask64 equal64(const differences64 *d, int32_t value) {
    const __m512i wanted = _mm512_set1_epi16((short)value);
    return _mm512_kunpackd(_mm512_cmpeq_epi16_mask(d->values[1], wanted), _mm512_cmpeq_epi16_mask(d->values[0], wanted));
}

uint64_t sw_avx512_spell16(const uint8_t *base, const uint8_t *target, size_t count, const sw_exact_values *exact,
                           uint8_t *symbols, sw_bit_writer *raw, unsigned *largest) {
    const half_octaves table = {_mm512_loadu_si512(octave_table), _mm512_loadu_si512(octave_table + 64)};
    const __m512i one = _mm512_set1_epi8(1);
    __m512i any = _mm512_setzero_si512();
    __m512i most = _mm512_setzero_si512();
    sw_bit_writer out = *raw;
    for (size_t i = 0; i < count; i += 64) {
        const differences64 d = take64(base + 2 * i, target + 2 * i);
        any = _mm512_or_si512(any, _mm512_or_si512(d.values[0], d.values[1]));
        const __m512i k = of_magnitudes(&table, &d);
        const __mmask64 nonzero = _mm512_test_epi8_mask(_mm512_or_si512(d.low, d.high), _mm512_set1_epi8(-1));
        const __m512i odd = _mm512_add_epi8(_mm512_add_epi8(k, k), one);
        __m512i symbol = _mm512_maskz_mov_epi8(nonzero, _mm512_mask_add_epi8(odd, d.negative, odd, one));
        __m512i bits = _mm512_and_si512(_mm512_srli_epi16(_mm512_subs_epu8(k, one), 1), _mm512_set1_epi8(0x7F));
        most = _mm512_max_epu8(most, symbol);
        for (unsigned x = 0; exact != NULL && x < exact->count; x++) {
            const __mmask64 found = equal64(&d, exact->list[x]);
            symbol = _mm512_mask_mov_epi8(symbol, found, _mm512_set1_epi8((char)(SW_FIRST_EXACT + x)));
            bits = _mm512_maskz_mov_epi8(~found, bits);
        }
        _mm512_storeu_si512(symbols + i, symbol);
        if (_mm512_test_epi8_mask(bits, bits) != 0) {
            put_raw64(&out, &d, bits);
        }
    }
    *raw = out;
    const __m512i pairs = _mm512_max_epu8(_mm512_and_si512(most, _mm512_set1_epi16(0xFF)), _mm512_srli_epi16(most, 8));
    const __m512i fours = _mm512_max_epu16(_mm512_and_si512(pairs, _mm512_set1_epi32(0xFF)), _mm512_srli_epi32(pairs, 16));
    const unsigned found = (unsigned)_mm512_reduce_max_epu32(fours);
    *largest = found > *largest ? found : *largest;
    const __m512i wide = _mm512_or_si512(_mm512_srli_epi32(any, 16), any);
    return (uint64_t)_mm512_reduce_or_epi32(wide) & 0xFFFF;
}
#else
typedef int sw_no_encode_fast_avx512; /* C99 wants something in every file */
#endif
