/* The decoder's hot loops in AVX-512 (F, BW, VL, DQ, VBMI, VBMI2). */
#ifdef __AVX512VBMI2__
#include "classes_avx512.h"
#include "look_up8.h"
#include "numeric_avx512.h"

#define SW_KERNEL(name) avx512_##name
#include "numeric_kernels.h"
#include "class_masks.h"

static void contexts(const uint8_t *base, size_t count, const sw_numeric_header *h,
                     const uint8_t table_of[SW_CLASSES], uint8_t *out) {
    static const uint8_t itself[SW_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    table_of = table_of == NULL ? itself : table_of;
    const __m128i tables = _mm_loadu_si128((const void *)table_of);
    size_t i = 0;
    if (h->shape.width == 2) {
        for (; i + 32 <= count; i += 32) {
            const __m256i c = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(tables), sw_classes16(base + 2 * i, &h->shape, h->class_top));
            _mm256_storeu_si256((void *)(out + i), c);
        }
    } else if (h->shape.width == 4) {
        for (; i + 16 <= count; i += 16) {
            _mm_storeu_si128((void *)(out + i), _mm_shuffle_epi8(tables, sw_classes32(base + 4 * i, &h->shape, h->class_top)));
        }
    }
    avx512_classes(base + i * h->shape.width, count - i, &h->shape, h->class_top, out + i);
    for (; i + 16 <= count; i += 16) {
        const __m128i c = _mm_loadu_si128((const void *)(out + i));
        _mm_storeu_si128((void *)(out + i), _mm_shuffle_epi8(tables, c));
    }
    for (; i < count; i++) {
        out[i] = table_of[out[i]];
    }
}

typedef struct {
    const uint32_t *tables;
    __m128i shift;
    __m256i slot_mask;
} rans_table;

/* One step of 8 lanes, before the refill. */
static inline __m256i step8(__m256i x, const rans_table *t, const uint8_t *contexts_, uint8_t *symbols) {
    const __m256i context = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)contexts_));
    const __m256i at = _mm256_or_si256(_mm256_sll_epi32(context, t->shift), _mm256_and_si256(x, t->slot_mask));
    const __m256i entry = sw_look_up8(t->tables, at);
    _mm_storel_epi64((void *)symbols, _mm256_cvtepi32_epi8(entry));
    const __m256i frequency = _mm256_add_epi32(_mm256_srli_epi32(entry, 20), _mm256_set1_epi32(1));
    const __m256i distance = _mm256_and_si256(_mm256_srli_epi32(entry, 8), _mm256_set1_epi32(0xFFF));
    return _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srl_epi32(x, t->shift)), distance);
}

static inline __m256i refill8(__m256i x, __mmask8 set, const uint8_t *at) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)at));
    const __m256i full = _mm256_maskz_expand_epi32(set, words);
    return _mm256_or_si256(_mm256_mask_slli_epi32(x, set, x, 16), full);
}

static const uint8_t *rans32(uint32_t states[SW_MAX_LANES], const uint8_t *at, const uint8_t *end,
                             const uint32_t *tables, unsigned table_bits, const uint8_t *contexts_,
                             size_t count, uint8_t *symbols) {
    const rans_table t = {tables, _mm_cvtsi32_si128((int)table_bits),
                          _mm256_set1_epi32((int)(1u << table_bits) - 1)};
    const __m256i low = _mm256_set1_epi32(SW_RANS_LOW);
    __m256i x[4];
    for (unsigned k = 0; k < 4; k++) {
        x[k] = _mm256_loadu_si256((const void *)(states + 8 * k));
    }
    size_t i = 0;
    /* 32 lanes take 64 bytes at most: each load of 16 bytes is inside. */
    for (; i < count && end - at >= 64; i += 32) {
        for (unsigned k = 0; k < 4; k++) {
            x[k] = step8(x[k], &t, contexts_ + i + 8 * k, symbols + i + 8 * k);
            const __mmask8 set = _mm256_cmplt_epu32_mask(x[k], low);
            x[k] = refill8(x[k], set, at);
            at += 2 * (unsigned)__builtin_popcount(set);
        }
    }
    for (unsigned k = 0; k < 4; k++) {
        _mm256_storeu_si256((void *)(states + 8 * k), x[k]);
    }
    return sw_portable_kernels.rans32(states, at, end, tables, table_bits, contexts_ + i, count - i, symbols + i);
}

/* 64 offsets: element 16 j + k goes to values[j][k]. */
static inline void offsets64(const sw_table256 planes[4], const uint8_t *symbols, __m512i values[4]) {
    /* Interleaving works within 128-bit lanes: elements 4 j .. 4 j + 3 of every 16 must be lane by lane. */
    const __m512i order = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), _mm512_loadu_si512(symbols));
    const __mmask64 high = _mm512_movepi8_mask(order);
    const __m512i b0 = sw_look_up256(&planes[0], order, high);
    const __m512i b1 = sw_look_up256(&planes[1], order, high);
    const __m512i b2 = sw_look_up256(&planes[2], order, high);
    const __m512i b3 = sw_look_up256(&planes[3], order, high);
    const __m512i low01 = _mm512_unpacklo_epi8(b0, b1);
    const __m512i low23 = _mm512_unpacklo_epi8(b2, b3);
    const __m512i high01 = _mm512_unpackhi_epi8(b0, b1);
    const __m512i high23 = _mm512_unpackhi_epi8(b2, b3);
    values[0] = _mm512_unpacklo_epi16(low01, low23);
    values[1] = _mm512_unpackhi_epi16(low01, low23);
    values[2] = _mm512_unpacklo_epi16(high01, high23);
    values[3] = _mm512_unpackhi_epi16(high01, high23);
}

/* Sums of each lane and all lanes before it. */
static inline __m512i running_sum(__m512i v) {
    const __m512i zero = _mm512_setzero_si512();
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
    return _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8));
}

/* The raw bits of 16 elements, 25 each at most: one load holds them all, a permute deals them out. */
static inline __m512i raw16(const uint8_t *raw, uint64_t position, __m512i bits) {
    const __m512i window = _mm512_loadu_si512(raw + (position >> 3));
    const __m512i first = _mm512_add_epi32(_mm512_sub_epi32(running_sum(bits), bits),
                                           _mm512_set1_epi32((int)(position & 7)));
    const __m512i byte = _mm512_mullo_epi32(_mm512_srli_epi32(first, 3), _mm512_set1_epi32(0x01010101));
    const __m512i four = _mm512_permutexvar_epi8(_mm512_add_epi32(byte, _mm512_set1_epi32(0x03020100)), window);
    const __m512i mask = _mm512_sub_epi32(_mm512_sllv_epi32(_mm512_set1_epi32(1), bits), _mm512_set1_epi32(1));
    return _mm512_and_si512(_mm512_srlv_epi32(four, _mm512_and_si512(first, _mm512_set1_epi32(7))), mask);
}

/* Values of 64 elements get their raw bits; returns the position after. */
static inline uint64_t raw64(const sw_numeric_header *h, uint64_t position, __m512i bits, __m512i values[4]) {
    const __m128i shift = _mm_cvtsi32_si128((int)h->shift);
    uint64_t sums[8];
    _mm512_storeu_si512(sums, _mm512_sad_epu8(bits, _mm512_setzero_si512()));
    const __m512i bits0 = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(bits));
    const __m512i bits1 = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 1));
    const __m512i bits2 = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 2));
    const __m512i bits3 = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 3));
    values[0] = _mm512_add_epi32(values[0], _mm512_sll_epi32(raw16(h->raw, position, bits0), shift));
    position += sums[0] + sums[1];
    values[1] = _mm512_add_epi32(values[1], _mm512_sll_epi32(raw16(h->raw, position, bits1), shift));
    position += sums[2] + sums[3];
    values[2] = _mm512_add_epi32(values[2], _mm512_sll_epi32(raw16(h->raw, position, bits2), shift));
    position += sums[4] + sums[5];
    values[3] = _mm512_add_epi32(values[3], _mm512_sll_epi32(raw16(h->raw, position, bits3), shift));
    return position + sums[6] + sums[7];
}

enum { RAW16_MOST = 25 };

static uint64_t expand32(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,
                         size_t count, uint64_t position, uint32_t *values) {
    const sw_table256 planes[4] = {sw_load256(w->offset_bytes[0]), sw_load256(w->offset_bytes[1]),
                                sw_load256(w->offset_bytes[2]), sw_load256(w->offset_bytes[3])};
    const sw_table256 lengths = sw_load256(w->symbol_bits);
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        const __m512i s = _mm512_loadu_si512(symbols + i);
        const __m512i bits = sw_look_up256(&lengths, s, _mm512_movepi8_mask(s));
        __m512i v[4];
        offsets64(planes, symbols + i, v);
        if (_mm512_test_epi8_mask(bits, bits) != 0) {
            /* Four loads of 64 bytes, each at most 50 bytes after the one before. */
            if (_mm512_cmpgt_epu8_mask(bits, _mm512_set1_epi8(RAW16_MOST)) != 0 ||
                (position >> 3) + 3 * 50 + 64 > h->raw_size) {
                position = sw_expand32(h, w, symbols + i, 64, position, values + i);
                continue;
            }
            position = raw64(h, position, bits, v);
        }
        _mm512_storeu_si512(values + i, v[0]);
        _mm512_storeu_si512(values + i + 16, v[1]);
        _mm512_storeu_si512(values + i + 32, v[2]);
        _mm512_storeu_si512(values + i + 48, v[3]);
    }
    return sw_expand32(h, w, symbols + i, count - i, position, values + i);
}

const sw_numeric_kernels sw_avx512_kernels = {"avx512", contexts, rans32, expand32, avx512_apply, sw_avx512_unfold16, avx512_locate};
#else
typedef int sw_no_avx512; /* C99 wants something in every file */
#endif
