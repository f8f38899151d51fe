/* Symbols of 16-bit floats straight to elements, in AVX2 and BMI2. */
#if defined(__AVX2__) && defined(__BMI2__)
#include "numeric_avx2.h"

#include <immintrin.h>

#include "bytes.h"

/* Entries looked up in registers: blocks of 16 bits have fewer symbols, but for rare ones. */
enum { TABLE_PARTS = 4, TABLE_ENTRIES = 16 * TABLE_PARTS };

typedef struct {
    __m256i part[TABLE_PARTS];
} table64;

static inline table64 load_table(const uint8_t *entries) {
    table64 table;
    for (unsigned k = 0; k < TABLE_PARTS; k++) {
        table.part[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(entries + 16 * k)));
    }
    return table;
}

/* Places of 32 bytes in a table: bits 4 and 5 of each, moved to where a blend looks. */
typedef struct {
    __m256i low;
    __m256i odd;
    __m256i upper;
} places;

static inline places places_of(__m256i symbols) {
    return (places){_mm256_and_si256(symbols, _mm256_set1_epi8(15)), _mm256_slli_epi16(symbols, 3), _mm256_slli_epi16(symbols, 2)};
}

static inline __m256i look_up(const table64 *table, const places *at) {
    const __m256i a = _mm256_shuffle_epi8(table->part[0], at->low);
    const __m256i b = _mm256_shuffle_epi8(table->part[1], at->low);
    const __m256i c = _mm256_shuffle_epi8(table->part[2], at->low);
    const __m256i d = _mm256_shuffle_epi8(table->part[3], at->low);
    return _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, at->odd), _mm256_blendv_epi8(c, d, at->odd), at->upper);
}

/* Interleaving two vectors of bytes works within 128-bit lanes: with the words of eight elements in this order, the
 * lower halves are elements 0 to 15 and the upper ones the rest. */
static inline __m256i deal(__m256i bytes) {
    return _mm256_permute4x64_epi64(bytes, 0xD8);
}

/* Raw bits dealt out to the fields of four words, 57 bits of each at most. */
static inline __m256i spread(const sw_numeric_header *h, uint64_t *position, __m256i masks) {
    uint64_t mask[4];
    uint64_t word[4];
    _mm256_storeu_si256((void *)mask, masks);
    uint64_t at = *position;
    for (unsigned i = 0; i < 4; i++) {
        word[i] = _pdep_u64(sw_load64(h->raw + (at >> 3)) >> (at & 7), mask[i]);
        at += (unsigned)__builtin_popcountll(mask[i]);
    }
    *position = at;
    return _mm256_setr_epi64x((long long)word[0], (long long)word[1], (long long)word[2], (long long)word[3]);
}

/* Bits of a word and of one of its four fields, and bytes that eight words and a load reach, at most. */
enum { WORD_MOST = 57, FIELD_MOST = 14, REACH = WORD_MOST + 8 };

/* Whether a byte is above `most`; both are below 128. */
static inline bool any_above(__m256i bytes, char most) {
    return _mm256_movemask_epi8(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(most))) != 0;
}

/* Fields of 16 bits: of 16 elements. The mask of n bits has a low byte for 8 of them and a high one for the rest. */
static inline __m256i raw_words(const sw_numeric_header *h, uint64_t *position, __m128i bits) {
    const __m128i masks = _mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i low = _mm_shuffle_epi8(masks, bits);
    const __m128i high = _mm_shuffle_epi8(masks, _mm_subs_epu8(bits, _mm_set1_epi8(8)));
    return spread(h, position, _mm256_setr_m128i(_mm_unpacklo_epi8(low, high), _mm_unpackhi_epi8(low, high)));
}

/* The raw bits of 32 elements; false if too few bytes are left, or an element has too many bits. */
static inline bool raw32(const sw_numeric_header *h, uint64_t *position, __m256i bits, __m256i raw[2]) {
    if ((*position >> 3) + REACH > h->raw_size) {
        return false;
    }
    const __m256i sums = _mm256_sad_epu8(bits, _mm256_setzero_si256());
    if (!any_above(bits, 8) && !any_above(sums, WORD_MOST)) {
        const __m256i masks = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 3, 7, 15, 31, 63, 127, -1, 0, 0, 0, 0, 0, 0, 0));
        const __m256i bytes = deal(spread(h, position, _mm256_shuffle_epi8(masks, bits)));
        raw[0] = _mm256_unpacklo_epi8(bytes, _mm256_setzero_si256());
        raw[1] = _mm256_unpackhi_epi8(bytes, _mm256_setzero_si256());
        return true;
    }
    if (any_above(bits, FIELD_MOST)) {
        return false;
    }
    raw[0] = raw_words(h, position, _mm256_castsi256_si128(bits));
    raw[1] = raw_words(h, position, _mm256_extracti128_si256(bits, 1));
    return true;
}

/* As `apply` moves floats. */
static inline void move16(const uint8_t *base, __m256i value, uint8_t *out) {
    const __m256i magnitude = _mm256_set1_epi16(0x7FFF);
    const __m256i b = _mm256_loadu_si256((const void *)base);
    const __m256i sign = _mm256_srai_epi16(b, 15);
    const __m256i ordered = _mm256_xor_si256(b, _mm256_and_si256(sign, magnitude));
    const __m256i moved = _mm256_add_epi16(ordered, _mm256_sub_epi16(_mm256_xor_si256(value, sign), sign));
    const __m256i back = _mm256_and_si256(_mm256_srai_epi16(moved, 15), magnitude);
    _mm256_storeu_si256((void *)out, _mm256_xor_si256(moved, back));
}

size_t sw_avx2_unfold16(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,
                        const uint8_t *base, size_t count, uint64_t *position, uint8_t *out) {
    if (h->symbol_count > TABLE_ENTRIES) {
        return 0;
    }
    const table64 low = load_table(w->offset_bytes[0]);
    const table64 high = load_table(w->offset_bytes[1]);
    const table64 lengths = load_table(w->symbol_bits);
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        const places at = places_of(_mm256_loadu_si256((const void *)(symbols + i)));
        const __m256i bits = look_up(&lengths, &at);
        __m256i raw[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        if (!_mm256_testz_si256(bits, bits) && !raw32(h, position, bits, raw)) {
            break;
        }
        const __m256i low_bytes = deal(look_up(&low, &at));
        const __m256i high_bytes = deal(look_up(&high, &at));
        move16(base + 2 * i, _mm256_add_epi16(_mm256_unpacklo_epi8(low_bytes, high_bytes), raw[0]), out + 2 * i);
        move16(base + 2 * i + 32, _mm256_add_epi16(_mm256_unpackhi_epi8(low_bytes, high_bytes), raw[1]), out + 2 * i + 32);
    }
    return i;
}
#else
typedef int sw_no_numeric_unfold_avx2; /* C99 wants something in every file */
#endif
