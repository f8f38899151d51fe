/* What the byte model knows of where it is: hashes of contexts, matches, and the slots they lead to. */
#ifndef SW_BYTE_CONTEXT_H
#define SW_BYTE_CONTEXT_H

#include <string.h>

#include "byte_lanes.h"
#include "byte_range.h"

/* A byte that is at least so likely after a long match is settled by one decision, without the mixer. */
enum { SW_BYTE_SETTLES = 65000, SW_BYTE_MOST = 65536 - 16 };

#define SW_BYTE_MULTIPLIER UINT64_C(0x9E3779B97F4A7C15)

/* The slot of what is no match. */
enum { SW_BYTE_NO_MATCH = 256 * SW_BYTE_MATCHES };

typedef struct {
    bool found;
    unsigned byte; /* the expected one */
    unsigned kind; /* how well the match has done; 0 for none too */
    unsigned slot; /* of both */
} sw_byte_match;

/* Eight bytes, the last lowest. */
SW_BYTE_INLINE uint64_t sw_byte_eight(const uint8_t *from) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return __builtin_bswap64(v);
#else
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v = v << 8 | from[i];
    }
    return v;
#endif
}

SW_BYTE_INLINE sw_byte_match sw_byte_expect(const sw_byte_state *s, const uint8_t *window) {
    sw_byte_match m = {s->match > 0, 0, 0, SW_BYTE_NO_MATCH};
    if (m.found) {
        const uint32_t n = s->length;
        m.byte = window[s->match];
        if (s->misses > 0 && n < 16) {
            m.kind = n < 4 ? 13 : n < 8 ? 14 : 15;
        } else {
            m.kind = n < 8 ? n : n < 16 ? 8 + (n - 8) / 4 : n < 32 ? 10 + (n - 16) / 8 : 12;
        }
        m.slot = m.byte * SW_BYTE_MATCHES + m.kind;
    }
    return m;
}

/* How likely the expected byte is after a long match; NULL where the match is not long. */
SW_BYTE_INLINE uint16_t *sw_byte_surety(const sw_byte_view *v, const sw_byte_state *s, const sw_byte_match *m,
                                        unsigned sure) {
    if (!m->found || s->length < sure || s->misses > 0) {
        return NULL;
    }
    const unsigned kind = s->length < 64 ? 0 : s->length < 128 ? 1 : s->length < 512 ? 2 : 3;
    return &v->sure[m->byte * SW_BYTE_SURE + kind];
}

SW_BYTE_INLINE void sw_byte_learn_surety(uint16_t *p, bool as_expected) {
    *p = (uint16_t)(as_expected ? *p + ((65535u - *p) >> 5) : (uint32_t)*p - (*p >> 5));
}

typedef struct {
    uint16_t *slot;
    uint16_t tag;
    bool held; /* by this context; if not, the slot begins anew with the tag */
} sw_byte_found;

SW_BYTE_INLINE uint32_t sw_byte_place(const sw_byte_level *level, uint32_t hash, unsigned nibble) {
    const unsigned bits = level->slot_bits;
    return (hash >> (32 - bits) ^ nibble << 1) & ((1u << bits) - 1);
}

/* The slot of a context for one nibble: 0 for the high one, 1 + that for the low one. Two slots side by side may be its
 * own; if neither is, the one that has seen less begins anew. */
SW_BYTE_INLINE sw_byte_found sw_byte_find(const sw_byte_view *v, const sw_byte_level *level, uint32_t hash,
                                          unsigned nibble) {
    const uint32_t place = sw_byte_place(level, hash, nibble);
    const uint16_t tag = (uint16_t)((((hash & 0xFFF) ^ nibble << 7 ^ nibble << 3) | 1) << 4);
    uint16_t *a = v->slots + (size_t)place * SW_BYTE_LANES;
    /* Which of the two it is, no processor foresees: so no branch. That it is one of them, it does. */
    uint16_t *held = v->slots + (size_t)(place ^ (a[0] != tag)) * SW_BYTE_LANES;
    if (held[0] == tag) {
        return (sw_byte_found){held, tag, true};
    }
    uint16_t *b = held; /* a has not the tag */
    return (sw_byte_found){(a[1] & SW_BYTE_COUNT) <= (b[1] & SW_BYTE_COUNT) ? a : b, tag, false};
}

SW_BYTE_INLINE void sw_byte_fetch(const sw_byte_view *v, const sw_byte_state *s, const sw_byte_level *level,
                                  unsigned nibble) {
    for (unsigned i = 0; i < level->hashed; i++) {
        const uint32_t place = sw_byte_place(level, s->hashes[i], nibble);
        __builtin_prefetch(v->slots + (size_t)(place & ~1u) * SW_BYTE_LANES);
    }
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

/* How many bytes are equal, going back from two places; at most SW_BYTE_LONGEST. `recent`: the last eight before `at`. */
SW_BYTE_INLINE uint32_t sw_byte_common(const uint8_t *window, uint32_t candidate, size_t at, uint64_t recent) {
    if (candidate < 8) {
        return 0;
    }
    const uint64_t unlike = sw_byte_eight(window + candidate - 8) ^ recent;
    if (unlike != 0) {
        return (uint32_t)__builtin_ctzll(unlike) / 8;
    }
    uint32_t length = 8;
    while (length < SW_BYTE_LONGEST && candidate >= length + 8) {
        const uint64_t other =
            sw_byte_eight(window + candidate - length - 8) ^ sw_byte_eight(window + at - length - 8);
        if (other != 0) {
            return length + (uint32_t)__builtin_ctzll(other) / 8;
        }
        length += 8;
    }
    return length;
}

/* The byte before `at` is known: what the next one may repeat. */
SW_BYTE_INLINE void sw_byte_follow(const sw_byte_view *v, sw_byte_state *s, const sw_byte_level *level,
                                   const uint8_t *window, size_t at, unsigned byte) {
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
    if (at < 8) {
        return;
    }
    const uint64_t key = s->history & (UINT64_MAX >> (64 - 8 * level->matched));
    uint32_t *place = &v->places[key * SW_BYTE_MULTIPLIER >> (64 - level->match_bits)];
    if (s->match == 0 || (s->misses > 0 && s->length < 16)) {
        const uint32_t candidate = *place;
        const uint32_t length = sw_byte_common(window, candidate, at, s->history);
        if (length >= level->matched && length > s->length) {
            s->match = candidate;
            s->length = length;
            s->misses = 0;
        }
    }
    *place = (uint32_t)at;
}

/* A constant for the compiler, as levels are. */
SW_BYTE_INLINE bool sw_byte_has_word(const sw_byte_level *level) {
    for (unsigned i = 0; i < SW_BYTE_CONTEXTS; i++) {
        if (level->text[i] == SW_BYTE_WORD) {
            return true;
        }
    }
    return false;
}

/* The byte at `at` is known: history, word, match. */
SW_BYTE_INLINE void sw_byte_see(const sw_byte_view *v, sw_byte_state *s, const sw_byte_level *level,
                                const uint8_t *window, size_t at, unsigned byte) {
    s->history = s->history << 8 | byte;
    if (sw_byte_has_word(level)) {
        const unsigned lower = byte | 32;
        const bool of_word = (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte >= 128;
        s->word = of_word ? (s->word + byte + 1) * 0x2F0B4C47u : 0;
    }
    sw_byte_follow(v, s, level, window, at + 1, byte);
}

/* The contexts of the byte at `at`. */
SW_BYTE_INLINE void sw_byte_hash(sw_byte_state *s, const sw_byte_level *level, const uint8_t *window, size_t at) {
    /* Two loops, so that compilers know which contexts each has. */
    if (s->record > 0) {
        for (unsigned i = 0; i < level->hashed; i++) {
            s->hashes[i] = (uint32_t)(sw_byte_key(s, level->record[i], window, at) * SW_BYTE_MULTIPLIER >> 32);
        }
    } else {
        for (unsigned i = 0; i < level->hashed; i++) {
            s->hashes[i] = (uint32_t)(sw_byte_key(s, level->text[i], window, at) * SW_BYTE_MULTIPLIER >> 32);
        }
    }
}

#endif
