/* Where each class is among 64 elements, as bits; and, from that, the loops of SCATTERED, compiled once for every
 * instruction set. Include after defining SW_KERNEL(name). */
#include "numeric_encode.h"
#include "scattered.h"

#if defined(__AVX512BW__)
#include <immintrin.h>
typedef __m512i sw_classes64;

static inline sw_classes64 sw_load_classes(const uint8_t *classes) {
    return _mm512_loadu_si512((const void *)classes);
}

static inline uint64_t sw_class_mask(sw_classes64 classes, unsigned class_) {
    return _mm512_cmpeq_epi8_mask(classes, _mm512_set1_epi8((char)class_));
}
#elif defined(__AVX2__)
#include <immintrin.h>
typedef struct {
    __m256i half[2];
} sw_classes64;

static inline sw_classes64 sw_load_classes(const uint8_t *classes) {
    return (sw_classes64){{_mm256_loadu_si256((const void *)classes), _mm256_loadu_si256((const void *)(classes + 32))}};
}

static inline uint64_t sw_class_mask(sw_classes64 classes, unsigned class_) {
    const __m256i wanted = _mm256_set1_epi8((char)class_);
    const uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(classes.half[0], wanted));
    const uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(classes.half[1], wanted));
    return (uint64_t)high << 32 | low;
}
#else
#include <arm_neon.h>
typedef uint8x16x4_t sw_classes64;

static inline sw_classes64 sw_load_classes(const uint8_t *classes) {
    return vld1q_u8_x4(classes);
}

/* Each byte that is equal keeps the bit of its place; three rounds of sums of neighbours bring eight bytes to one. */
static inline uint64_t sw_class_mask(sw_classes64 classes, unsigned class_) {
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t place = vld1q_u8(places);
    const uint8x16_t wanted = vdupq_n_u8((uint8_t)class_);
    const uint8x16_t a = vandq_u8(vceqq_u8(classes.val[0], wanted), place);
    const uint8x16_t b = vandq_u8(vceqq_u8(classes.val[1], wanted), place);
    const uint8x16_t c = vandq_u8(vceqq_u8(classes.val[2], wanted), place);
    const uint8x16_t d = vandq_u8(vceqq_u8(classes.val[3], wanted), place);
    uint8x16_t sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    sum = vpaddq_u8(sum, sum);
    return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0);
}
#endif

/* The place of the one of mask that has `below` ones below it. */
static inline uint64_t sw_one_of(uint64_t mask, unsigned below) {
#ifdef __BMI2__
    return _pdep_u64(UINT64_C(1) << below, mask);
#else
    for (; below > 0; below--) {
        mask &= mask - 1;
    }
    return mask & (0 - mask);
#endif
}

/* A round works on so many groups of 64, so that what it does once a class is spread over them. */
enum { SW_ROUND = SW_SCATTERED_ROUND / 64 };

typedef struct {
    sw_classes64 group[SW_ROUND];
} sw_class_round;

static inline sw_class_round sw_load_round(const uint8_t *classes) {
    sw_class_round round;
    for (unsigned k = 0; k < SW_ROUND; k++) {
        round.group[k] = sw_load_classes(classes + 64 * k);
    }
    return round;
}

#if defined(__AVX2__) && !defined(__AVX512BW__)
/* Two classes a byte, one in each half: a round has at most eight bytes that are added up. Their sums, in four parts. */
static inline void sw_count_pair(const sw_class_round *round, unsigned class_, __m256i *even, __m256i *odd) {
    const __m256i wanted = _mm256_set1_epi8((char)class_);
    const __m256i places = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    const __m256i ones = _mm256_and_si256(_mm256_cmpeq_epi8(places, wanted), _mm256_set1_epi8(1));
    const __m256i following = _mm256_add_epi8(wanted, _mm256_set1_epi8(1));
    const __m256i sixteens = _mm256_and_si256(_mm256_cmpeq_epi8(places, following), _mm256_set1_epi8(16));
    const __m256i table = _mm256_or_si256(ones, sixteens);
    __m256i sum = _mm256_setzero_si256();
    for (unsigned k = 0; k < SW_ROUND; k++) {
        sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(table, round->group[k].half[0]));
        sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(table, round->group[k].half[1]));
    }
    const __m256i half = _mm256_set1_epi8(15);
    *even = _mm256_sad_epu8(_mm256_and_si256(sum, half), _mm256_setzero_si256());
    *odd = _mm256_sad_epu8(_mm256_and_si256(_mm256_srli_epi16(sum, 4), half), _mm256_setzero_si256());
}

/* Of four classes, each in two parts. */
static inline __m256i sw_count_four(const sw_class_round *round, unsigned class_) {
    __m256i even[2];
    __m256i odd[2];
    for (unsigned k = 0; k < 2; k++) {
        sw_count_pair(round, class_ + 2 * k, &even[k], &odd[k]);
        even[k] = _mm256_or_si256(even[k], _mm256_slli_epi64(odd[k], 32));
    }
    return _mm256_add_epi32(_mm256_unpacklo_epi64(even[0], even[1]), _mm256_unpackhi_epi64(even[0], even[1]));
}

static inline __m256i sw_count_eight(const sw_class_round *round, unsigned class_) {
    const __m256i first = sw_count_four(round, class_);
    const __m256i second = sw_count_four(round, class_ + 4);
    return _mm256_add_epi32(_mm256_permute2x128_si256(first, second, 0x20), _mm256_permute2x128_si256(first, second, 0x31));
}

/* How often each class is in a round; those outside of least to most may be left at zero. */
static inline void sw_round_counts(const sw_class_round *round, unsigned least, unsigned most, uint32_t counts[SW_CLASSES]) {
    (void)least;
    (void)most;
    for (unsigned c = 0; c < SW_CLASSES; c += 8) {
        _mm256_storeu_si256((void *)(counts + c), sw_count_eight(round, c));
    }
}
#else
/* How often each class is in a round; those outside of least to most may be left at zero. */
static inline void sw_round_counts(const sw_class_round *round, unsigned least, unsigned most, uint32_t counts[SW_CLASSES]) {
    memset(counts, 0, SW_CLASSES * sizeof *counts);
    for (unsigned c = least; c <= most; c++) {
        for (unsigned k = 0; k < SW_ROUND; k++) {
            counts[c] += (uint32_t)__builtin_popcountll(sw_class_mask(round->group[k], c));
        }
    }
}
#endif

/* Passes a round; returns which classes change in it. */
static inline uint32_t sw_pass(uint32_t left[SW_CLASSES], const uint32_t counts[SW_CLASSES]) {
    uint32_t present = 0;
#if defined(__AVX2__)
    for (unsigned c = 0; c < SW_CLASSES; c += 8) {
        const __m256i before = _mm256_loadu_si256((const void *)(left + c));
        const __m256i count = _mm256_loadu_si256((const void *)(counts + c));
        present |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(count, before))) << c;
        _mm256_storeu_si256((void *)(left + c), _mm256_sub_epi32(before, count));
    }
#else
    for (unsigned c = 0; c < SW_CLASSES; c++) {
        present |= (uint32_t)(left[c] < counts[c]) << c;
        left[c] -= counts[c];
    }
#endif
    return present;
}

/* Marks the changes of a class in a round that has `count` of it, and one change at least. Where they are cannot be foreseen, so
 * nothing branches on it. */
static inline void SW_KERNEL(mark)(const sw_class_round *round, unsigned class_, uint32_t count, sw_scattered_gaps *gaps,
                                   uint64_t changed[SW_ROUND]) {
    uint64_t masks[SW_ROUND];
    uint32_t before[SW_ROUND + 1] = {0}; /* of the class, in the groups before */
    for (unsigned k = 0; k < SW_ROUND; k++) {
        masks[k] = sw_class_mask(round->group[k], class_);
        before[k + 1] = before[k] + (uint32_t)__builtin_popcountll(masks[k]);
    }
    uint32_t left = gaps->left[class_];
    do {
        unsigned k = 0;
        for (unsigned i = 1; i < SW_ROUND; i++) {
            k += left >= before[i];
        }
        changed[k] |= sw_one_of(masks[k], left - before[k]);
        sw_next_gap(gaps, class_);
        left += gaps->left[class_] + 1;
    } while (left < count);
    gaps->left[class_] = left - count;
}

/* The numbers of the changes of a round; up to SW_MAX_CHANGES and three more may be written. */
static inline size_t sw_put_positions(const uint64_t changed[SW_ROUND], uint32_t first, uint32_t *positions) {
    size_t found = 0;
    for (unsigned k = 0; k < SW_ROUND; k++) {
        uint64_t left = changed[k];
        const unsigned count = (unsigned)__builtin_popcountll(left);
        /* Most groups have few: writing four at once spares a branch that cannot be foreseen. */
        for (unsigned i = 0; i < 4; i++) {
            positions[found + i] = first + 64 * k + (uint32_t)__builtin_ctzll(left | UINT64_C(1) << 63);
            left &= left - 1;
        }
        for (unsigned i = 4; i < count; i++, left &= left - 1) {
            positions[found + i] = first + 64 * k + (uint32_t)__builtin_ctzll(left);
        }
        found += count;
    }
    return found;
}

SW_UNUSED static size_t SW_KERNEL(locate)(const uint8_t *classes, size_t count, sw_scattered_gaps *gaps, uint32_t first,
                                          uint32_t *positions) {
    size_t found = 0;
    for (size_t at = 0; at < count; at += SW_SCATTERED_ROUND) {
        const sw_class_round round = sw_load_round(classes + at);
        uint32_t counts[SW_CLASSES];
        sw_round_counts(&round, gaps->least, gaps->most, counts);
        uint32_t present = sw_pass(gaps->left, counts);
        if (present == 0) {
            continue;
        }
        uint64_t changed[SW_ROUND] = {0};
        for (; present != 0; present &= present - 1) {
            const unsigned c = (unsigned)__builtin_ctz(present);
            gaps->left[c] += counts[c];
            SW_KERNEL(mark)(&round, c, counts[c], gaps, changed);
        }
        found += sw_put_positions(changed, first + (uint32_t)at, positions + found);
    }
    return found;
}

/* Elements of the class of element i of a round that stand before it in the round. */
static inline uint32_t SW_KERNEL(before)(const sw_class_round *round, unsigned class_, unsigned i) {
    uint32_t count = 0;
    for (unsigned k = 0; k < SW_ROUND; k++) {
        const uint64_t below = i / 64 < k ? 0 : i / 64 > k ? UINT64_MAX : (UINT64_C(1) << i % 64) - 1;
        count += (uint32_t)__builtin_popcountll(sw_class_mask(round->group[k], class_) & below);
    }
    return count;
}

SW_UNUSED static size_t SW_KERNEL(measure_gaps)(const uint8_t *classes, size_t count, const uint64_t *changed,
                                                sw_class_counts *counts, sw_gap *gaps) {
    size_t found = 0;
    for (size_t at = 0; at < count; at += SW_SCATTERED_ROUND) {
        const sw_class_round round = sw_load_round(classes + at);
        for (unsigned k = 0; k < SW_ROUND; k++) {
            for (uint64_t left = changed[at / 64 + k]; left != 0; left &= left - 1) {
                const unsigned i = 64 * k + (unsigned)__builtin_ctzll(left);
                const uint8_t c = classes[at + i];
                const uint32_t number = counts->seen[c] + SW_KERNEL(before)(&round, c, i);
                gaps[found++] = (sw_gap){number - counts->behind[c], c};
                counts->behind[c] = number + 1;
            }
        }
        uint32_t more[SW_CLASSES];
        sw_round_counts(&round, 0, SW_CLASSES - 1, more);
        for (unsigned c = 0; c < SW_CLASSES; c++) {
            counts->seen[c] += more[c];
        }
    }
    return found;
}
