/* One walk for decoder, encoder and training, over the lanes of one instruction set.
 *
 * Include after a header of lanes (byte_lanes_portable.h or a like one), which gives the type sw_lanes and what is done
 * with it; SW_BYTE_WALK and SW_BYTE_UNROLL say whether it is written out for every level.
 * SW_BYTE(name) names what is static here.
 */
#include "byte_context.h"
#include "byte_range.h"

/* The order of inputs; then what is hashed. Levels that are not wide have no SW_BYTE_ORDER0. */
enum { SW_BYTE_ORDER1, SW_BYTE_MATCH, SW_BYTE_ORDER0 };

typedef struct {
    sw_byte_view v;
    sw_byte_state now; /* of the model, while it walks: what is no part of its memory stays in registers */
    sw_byte_range range;
    const uint8_t *window;
    sw_byte_match match;
} SW_BYTE(walk);

/* What foresees one nibble: each input's slot, what it held, and its weights; and what comes of them. */
typedef struct {
    uint16_t *slots[SW_BYTE_INPUTS];
    sw_lanes learned[SW_BYTE_INPUTS];
    sw_lanes stretched[SW_BYTE_INPUTS];
    int16_t *weights[3];
    sw_lanes sum;
    sw_lanes unlikely; /* by node: the probability of its less likely bit */
} SW_BYTE(mix);

/* high: which half of the byte; before: the high nibble, for the low one. */
SW_BYTE_WALK void SW_BYTE(foresee)(const SW_BYTE(walk) *w, const sw_byte_level *level, SW_BYTE(mix) *m, unsigned high,
                                   unsigned before) {
    const sw_byte_view *v = &w->v;
    const unsigned inputs = sw_byte_inputs(level);
    const size_t set = (size_t)inputs * SW_BYTE_LANES;
    const unsigned last = (unsigned)(w->now.history & 255);
    /* The high nibble was another than expected: what the match says of the low one is nothing. */
    const bool refuted = !high && w->match.byte >> 4 != before;
    const unsigned nibble = high ? 0 : 1 + before;

    m->slots[SW_BYTE_ORDER1] = v->first[high] + SW_BYTE_LANES * (high ? last : last * 16 + before);
    m->slots[SW_BYTE_MATCH] = v->matched[high] + SW_BYTE_LANES * (refuted ? SW_BYTE_NO_MATCH : w->match.slot);
    if (level->wide) {
        m->slots[SW_BYTE_ORDER0] = v->none[high] + SW_BYTE_LANES * before;
    }
    const unsigned plain = inputs - level->hashed;
    SW_BYTE_UNROLL for (unsigned i = 0; i < plain; i++) {
        m->learned[i] = sw_lanes_load(m->slots[i]);
    }
    SW_BYTE_UNROLL for (unsigned i = plain; i < inputs; i++) {
        const sw_byte_found found = sw_byte_find(v, level, w->now.hashes[i - plain], nibble);
        m->slots[i] = found.slot;
        m->learned[i] = found.held ? sw_lanes_load(found.slot) : sw_lanes_fresh(found.tag);
    }
    m->weights[0] = v->by_match[high] + set * (refuted ? 0 : w->match.kind);
    m->weights[1] = v->by_byte[high] + set * last;
    m->weights[2] = v->by_nibble + set * nibble;

    /* The order of the saturating additions is part of the format. */
    sw_lanes sum = sw_lanes_zero();
    SW_BYTE_UNROLL for (unsigned i = 0; i < inputs; i++) {
        const size_t lane = (size_t)i * SW_BYTE_LANES;
        m->stretched[i] = sw_lanes_stretch(m->learned[i]);
        sw_lanes weight = sw_lanes_add(sw_lanes_load(m->weights[0] + lane), sw_lanes_load(m->weights[1] + lane));
        if (level->wide) {
            weight = sw_lanes_add(weight, sw_lanes_load(m->weights[2] + lane));
        }
        sum = sw_lanes_add(sum, sw_lanes_multiply(m->stretched[i], weight));
    }
    m->sum = sum;
    m->unlikely = sw_lanes_unlikely(sum);
}

/* symbol: the nibble, unless decoding. */
SW_BYTE_WALK unsigned SW_BYTE(decide)(SW_BYTE(walk) *w, const SW_BYTE(mix) *m, sw_byte_mode mode, unsigned symbol) {
    uint16_t unlikely[SW_BYTE_LANES];
    sw_lanes_store(unlikely, m->unlikely);
    const uint32_t ones = ~sw_lanes_negative(m->sum);
    unsigned node = 1;
    SW_BYTE_UNROLL for (unsigned depth = 0; depth < 4; depth++) {
        const unsigned likely = ones >> node & 1;
        node = node << 1 | sw_byte_code(&w->range, mode, likely, unlikely[node], symbol >> (3 - depth) & 1);
    }
    return node - 16;
}

SW_BYTE_WALK void SW_BYTE(adapt)(const SW_BYTE(mix) *m, const sw_byte_level *level, unsigned nibble) {
    const sw_lanes path = sw_lanes_load(sw_byte_path[nibble]);
    const sw_lanes bits = sw_lanes_load(sw_byte_bits[nibble]);
    const sw_lanes error = sw_lanes_errors(m->sum, m->unlikely, path, bits);
    const unsigned inputs = sw_byte_inputs(level);
    SW_BYTE_UNROLL for (unsigned i = 0; i < inputs; i++) {
        sw_lanes_store(m->slots[i], sw_lanes_train(m->learned[i], path, bits));
        const sw_lanes step = sw_lanes_multiply(m->stretched[i], error);
        for (unsigned set = 0; set < 2u + level->wide; set++) {
            int16_t *weight = m->weights[set] + (size_t)i * SW_BYTE_LANES;
            sw_lanes_store(weight, sw_lanes_add(sw_lanes_load(weight), step));
        }
    }
}

/* One byte by its two nibbles. What comes next is fetched before what was is learned: memory is slow. */
SW_BYTE_WALK unsigned SW_BYTE(mixed)(SW_BYTE(walk) *w, sw_byte_mode mode, const sw_byte_level *level, uint8_t *out,
                                     size_t at, unsigned byte) {
    SW_BYTE(mix) m;
    SW_BYTE(foresee)(w, level, &m, 1, 0);
    const unsigned high = SW_BYTE(decide)(w, &m, mode, byte >> 4);
    sw_byte_fetch(&w->v, &w->now, level, 1 + high);
    SW_BYTE(adapt)(&m, level, high);
    SW_BYTE(foresee)(w, level, &m, 0, high);
    const unsigned low = SW_BYTE(decide)(w, &m, mode, byte & 15);
    byte = high << 4 | low;
    if (mode == SW_BYTE_DECODE) {
        out[at] = (uint8_t)byte;
    }
    sw_byte_see(&w->v, &w->now, level, w->window, at, byte);
    sw_byte_hash(&w->now, level, w->window, at + 1);
    sw_byte_fetch(&w->v, &w->now, level, 0);
    SW_BYTE(adapt)(&m, level, low);
    return byte;
}

SW_BYTE_WALK void SW_BYTE(bytes)(SW_BYTE(walk) *walk, sw_byte_mode mode, const sw_byte_level *level, uint8_t *out,
                                 size_t from, size_t to) {
    SW_BYTE(walk) here = *walk, *w = &here;
    bool hashed = false; /* the contexts of this byte */
    for (size_t at = from; at < to; at++) {
        if (mode == SW_BYTE_DECODE && w->range.overrun > SW_BYTE_LEFT_OUT) {
            break; /* what is missing makes no more bytes, however many are asked for */
        }
        w->match = sw_byte_expect(&w->now, w->window);
        const unsigned byte = mode == SW_BYTE_DECODE ? 0 : w->window[at];
        uint16_t *surety = sw_byte_surety(&w->v, &w->now, &w->match, level->sure);
        const unsigned expected = w->match.byte;
        if (surety != NULL && *surety >= SW_BYTE_SETTLES) {
            /* One decision for the whole byte. */
            const uint32_t unlikely = 65536u - (*surety > SW_BYTE_MOST ? SW_BYTE_MOST : *surety);
            if (sw_byte_code(&w->range, mode, 1, unlikely, byte == expected)) {
                if (mode == SW_BYTE_DECODE) {
                    out[at] = (uint8_t)expected;
                }
                sw_byte_learn_surety(surety, true);
                sw_byte_see(&w->v, &w->now, level, w->window, at, expected);
                hashed = false;
                continue;
            }
        }
        if (!hashed) {
            sw_byte_hash(&w->now, level, w->window, at);
            hashed = true;
        }
        const bool as_expected = SW_BYTE(mixed)(w, mode, level, out, at, byte) == expected;
        if (surety != NULL) {
            sw_byte_learn_surety(surety, as_expected);
        }
    }
    *walk = here;
}

/* Levels as constants for the compiler: a loop for each. */
SW_BYTE_WALK void SW_BYTE(of_level)(SW_BYTE(walk) *w, sw_byte_mode mode, uint8_t *out, size_t from, size_t to) {
    switch (w->now.level) {
    case SW_BYTE_LIVE:
        SW_BYTE(bytes)(w, mode, &sw_byte_levels[SW_BYTE_LIVE], out, from, to);
        break;
    case SW_BYTE_DEFAULT:
        SW_BYTE(bytes)(w, mode, &sw_byte_levels[SW_BYTE_DEFAULT], out, from, to);
        break;
    default:
        SW_BYTE(bytes)(w, mode, &sw_byte_levels[SW_BYTE_MAX], out, from, to);
        break;
    }
}

static __attribute__((noinline)) void SW_BYTE(go)(SW_BYTE(walk) *w, sw_byte_mode mode, uint8_t *out, size_t from,
                                                  size_t to) {
    if (mode == SW_BYTE_DECODE) {
        SW_BYTE(of_level)(w, SW_BYTE_DECODE, out, from, to);
    } else {
        SW_BYTE(of_level)(w, mode, out, from, to);
    }
    *w->v.state = w->now;
}

static SW_BYTE(walk) SW_BYTE(start)(void *model, const uint8_t *window) {
    SW_BYTE(walk) w;
    memset(&w, 0, sizeof w);
    w.v = sw_byte_model_view(model, ((const sw_byte_state *)model)->level);
    w.now = *w.v.state;
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
