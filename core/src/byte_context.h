/* What the byte model knows of where it is: hashes of contexts, matches, and the slots they lead to. */
#ifndef SW_BYTE_CONTEXT_H
#define SW_BYTE_CONTEXT_H

#include <string.h>

#include "byte_lanes.h"
#include "byte_range.h"

typedef struct {
    bool found;
    unsigned byte; /* the expected one */
    unsigned kind; /* how well the match has done */
} sw_byte_match;

SW_BYTE_INLINE uint64_t sw_byte_mixed(uint64_t key) {
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return (key ^ key >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
}

SW_BYTE_INLINE sw_byte_match sw_byte_expect(const sw_byte_state *s, const uint8_t *window) {
    sw_byte_match m = {s->match > 0, 0, 0};
    if (m.found) {
        const uint32_t n = s->length;
        m.byte = window[s->match];
        if (s->misses > 0 && n < 16) {
            m.kind = n < 4 ? 13 : n < 8 ? 14 : 15;
        } else {
            m.kind = n < 8 ? n : n < 16 ? 8 + (n - 8) / 4 : n < 32 ? 10 + (n - 16) / 8 : 12;
        }
    }
    return m;
}

/* How likely the expected byte is after a long match; NULL where the match is not long. */
SW_BYTE_INLINE uint16_t *sw_byte_surety(sw_byte_state *s, const sw_byte_match *m, unsigned sure) {
    if (sure == 0 || !m->found || s->length < sure || s->misses > 0) {
        return NULL;
    }
    return &s->sure[m->byte * SW_BYTE_SURE + (s->length < 64 ? 0u : s->length < 128 ? 1u : s->length < 512 ? 2u : 3u)];
}

SW_BYTE_INLINE void sw_byte_learn_surety(uint16_t *p, bool as_expected) {
    *p = (uint16_t)(as_expected ? *p + ((65535u - *p) >> 5) : (uint32_t)*p - (*p >> 5));
}

/* The slot of a context for one nibble: 0 for the high one, 1 + that for the low one. Two slots side by side may be its
 * own; if neither is, the one that has seen less begins anew. */
SW_BYTE_INLINE uint16_t *sw_byte_slot(const sw_byte_view *v, uint32_t hash, unsigned nibble) {
    const unsigned bits = sw_byte_levels[v->state->level].slot_bits;
    const uint32_t place = (hash >> (32 - bits) ^ nibble << 1) & ((1u << bits) - 1);
    const uint16_t tag = (uint16_t)((((hash & 0xFFF) ^ nibble << 7 ^ nibble << 3) | 1) << 4);
    uint16_t *a = v->slots + (size_t)place * SW_BYTE_LANES;
    uint16_t *b = v->slots + (size_t)(place ^ 1) * SW_BYTE_LANES;
    if (a[0] == tag) {
        return a;
    }
    if (b[0] == tag) {
        return b;
    }
    uint16_t *fresh = (a[1] & SW_BYTE_COUNT) <= (b[1] & SW_BYTE_COUNT) ? a : b;
    fresh[0] = tag;
    for (unsigned i = 1; i < SW_BYTE_LANES; i++) {
        fresh[i] = 1u << 15;
    }
    return fresh;
}

/* The key of a context after `at` bytes and one more, `at` itself. */
SW_BYTE_INLINE uint64_t sw_byte_key(const sw_byte_state *s, unsigned context, const uint8_t *window, size_t next) {
    if (context <= SW_BYTE_ORDER6) {
        return (s->history & (UINT64_MAX >> (64 - 8 * context))) + context;
    }
    const uint64_t last = s->history & 255;
    if (context == SW_BYTE_WORD) {
        return s->word + (last << 32) + 77;
    }
    const uint64_t above = next >= s->record ? window[next - s->record] : 0;
    const uint64_t twice = next >= 2 * (size_t)s->record ? window[next - 2 * (size_t)s->record] : 0;
    uint64_t key = above;
    if (context == SW_BYTE_ABOVE_1) {
        key |= last << 8;
    } else if (context == SW_BYTE_ABOVE_TWO) {
        key |= twice << 8;
    } else if (context == SW_BYTE_COLUMN_2) {
        key = s->history & 0xFFFF;
    }
    return key << 16 | next % s->record | (uint64_t)context << 56;
}

SW_BYTE_INLINE void sw_byte_follow(const sw_byte_view *v, unsigned bits, const uint8_t *window, size_t at,
                                   unsigned byte) {
    sw_byte_state *s = v->state;
    if (s->match > 0) {
        if (window[s->match] == byte) {
            s->length += s->length < 65535;
            s->misses = s->length >= 16 ? 0 : s->misses;
            s->match++;
        } else {
            /* It goes on after a byte that differs: a number in a log, a name in a record. */
            s->misses++;
            s->length = 0;
            s->match = s->misses > 8 ? 0 : s->match + 1;
        }
    }
    if (at + 1 < SW_BYTE_MATCHED) {
        return;
    }
    const uint64_t key = s->history & (UINT64_MAX >> (64 - 8 * SW_BYTE_MATCHED));
    uint32_t *place = &v->places[key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - bits)];
    if (s->match == 0 || (s->misses > 0 && s->length < 16)) {
        const uint32_t candidate = *place;
        uint32_t length = 0;
        while (length < 32 && length < candidate && window[candidate - 1 - length] == window[at - length]) {
            length++;
        }
        if (length >= SW_BYTE_MATCHED && length > s->length) {
            s->match = candidate;
            s->length = length;
            s->misses = 0;
        }
    }
    *place = (uint32_t)(at + 1);
}

/* The byte at `at` is known: history, contexts, match. */
SW_BYTE_INLINE void sw_byte_see(const sw_byte_view *v, const sw_byte_level *level, unsigned hashed,
                                const uint8_t *window, size_t at, unsigned byte) {
    sw_byte_state *s = v->state;
    s->history = s->history << 8 | byte;
    const unsigned lower = byte | 32;
    const bool of_word = (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte >= 128;
    s->word = of_word ? (s->word + byte + 1) * 0x2F0B4C47u : 0;
    const uint8_t *contexts = s->record > 0 ? level->record : level->text;
    for (unsigned i = 0; i < hashed; i++) {
        s->hashes[i] = (uint32_t)(sw_byte_mixed(sw_byte_key(s, contexts[i], window, at + 1)) >> 32);
        __builtin_prefetch(v->slots + ((size_t)(s->hashes[i] >> (32 - level->slot_bits)) & ~(size_t)1) * SW_BYTE_LANES);
    }
    sw_byte_follow(v, level->match_bits, window, at, byte);
}

#endif
