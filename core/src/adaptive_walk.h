/* The decisions of an ADAPTIVE block in their order, written once for both ways.
 *
 * Include after defining SW_CODER, the type of the coder, with a member `work`, and
 *     static unsigned decide(SW_CODER *, unsigned set, unsigned bit)   one decision by the model
 *     static unsigned equal_odds(SW_CODER *, unsigned bit)             one without
 * An encoder says `bit` and returns it; a decoder ignores it and returns what was said.
 */
#include "adaptive.h"
#include "bytes.h"
#include "numeric.h"

/* Which weights a decision uses. A difference and a raw block share the numbers. */
enum {
    SW_SET_ZERO = 32,      /* by the bit length of the slow activity, 0 to 16 */
    SW_SET_SIGN = 49,
    SW_SET_DIGIT = 50      /* by repeat, expected digit and place: 18 */
};

/* Keeps the slots of different kinds of decision apart. */
enum { SW_KIND_LENGTH = 0, SW_KIND_SIGN = 1 << 20, SW_KIND_DIGIT = 2 << 20 };

typedef struct {
    sw_element_shape shape;
    unsigned top;         /* the largest class field of the block's base */
    /* What came before, by bit lengths of differences. */
    unsigned before[2];
    unsigned lanes[4];    /* the last one at each index modulo 4 */
    uint32_t fast;        /* decaying sums: over some 4 and some 32 elements */
    uint32_t slow;
    uint32_t zeros;       /* elements since the last difference */
    unsigned signs[2];
    unsigned repeats;     /* how well the last differences repeated those before them */
} sw_difference_state;

static inline unsigned at_most(uint32_t value, unsigned limit) {
    return value < limit ? (unsigned)value : limit;
}

static inline uint64_t load_element(const uint8_t *p, size_t i, const sw_element_shape *s) {
    switch (s->bits) {
    case 4:
        return p[i / 2] >> (i % 2 * 4) & 15;
    case 8:
        return p[i];
    case 16:
        return sw_load16(p + 2 * i);
    case 32:
        return sw_load32(p + 4 * i);
    default:
        return sw_load64(p + 8 * i);
    }
}

static inline unsigned class_field(uint64_t value, const sw_element_shape *s) {
    return (unsigned)(value >> s->class_shift) & s->class_mask;
}

static inline uint64_t element_mask(const sw_element_shape *s) {
    return UINT64_MAX >> (64 - s->bits);
}

/* Negative floats have their magnitude bits flipped, so that integers are in the order of the floats. */
static inline uint64_t ordered(uint64_t value, const sw_element_shape *s) {
    const bool flip = s->is_float && value >> (s->bits - 1) & 1;
    return flip ? value ^ element_mask(s) >> 1 : value;
}

static void begin_differences(sw_difference_state *d, const uint8_t *base, size_t elements) {
    d->top = 0;
    for (size_t i = 0; i < elements; i++) {
        const unsigned field = class_field(load_element(base, i, &d->shape), &d->shape);
        d->top = field > d->top ? field : d->top;
    }
    d->before[0] = d->before[1] = 0;
    d->lanes[0] = d->lanes[1] = d->lanes[2] = d->lanes[3] = 0;
    d->fast = d->slow = d->zeros = 0;
    d->signs[0] = d->signs[1] = 0;
    d->repeats = 0;
}

static unsigned code_length(SW_CODER *c, const sw_difference_state *d, unsigned lane, unsigned class, unsigned fine,
                            unsigned wanted) {
    const unsigned slow = sw_bit_length(d->slow);
    const uint32_t contexts[SW_ADAPTIVE_VOTES] = {
        class * 32 + slow,
        (at_most(d->before[0], 15) * 16 + at_most(d->before[1], 15)) * 32 + at_most(slow, 11),
        class * 32 + sw_bit_length(d->fast),
        lane * 128 + d->lanes[lane],
        class * 8 + fine,
        at_most(sw_bit_length(d->zeros), 11) * 8 + at_most(slow, 7),
    };
    unsigned length = 0;
    while (length < d->shape.bits) {
        for (unsigned i = 0; i < SW_ADAPTIVE_VOTES; i++) {
            sw_context(c->work, i, SW_KIND_LENGTH + contexts[i], length);
        }
        const unsigned set = length == 0 ? SW_SET_ZERO + slow : at_most(length, 31);
        if (!decide(c, set, wanted > length)) {
            break;
        }
        length++;
    }
    return length;
}

static unsigned code_sign(SW_CODER *c, const sw_difference_state *d, unsigned lane, unsigned class, unsigned fine,
                          unsigned length, unsigned base_sign, unsigned wanted) {
    const uint32_t contexts[SW_ADAPTIVE_VOTES] = {
        d->signs[0] ^ base_sign,
        (d->signs[0] * 2 + d->signs[1]) * 2 + base_sign,
        class,
        lane,
        class * 8 + fine,
        length * 2 + d->signs[0],
    };
    for (unsigned i = 0; i < SW_ADAPTIVE_VOTES; i++) {
        sw_context(c->work, i, SW_KIND_SIGN + contexts[i], 0);
    }
    return decide(c, SW_SET_SIGN, wanted ^ base_sign) ^ base_sign;
}

/* The digits below the leading one. `last` is a difference seen on a like base value: it may repeat. */
static uint64_t code_digits(SW_CODER *c, const sw_difference_state *d, unsigned lane, unsigned class, unsigned fine,
                            unsigned length, uint64_t last, uint64_t wanted) {
    uint64_t value = 1;
    bool same = sw_bit_length(last) == length;
    for (unsigned place = length - 1; place-- > 0;) {
        const unsigned bit = (unsigned)(wanted >> place & 1);
        const unsigned expected = (unsigned)(last >> place & 1);
        const unsigned depth = length - 1 - place;
        unsigned said;
        if (depth > 3 && !same && d->repeats == 0) {
            said = equal_odds(c, bit);
        } else {
            const unsigned hope = same ? 1 + expected : 0;
            const uint32_t start = (uint32_t)(depth <= 2 ? value : 32);
            sw_context(c->work, 0, SW_KIND_DIGIT + length, (uint32_t)(depth <= 3 ? value : 16 + depth));
            sw_context(c->work, 1, SW_KIND_DIGIT + hope * 16 + d->repeats, at_most(depth, 4));
            sw_context(c->work, 2, SW_KIND_DIGIT + class * 128 + length, (uint32_t)(depth <= 3 ? value : 32));
            sw_context(c->work, 3, SW_KIND_DIGIT + lane * 128 + length, start);
            sw_context(c->work, 4, SW_KIND_DIGIT + (class * 8 + fine) * 128 + length, start);
            sw_context(c->work, 5, SW_KIND_DIGIT + length, (uint32_t)(depth <= 5 ? value : 64 + place));
            said = decide(c, SW_SET_DIGIT + (d->repeats > 0 ? 9u : 0u) + hope * 3 + at_most(depth, 3) - 1, bit);
        }
        same = same && said == expected;
        value = value << 1 | said;
    }
    return value;
}

/* Element i of a block with a base: an encoder gives its target, a decoder 0. Returns the target. */
static uint64_t code_difference(SW_CODER *c, sw_difference_state *d, size_t i, uint64_t base, uint64_t target) {
    const sw_element_shape *s = &d->shape;
    const uint64_t mask = element_mask(s);
    const unsigned lane = (unsigned)(i & 3);
    const unsigned class = at_most(d->top - class_field(base, s), 15);
    const unsigned fine = (unsigned)(s->class_shift >= 3 ? base >> (s->class_shift - 3) : base << (3 - s->class_shift)) & 7;
    const unsigned base_sign = (unsigned)(base >> (s->bits - 1));
    const bool fold = s->is_float && base_sign;

    uint64_t value = (ordered(target, s) - ordered(base, s)) & mask;
    value = fold ? (0 - value) & mask : value;
    unsigned negative = (unsigned)(value >> (s->bits - 1));
    uint64_t magnitude = negative ? (0 - value) & mask : value;

    const unsigned length = code_length(c, d, lane, class, fine, sw_bit_length(magnitude));
    if (length == 0) {
        d->zeros++;
        value = 0;
    } else {
        uint64_t *last = &c->work->last[class * 8 + fine];
        negative = code_sign(c, d, lane, class, fine, length, s->is_float ? 0 : base_sign, negative);
        magnitude = code_digits(c, d, lane, class, fine, length, *last, magnitude);
        d->repeats = *last == magnitude ? at_most(d->repeats + 1, 15) : d->repeats / 2;
        *last = magnitude;
        d->signs[1] = d->signs[0];
        d->signs[0] = negative;
        d->zeros = 0;
        value = negative ? 0 - magnitude : magnitude;
    }
    d->fast += length * 16 - d->fast / 4;
    d->slow += length * 16 - d->slow / 32;
    d->before[1] = d->before[0];
    d->before[0] = length;
    d->lanes[lane] = length;
    return ordered((ordered(base, s) + (fold ? 0 - value : value)) & mask, s);
}

typedef struct {
    sw_element_shape shape;
    uint8_t before[8];    /* the last element's bytes; of one-byte elements, the last four, latest first */
    uint32_t fast;        /* decaying sums of the elements' size */
    uint32_t slow;
} sw_raw_state;

static void begin_raw(sw_raw_state *r) {
    for (unsigned i = 0; i < 8; i++) {
        r->before[i] = 0;
    }
    r->fast = r->slow = 0;
}

/* Half steps of a logarithm. */
static inline uint32_t half_log(uint32_t value) {
    const unsigned bits = sw_bit_length(value);
    return bits < 2 ? 0 : bits * 2 + (value >> (bits - 2) & 1);
}

static uint32_t element_size(uint64_t value, const sw_element_shape *s) {
    if (s->is_float) {
        return (class_field(value, s) & 63) * 4;
    }
    const bool negative = value >> (s->bits - 1) & 1;
    const uint64_t magnitude = (negative ? 0 - value : value) & element_mask(s);
    return s->bits == 8 ? (uint32_t)magnitude * 4 : sw_bit_length(magnitude) * 8;
}

/* Element i of a raw block, the highest byte first. INT4 comes here as INT8: two at once. */
static uint64_t code_raw(SW_CODER *c, sw_raw_state *r, size_t i, uint64_t wanted) {
    const sw_element_shape *s = &r->shape;
    const uint32_t fast = half_log(r->fast);
    const uint32_t slow = half_log(r->slow);
    const uint32_t lane = (uint32_t)(i & 3);
    const bool narrow = s->width == 1;
    uint64_t value = 0;
    for (unsigned k = s->width; k-- > 0;) {
        const uint32_t above = (uint32_t)value & 0xFFFF; /* the bytes of this element before this one */
        const uint32_t contexts[SW_ADAPTIVE_VOTES] = {
            k,
            narrow ? r->before[0] : k * 256 + (above & 255),
            narrow ? lane * 256 + r->before[3] : k * 256 + r->before[k],
            k * 64 + fast,
            narrow ? (uint32_t)r->before[0] * 256 + r->before[1] : k << 16 | above,
            narrow ? slow : lane * 8 + k,
        };
        uint32_t node = 1;
        for (unsigned place = 8; place-- > 0;) {
            for (unsigned v = 0; v < SW_ADAPTIVE_VOTES; v++) {
                sw_context(c->work, v, contexts[v], node);
            }
            node = node << 1 | decide(c, k * 8 + place, (unsigned)(wanted >> (8 * k + place) & 1));
        }
        value = value << 8 | (node & 255);
        if (!narrow) {
            r->before[k] = (uint8_t)node;
        }
    }
    if (narrow) {
        r->before[3] = r->before[2];
        r->before[2] = r->before[1];
        r->before[1] = r->before[0];
        r->before[0] = (uint8_t)value;
    }
    const uint32_t size = element_size(value, s);
    r->fast += size - r->fast / 4;
    r->slow += size - r->slow / 16;
    return value;
}
