#include "numeric_symbols.h"

#include "bytes.h"

sw_status sw_rans_start(sw_rans *r, const sw_numeric_header *h) {
    const unsigned lanes = 1u << h->lane_bits;
    r->lane = 0;
    r->at = h->words;
    r->end = r->at + h->words_size;
    if (h->words_size < 4 * (size_t)lanes) {
        return SW_ERROR_TRUNCATED;
    }
    for (unsigned i = 0; i < lanes; i++, r->at += 4) {
        r->states[i] = sw_load32(r->at);
        if (r->states[i] < SW_RANS_LOW) {
            return SW_ERROR_ENTROPY;
        }
    }
    return SW_OK;
}

sw_status sw_rans_end(const sw_rans *r, const sw_numeric_header *h) {
    for (unsigned i = 0; i < 1u << h->lane_bits; i++) {
        if (r->states[i] != SW_RANS_LOW) {
            return SW_ERROR_ENTROPY;
        }
    }
    return r->at == r->end ? SW_OK : SW_ERROR_TRUNCATED;
}

static bool next_symbol(sw_rans *r, const sw_numeric_header *h, const sw_numeric_work *w, uint8_t context,
                        uint8_t *symbol) {
    const unsigned bits = h->table_bits;
    uint32_t x = r->states[r->lane];
    const uint32_t entry = w->tables[((size_t)context << bits) + (x & ((1u << bits) - 1))];
    x = ((entry >> 20) + 1) * (x >> bits) + (entry >> 8 & 0xFFF);
    if (x < SW_RANS_LOW) {
        if (r->end - r->at < 2) {
            return false;
        }
        x = x << 16 | sw_load16(r->at);
        r->at += 2;
    }
    r->states[r->lane] = x;
    r->lane = (r->lane + 1) & ((1u << h->lane_bits) - 1);
    *symbol = (uint8_t)entry;
    return true;
}

/* One step of a lane. Few lanes mean few words and a commonest symbol that nearly all are: both branches are seldom
 * taken, and the next state waits for no table. */
#define SW_STEP(K)                                                                              \
    {                                                                                           \
        const uint8_t context = contexts[i + K];                                                \
        const sw_commonest *c = &commonest[context];                                            \
        const uint32_t distance = (x##K & mask) - c->first;                                     \
        uint8_t symbol = c->symbol;                                                             \
        if (__builtin_expect(distance < c->frequency, 1)) {                                     \
            x##K = c->frequency * (x##K >> bits) + distance;                                    \
        } else {                                                                                \
            const uint32_t entry = tables[((size_t)context << bits) + (x##K & mask)];           \
            x##K = ((entry >> 20) + 1) * (x##K >> bits) + (entry >> 8 & 0xFFF);                 \
            symbol = (uint8_t)entry;                                                            \
        }                                                                                       \
        symbols[i + K] = symbol;                                                                \
        if (__builtin_expect(x##K < SW_RANS_LOW, 0)) {                                          \
            if (r->end - at < 2) {                                                              \
                return false;                                                                   \
            }                                                                                   \
            x##K = x##K << 16 | sw_load16(at);                                                  \
            at += 2;                                                                            \
        }                                                                                       \
    }

/* Inlined once for each precision, so that shifts are by constants. */
#define SW_INLINE static inline __attribute__((always_inline))

/* Four lanes from the first: count is a multiple of 4. */
SW_INLINE bool next_fours(sw_rans *r, unsigned bits, sw_numeric_work *w, size_t count) {
    const uint8_t *contexts = w->contexts;
    uint8_t *symbols = w->symbols;
    const uint32_t *tables = w->tables;
    const sw_commonest *commonest = w->commonest;
    const uint32_t mask = (1u << bits) - 1;
    const uint8_t *at = r->at;
    uint32_t x0 = r->states[0], x1 = r->states[1], x2 = r->states[2], x3 = r->states[3];
    for (size_t i = 0; i < count; i += 4) {
        SW_STEP(0)
        SW_STEP(1)
        SW_STEP(2)
        SW_STEP(3)
    }
    r->states[0] = x0;
    r->states[1] = x1;
    r->states[2] = x2;
    r->states[3] = x3;
    r->at = at;
    return true;
}

SW_INLINE bool next_ones(sw_rans *r, unsigned bits, sw_numeric_work *w, size_t count) {
    const uint8_t *contexts = w->contexts;
    uint8_t *symbols = w->symbols;
    const uint32_t *tables = w->tables;
    const sw_commonest *commonest = w->commonest;
    const uint32_t mask = (1u << bits) - 1;
    const uint8_t *at = r->at;
    uint32_t x0 = r->states[0];
    for (size_t i = 0; i < count; i++) {
        SW_STEP(0)
    }
    r->states[0] = x0;
    r->at = at;
    return true;
}

static bool next_few(sw_rans *r, const sw_numeric_header *h, sw_numeric_work *w, size_t count) {
    const bool four = h->lane_bits == 2;
    switch (h->table_bits) {
    case 10:
        return four ? next_fours(r, 10, w, count) : next_ones(r, 10, w, count);
    case 11:
        return four ? next_fours(r, 11, w, count) : next_ones(r, 11, w, count);
    default:
        return four ? next_fours(r, SW_MAX_TABLE_BITS, w, count) : next_ones(r, SW_MAX_TABLE_BITS, w, count);
    }
}

bool sw_rans_symbols(sw_rans *r, const sw_numeric_kernels *kernels, const sw_numeric_header *h, sw_numeric_work *w,
                     size_t count) {
    size_t done = 0;
    if (h->lane_bits == 5 && r->lane == 0) {
        done = count & ~(size_t)31;
        r->at = kernels->rans32(r->states, r->at, r->end, w->tables, h->table_bits, w->contexts, done, w->symbols);
        if (r->at == NULL) {
            return false;
        }
    }
    if ((h->lane_bits == 2 && r->lane == 0) || h->lane_bits == 0) {
        done = h->lane_bits == 2 ? count & ~(size_t)3 : count;
        if (!next_few(r, h, w, done)) {
            return false;
        }
    }
    for (; done < count; done++) {
        if (!next_symbol(r, h, w, w->contexts[done], &w->symbols[done])) {
            return false;
        }
    }
    return true;
}
