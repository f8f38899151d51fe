#include "match_extend.h"

static unsigned equal_bytes(uint64_t a, uint64_t b) {
    uint64_t x = a ^ b;
    x |= x >> 4;
    x |= x >> 2;
    x |= x >> 1;
    x = ~x & UINT64_C(0x0101010101010101);
    return (unsigned)(x * UINT64_C(0x0101010101010101) >> 56);
}

uint64_t sw_common_front(const uint8_t *a, const uint8_t *b, uint64_t n) {
    uint64_t i = 0;
    while (n - i >= 32) {
        const uint64_t x = (sw_load64(a + i) ^ sw_load64(b + i)) | (sw_load64(a + i + 8) ^ sw_load64(b + i + 8));
        const uint64_t y = (sw_load64(a + i + 16) ^ sw_load64(b + i + 16)) |
                           (sw_load64(a + i + 24) ^ sw_load64(b + i + 24));
        if ((x | y) != 0) {
            break;
        }
        i += 32;
    }
    while (n - i >= 8) {
        const uint64_t x = sw_load64(a + i) ^ sw_load64(b + i);
        if (x != 0) {
            return i + ((unsigned)__builtin_ctzll(x) >> 3);
        }
        i += 8;
    }
    while (i < n && a[i] == b[i]) {
        i++;
    }
    return i;
}

uint64_t sw_common_back(const uint8_t *a, const uint8_t *b, uint64_t n) {
    uint64_t i = 0;
    while (n - i >= 8) {
        const uint64_t x = sw_load64(a - i - 8) ^ sw_load64(b - i - 8);
        if (x != 0) {
            return i + ((unsigned)__builtin_clzll(x) >> 3);
        }
        i += 8;
    }
    while (i < n && *(a - i - 1) == *(b - i - 1)) {
        i++;
    }
    return i;
}

uint64_t sw_count_equal(const uint8_t *a, const uint8_t *b, uint64_t n) {
    uint64_t equal = 0;
    uint64_t i = 0;
    for (; n - i >= 8; i += 8) {
        equal += equal_bytes(sw_load64(a + i), sw_load64(b + i));
    }
    for (; i < n; i++) {
        equal += a[i] == b[i];
    }
    return equal;
}

/* Scores are looked at after every eighth byte: the end is then put right by the byte. */
uint64_t sw_similar_front(const uint8_t *a, const uint8_t *b, uint64_t n, unsigned weight) {
    int64_t score = 0;
    int64_t best_score = 0;
    uint64_t best = 0;
    for (uint64_t i = 0; i < n; i += 8) {
        const uint64_t m = n - i < 8 ? n - i : 8;
        const uint8_t *p = a + i;
        const uint8_t *q = b + i;
        const uint64_t equal = m == 8 ? equal_bytes(sw_load64(p), sw_load64(q)) : sw_count_equal(p, q, m);
        score += (int64_t)(equal * weight) - (int64_t)m;
        if (score > best_score) {
            best_score = score;
            best = i + m;
        }
    }
    best += sw_common_front(a + best, b + best, n - best < 8 ? n - best : 8);
    while (best > 0 && a[best - 1] != b[best - 1]) {
        best--;
    }
    return best;
}

uint64_t sw_similar_back(const uint8_t *a, const uint8_t *b, uint64_t n, unsigned weight) {
    int64_t score = 0;
    int64_t best_score = 0;
    uint64_t best = 0;
    for (uint64_t i = 0; i < n; i += 8) {
        const uint64_t m = n - i < 8 ? n - i : 8;
        const uint8_t *p = a - i - m;
        const uint8_t *q = b - i - m;
        const uint64_t equal = m == 8 ? equal_bytes(sw_load64(p), sw_load64(q)) : sw_count_equal(p, q, m);
        score += (int64_t)(equal * weight) - (int64_t)m;
        if (score > best_score) {
            best_score = score;
            best = i + m;
        }
    }
    best += sw_common_back(a - best, b - best, n - best < 8 ? n - best : 8);
    while (best > 0 && *(a - best) != *(b - best)) {
        best--;
    }
    return best;
}
