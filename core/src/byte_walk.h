/* One walk for decoder, encoder and training, over the lanes of one instruction set.
 *
 * Include after a header of lanes (byte_lanes_portable.h or a like one), which gives the type sw_lanes and what is done
 * with it; SW_BYTE_WALK and SW_BYTE_UNROLL say whether it is written out for every level.
 * SW_BYTE(name) names what is static here.
 */
#include "byte_context.h"
#include "byte_range.h"

enum { SW_BYTE_ORDER1, SW_BYTE_ORDER0, SW_BYTE_MATCH, SW_BYTE_FIRST_HASHED };

/* Decisions at the ends would cost more than 12 bits when they are wrong. */
enum { SW_BYTE_LEAST = 16, SW_BYTE_MOST = 65536 - 16, SW_BYTE_LEARNING = 9 };

/* A byte that is at least so likely after a long match is settled by one decision, without the mixer. */
enum { SW_BYTE_SETTLES = 65000 };

typedef struct {
    sw_byte_view v;
    sw_byte_range range;
    const uint8_t *window;
    sw_byte_match match;
} SW_BYTE(walk);

/* high: which half of the byte; before: the high nibble, for the low one. symbol: the nibble, unless decoding. */
SW_BYTE_WALK unsigned SW_BYTE(nibble)(SW_BYTE(walk) *w, sw_byte_mode mode, unsigned hashed, unsigned high,
                                        unsigned before, unsigned symbol) {
    const sw_byte_view *v = &w->v;
    const unsigned inputs = hashed + SW_BYTE_FIRST_HASHED;
    const size_t set = (size_t)inputs * SW_BYTE_LANES;
    const unsigned last = (unsigned)(v->state->history & 255);
    const bool matched = w->match.found && (high || w->match.byte >> 4 == before);
    uint16_t *slots[SW_BYTE_INPUTS];
    sw_lanes inputs_at[SW_BYTE_INPUTS];
    sw_lanes learned[SW_BYTE_INPUTS];
    int16_t *by_count[SW_BYTE_INPUTS];

    slots[SW_BYTE_ORDER1] = v->first[high] + SW_BYTE_LANES * (high ? last : last * 16 + before);
    slots[SW_BYTE_ORDER0] = v->none[high] + SW_BYTE_LANES * before;
    slots[SW_BYTE_MATCH] = v->matched[high] + SW_BYTE_LANES * (matched ? w->match.byte * SW_BYTE_MATCHES + w->match.kind
                                                                       : 256 * SW_BYTE_MATCHES);
    SW_BYTE_UNROLL for (unsigned i = 0; i < hashed; i++) {
        slots[SW_BYTE_FIRST_HASHED + i] = sw_byte_slot(v, v->state->hashes[i], high ? 0 : 1 + before);
    }
    int16_t *by_match = v->by_match[high] + set * (matched ? w->match.kind : 0);
    int16_t *by_nibble = v->by_nibble + set * (high ? 0 : 1 + before);
    int16_t *by_byte = v->by_byte[high] + set * last;

    /* The order of the saturating additions is part of the format. */
    sw_lanes sum = sw_lanes_zero();
    SW_BYTE_UNROLL for (unsigned i = 0; i < inputs; i++) {
        const size_t lane = (size_t)i * SW_BYTE_LANES;
        by_count[i] = v->by_count[high] + SW_BYTE_LANES * ((SW_BYTE_COUNT + 1) * i + (slots[i][1] & SW_BYTE_COUNT));
        learned[i] = sw_lanes_load(slots[i]);
        inputs_at[i] = sw_lanes_stretch(learned[i]);
        sw_lanes weight = sw_lanes_add(sw_lanes_load(by_match + lane), sw_lanes_load(by_nibble + lane));
        weight = sw_lanes_add(weight, sw_lanes_load(by_byte + lane));
        weight = sw_lanes_add(weight, sw_lanes_load(by_count[i]));
        sum = sw_lanes_add(sum, sw_lanes_multiply(inputs_at[i], weight));
    }
    int16_t sums[SW_BYTE_LANES];
    sw_lanes_store(sums, sum);

    unsigned node = 1;
    uint64_t errors = 0;
    SW_BYTE_UNROLL for (unsigned depth = 0; depth < 4; depth++) {
        int32_t d = sums[node] + 4096;
        d = d < 0 ? 0 : d > 8191 ? 8191 : d;
        const uint32_t p = v->logistic[d >> 1];
        const uint32_t coded = p < SW_BYTE_LEAST ? SW_BYTE_LEAST : p > SW_BYTE_MOST ? SW_BYTE_MOST : p;
        const unsigned bit = sw_byte_code(&w->range, mode, coded, symbol >> (3 - depth) & 1);
        /* The error times 9/1024, rounded down: offset, so that nothing negative is shifted. */
        const uint32_t error = (((bit << 16) + 65536 - p) * SW_BYTE_LEARNING >> 10) - 64 * SW_BYTE_LEARNING;
        errors |= (uint64_t)(error & 0xFFFFu) << (16 * depth);
        node = node << 1 | bit;
    }

    const unsigned nibble = node - 16;
    const uint16_t *path = sw_byte_path[nibble];
    const uint16_t *bits = sw_byte_bits[nibble];
    const sw_lanes error = sw_lanes_errors(errors, path);
    SW_BYTE_UNROLL for (unsigned i = 0; i < inputs; i++) {
        const size_t lane = (size_t)i * SW_BYTE_LANES;
        const sw_lanes step = sw_lanes_multiply(inputs_at[i], error);
        sw_lanes_store(slots[i], sw_lanes_train(learned[i], path, bits));
        sw_lanes_store(by_match + lane, sw_lanes_add(sw_lanes_load(by_match + lane), step));
        sw_lanes_store(by_nibble + lane, sw_lanes_add(sw_lanes_load(by_nibble + lane), step));
        sw_lanes_store(by_byte + lane, sw_lanes_add(sw_lanes_load(by_byte + lane), step));
        sw_lanes_store(by_count[i], sw_lanes_add(sw_lanes_load(by_count[i]), step));
    }
    return nibble;
}

SW_BYTE_WALK void SW_BYTE(bytes)(SW_BYTE(walk) *w, sw_byte_mode mode, const sw_byte_level *level, unsigned hashed,
                                   uint8_t *out, size_t from, size_t to) {
    const unsigned sure = level->sure;
    for (size_t at = from; at < to; at++) {
        w->match = sw_byte_expect(w->v.state, w->window);
        unsigned byte = mode == SW_BYTE_DECODE ? 0 : w->window[at];
        uint16_t *surety = sw_byte_surety(w->v.state, &w->match, sure);
        bool settled = false;
        if (surety != NULL && *surety >= SW_BYTE_SETTLES) {
            /* One decision for the whole byte. */
            const uint32_t p = *surety > SW_BYTE_MOST ? SW_BYTE_MOST : *surety;
            settled = sw_byte_code(&w->range, mode, p, byte == w->match.byte);
        }
        if (settled) {
            byte = w->match.byte;
        } else {
            const unsigned high = SW_BYTE(nibble)(w, mode, hashed, 1, 0, byte >> 4);
            byte = high << 4 | SW_BYTE(nibble)(w, mode, hashed, 0, high, byte & 15);
        }
        if (surety != NULL) {
            sw_byte_learn_surety(surety, byte == w->match.byte);
        }
        if (mode == SW_BYTE_DECODE) {
            out[at] = (uint8_t)byte;
        }
        sw_byte_see(&w->v, level, hashed, w->window, at, byte);
    }
}

/* Constants for the compiler: a loop for each number of inputs, which serves all directions. */
static __attribute__((noinline)) void SW_BYTE(go)(SW_BYTE(walk) *w, sw_byte_mode mode, uint8_t *out, size_t from, size_t to) {
    const sw_byte_level *level = &sw_byte_levels[w->v.state->level];
    switch (w->v.state->level) {
    case SW_BYTE_LIVE:
        SW_BYTE(bytes)(w, mode, level, 2, out, from, to);
        break;
    case SW_BYTE_DEFAULT:
        SW_BYTE(bytes)(w, mode, level, 5, out, from, to);
        break;
    default:
        SW_BYTE(bytes)(w, mode, level, 6, out, from, to);
        break;
    }
}

static SW_BYTE(walk) SW_BYTE(start)(void *model, const uint8_t *window) {
    SW_BYTE(walk) w;
    memset(&w, 0, sizeof w);
    w.v = sw_byte_model_view(model, ((const sw_byte_state *)model)->level);
    w.window = window;
    return w;
}

static sw_status SW_BYTE(decode)(void *model, uint8_t *window, size_t from, size_t to, const uint8_t *payload,
                                 size_t size) {
    SW_BYTE(walk) w = SW_BYTE(start)(model, window);
    sw_byte_range_read(&w.range, payload, size);
    SW_BYTE(go)(&w, SW_BYTE_DECODE, window, from, to);
    return sw_byte_range_ended(&w.range) ? SW_OK : SW_ERROR_TRUNCATED;
}

static void SW_BYTE(learn)(void *model, const uint8_t *window, size_t from, size_t to) {
    SW_BYTE(walk) w = SW_BYTE(start)(model, window);
    SW_BYTE(go)(&w, SW_BYTE_LEARN, NULL, from, to);
}

static size_t SW_BYTE(encode)(void *model, const uint8_t *window, size_t from, size_t to, uint8_t *out,
                              size_t capacity) {
    SW_BYTE(walk) w = SW_BYTE(start)(model, window);
    sw_byte_range_write(&w.range, out, capacity);
    SW_BYTE(go)(&w, SW_BYTE_ENCODE, NULL, from, to);
    return sw_byte_range_close(&w.range);
}
