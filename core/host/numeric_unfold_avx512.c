/* Symbols of 16-bit floats straight to elements, in AVX-512 and BMI2. */
#ifdef __AVX512VBMI2__
#include "numeric_avx512.h"

#include "bytes.h"

/* Interleaving two vectors of bytes works within 128-bit lanes: with the words of eight elements in this order, the
 * lower halves are elements 0 to 31 and the upper ones the rest. */
static inline __m512i deal(__m512i bytes) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), bytes);
}

/* Raw bits dealt out to the fields of eight words, 57 bits of each at most. */
static inline __m512i spread(const sw_numeric_header *h, uint64_t *position, __m512i masks) {
    uint64_t mask[8];
    uint64_t word[8];
    _mm512_storeu_si512(mask, masks);
    uint64_t at = *position;
    for (unsigned i = 0; i < 8; i++) {
        word[i] = _pdep_u64(sw_load64(h->raw + (at >> 3)) >> (at & 7), mask[i]);
        at += (unsigned)__builtin_popcountll(mask[i]);
    }
    *position = at;
    return _mm512_loadu_si512(word);
}

/* Bits of a word and of one of its four fields, and bytes that 16 words and a load reach, at most. */
enum { WORD_MOST = 57, FIELD_MOST = 14, REACH = 2 * WORD_MOST + 8 };

/* Fields of 16 bits: of 32 elements. */
static inline __m512i raw_words(const sw_numeric_header *h, uint64_t *position, __m256i bits) {
    const __m512i one = _mm512_set1_epi16(1);
    const __m512i masks = _mm512_sub_epi16(_mm512_sllv_epi16(one, _mm512_cvtepu8_epi16(bits)), one);
    return spread(h, position, masks);
}

/* The raw bits of 64 elements; false if too few bytes are left, or an element has too many bits. */
static inline bool raw64(const sw_numeric_header *h, uint64_t *position, __m512i bits, __m512i raw[2]) {
    if ((*position >> 3) + REACH > h->raw_size) {
        return false;
    }
    const __m512i sums = _mm512_sad_epu8(bits, _mm512_setzero_si512());
    if (_mm512_cmpgt_epu8_mask(bits, _mm512_set1_epi8(8)) == 0 &&
        _mm512_cmpgt_epu64_mask(sums, _mm512_set1_epi64(WORD_MOST)) == 0) {
        const __m512i masks = _mm512_permutexvar_epi8(
            bits, _mm512_castsi128_si512(_mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, 0, 0, 0, 0, 0, 0, 0)));
        const __m512i bytes = deal(spread(h, position, masks));
        raw[0] = _mm512_unpacklo_epi8(bytes, _mm512_setzero_si512());
        raw[1] = _mm512_unpackhi_epi8(bytes, _mm512_setzero_si512());
        return true;
    }
    if (_mm512_cmpgt_epu8_mask(bits, _mm512_set1_epi8(FIELD_MOST)) != 0) {
        return false;
    }
    raw[0] = raw_words(h, position, _mm512_castsi512_si256(bits));
    raw[1] = raw_words(h, position, _mm512_extracti64x4_epi64(bits, 1));
    return true;
}

/* As `apply` moves floats. */
static inline void move32(const uint8_t *base, __m512i value, uint8_t *out) {
    const __m512i magnitude = _mm512_set1_epi16(0x7FFF);
    const __m512i b = _mm512_loadu_si512(base);
    const __m512i sign = _mm512_srai_epi16(b, 15);
    const __m512i ordered = _mm512_ternarylogic_epi64(b, sign, magnitude, 0x78); /* b ^ (sign & magnitude) */
    const __m512i moved = _mm512_add_epi16(ordered, _mm512_sub_epi16(_mm512_xor_si512(value, sign), sign));
    _mm512_storeu_si512(out, _mm512_ternarylogic_epi64(moved, _mm512_srai_epi16(moved, 15), magnitude, 0x78));
}

size_t sw_avx512_unfold16(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,
                          const uint8_t *base, size_t count, uint64_t *position, uint8_t *out) {
    const sw_table256 low = sw_load256(w->offset_bytes[0]);
    const sw_table256 high = sw_load256(w->offset_bytes[1]);
    const sw_table256 lengths = sw_load256(w->symbol_bits);
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        const __m512i s = _mm512_loadu_si512(symbols + i);
        const __mmask64 upper = _mm512_movepi8_mask(s);
        const __m512i bits = sw_look_up256(&lengths, s, upper);
        __m512i raw[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        if (_mm512_test_epi8_mask(bits, bits) != 0 && !raw64(h, position, bits, raw)) {
            break;
        }
        const __m512i low_bytes = deal(sw_look_up256(&low, s, upper));
        const __m512i high_bytes = deal(sw_look_up256(&high, s, upper));
        move32(base + 2 * i, _mm512_add_epi16(_mm512_unpacklo_epi8(low_bytes, high_bytes), raw[0]), out + 2 * i);
        move32(base + 2 * i + 64, _mm512_add_epi16(_mm512_unpackhi_epi8(low_bytes, high_bytes), raw[1]),
               out + 2 * i + 64);
    }
    return i;
}
#else
typedef int sw_no_numeric_unfold_avx512; /* C99 wants something in every file */
#endif
