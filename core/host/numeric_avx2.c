/* The decoder's hot loops in AVX2 and BMI2. */
#if defined(__AVX2__) && defined(__BMI2__)
#include "classes_avx2.h"
#include "look_up8.h"
#include "numeric_avx2.h"

#define SW_KERNEL(name) avx2_##name
#include "numeric_kernels.h"
#include "class_masks.h"

static void contexts(const uint8_t *base, size_t count, const sw_numeric_header *h,
                     const uint8_t table_of[SW_CLASSES], uint8_t *out) {
    const size_t made = sw_classes_by_32(base, count, &h->shape, h->class_top, out);
    avx2_classes(base + made * h->shape.width, count - made, &h->shape, h->class_top, out + made);
    if (table_of == NULL) {
        return;
    }
    const __m256i tables = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table_of));
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        const __m256i c = _mm256_loadu_si256((const void *)(out + i));
        _mm256_storeu_si256((void *)(out + i), _mm256_shuffle_epi8(tables, c));
    }
    for (; i < count; i++) {
        out[i] = table_of[out[i]];
    }
}

/* For each set of refilled lanes: which of the next eight words each lane takes. */
static uint8_t refill_order[256][8];

__attribute__((constructor)) static void fill_refill_order(void) {
    for (unsigned set = 0; set < 256; set++) {
        uint8_t next = 0;
        for (unsigned lane = 0; lane < 8; lane++) {
            refill_order[set][lane] = next;
            next = (uint8_t)(next + (set >> lane & 1));
        }
    }
}

typedef struct {
    const uint32_t *tables;
    __m128i shift;
    __m256i slot_mask;
} rans_table;

static inline __m256i step8(__m256i x, const rans_table *t, const uint8_t *contexts_, uint8_t *symbols) {
    const __m256i context = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)contexts_));
    const __m256i at = _mm256_or_si256(_mm256_sll_epi32(context, t->shift), _mm256_and_si256(x, t->slot_mask));
    const __m256i entry = sw_look_up8(t->tables, at);
    /* The low byte of each lane, lane after lane. */
    const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                          0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i bytes = _mm256_shuffle_epi8(entry, pick);
    _mm_storel_epi64((void *)symbols,
                     _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
    const __m256i frequency = _mm256_add_epi32(_mm256_srli_epi32(entry, 20), _mm256_set1_epi32(1));
    const __m256i distance = _mm256_and_si256(_mm256_srli_epi32(entry, 8), _mm256_set1_epi32(0xFFF));
    return _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srl_epi32(x, t->shift)), distance);
}

/* A state below the least one has nothing above its low 16 bits. */
static inline unsigned wants_refill(__m256i x) {
    const __m256i empty = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(empty));
}

static inline __m256i refill8(__m256i x, unsigned set, const uint8_t *at) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)at));
    const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)refill_order[set]));
    const __m256i full = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_permutevar8x32_epi32(words, order));
    const __m256i empty = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
    return _mm256_blendv_epi8(x, full, empty);
}

static const uint8_t *rans32(uint32_t states[SW_MAX_LANES], const uint8_t *at, const uint8_t *end,
                             const uint32_t *tables, unsigned table_bits, const uint8_t *contexts_,
                             size_t count, uint8_t *symbols) {
    const rans_table t = {tables, _mm_cvtsi32_si128((int)table_bits),
                          _mm256_set1_epi32((int)(1u << table_bits) - 1)};
    __m256i x[4];
    for (unsigned k = 0; k < 4; k++) {
        x[k] = _mm256_loadu_si256((const void *)(states + 8 * k));
    }
    size_t i = 0;
    /* 32 lanes take 64 bytes at most: each load of 16 bytes is inside. */
    for (; i < count && end - at >= 64; i += 32) {
        unsigned set[4];
        for (unsigned k = 0; k < 4; k++) {
            x[k] = step8(x[k], &t, contexts_ + i + 8 * k, symbols + i + 8 * k);
            set[k] = wants_refill(x[k]);
        }
        for (unsigned k = 0; k < 4; k++) {
            x[k] = refill8(x[k], set[k], at);
            at += 2 * (unsigned)__builtin_popcount(set[k]);
        }
    }
    for (unsigned k = 0; k < 4; k++) {
        _mm256_storeu_si256((void *)(states + 8 * k), x[k]);
    }
    return sw_portable_kernels.rans32(states, at, end, tables, table_bits, contexts_ + i, count - i, symbols + i);
}

/* Element by element: shifts and masks take one instruction each here. */
static uint64_t expand32(const sw_numeric_header *h, const sw_numeric_work *w, const uint8_t *symbols,
                         size_t count, uint64_t position, uint32_t *values) {
    size_t i = 0;
    if (h->most_bits > 0 && h->most_bits <= 28) {
        /* Two elements a load: 7 + 2 * 28 bits fit one of 64. */
        for (; i + 2 <= count && (position >> 3) + 8 <= h->raw_size; i += 2) {
            const uint64_t window = sw_load64(h->raw + (position >> 3)) >> (position & 7);
            const unsigned bits0 = w->symbol_bits[symbols[i]];
            const unsigned bits1 = w->symbol_bits[symbols[i + 1]];
            const uint64_t raw0 = _bzhi_u64(window, bits0);
            const uint64_t raw1 = _bzhi_u64(window >> bits0, bits1);
            values[i] = (uint32_t)(w->symbol_offset[symbols[i]] + raw0) << h->shift;
            values[i + 1] = (uint32_t)(w->symbol_offset[symbols[i + 1]] + raw1) << h->shift;
            position += bits0 + bits1;
        }
    }
    return sw_expand32(h, w, symbols + i, count - i, position, values + i);
}

const sw_numeric_kernels sw_avx2_kernels = {"avx2", contexts, rans32, expand32, avx2_apply, sw_avx2_unfold16, avx2_locate};
#else
typedef int sw_no_avx2; /* C99 wants something in every file */
#endif
