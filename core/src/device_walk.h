/* The decisions of a DEVICE block in their order, written once for both ways.
 *
 * Include after defining SW_CODER, the type of the coder, and
 *     static sw_device *model_of(SW_CODER *)                                          its model
 *     static unsigned decide(SW_CODER *, unsigned set, uint32_t node, unsigned bit)   one decision by the model
 *     static uint32_t equal_odds(SW_CODER *, unsigned count, uint32_t bits)           some without
 * An encoder says the bits and returns them; a decoder ignores them and returns what was said.
 */
#include "device.h"

/* Which weights a decision uses. */
enum {
    SW_SET_ZERO = 0,
    SW_SET_GROUP = 1,
    SW_SET_LENGTH = 2,
    SW_SET_SIGN = 3,
    SW_SET_DIGIT = 4, /* by place: 2 */
    SW_SET_BYTE = 6,
    SW_SET_SEGMENT = 7,
    SW_SET_BITS = 8,
    SW_SET_LEADING = 9
};

/* Keeps the contexts of different kinds of decision apart. */
enum {
    SW_KIND_ELEMENT = 0,
    SW_KIND_GROUP = 1 << 12,
    SW_KIND_SIGN = 2 << 12,
    SW_KIND_DIGIT = 3 << 12,
    SW_KIND_BYTE = 4 << 12,
    SW_KIND_SEGMENT = 5 << 12
};

/* What is decided about a segment. */
enum {
    SW_ASK_KIND,
    SW_ASK_ELEMENT,
    SW_ASK_MOVED,
    SW_ASK_MOVE_SIGN,
    SW_ASK_MOVE,
    SW_ASK_DISTANCE_SAME,
    SW_ASK_DISTANCE,
    SW_ASK_FACTOR_SAME,
    SW_ASK_COUNT
};

static inline bool is_elements(unsigned kind) {
    return kind == SW_DEVICE_DIFFERENCE || kind == SW_DEVICE_NUMBERS || kind == SW_DEVICE_SCALED;
}

static inline uint32_t load_element(const uint8_t *bytes, unsigned width) {
    uint32_t value = 0;
    while (width-- > 0) {
        value = value << 8 | bytes[width];
    }
    return value;
}

static inline void set_contexts(sw_device *d, uint32_t kind, uint32_t first, uint32_t second, uint32_t third) {
    d->context[0] = kind + first;
    d->context[1] = kind + second;
    d->context[2] = kind + third;
}

static inline uint32_t no_more(uint32_t value, uint32_t limit) {
    return value < limit ? value : limit;
}

/* A value of `bits` bits, the highest first, at `node` and the nodes behind it. */
static uint32_t code_tree(SW_CODER *c, unsigned set, unsigned bits, uint32_t wanted) {
    uint32_t node = 1;
    for (unsigned i = bits; i-- > 0;) {
        node = node << 1 | decide(c, set, node, wanted >> i & 1);
    }
    return node - (1u << bits);
}

static void ask(sw_device *d, unsigned what, unsigned before) {
    set_contexts(d, SW_KIND_SEGMENT, what * 8u, what * 8u + before, what * 8u + d->kind);
}

/* An answer of `bits` bits about a segment. */
static uint32_t code_answer(SW_CODER *c, unsigned what, unsigned before, unsigned bits, uint32_t wanted) {
    ask(model_of(c), what, before);
    return code_tree(c, SW_SET_SEGMENT, bits, wanted);
}

/* Yes or no. */
static unsigned code_flag(SW_CODER *c, unsigned what, unsigned before, unsigned wanted) {
    ask(model_of(c), what, before);
    return decide(c, SW_SET_SEGMENT, 0, wanted);
}

/* Below 2^31: a bit length, the two bits below the leading one, and the rest by equal odds. */
static uint32_t code_integer(SW_CODER *c, unsigned what, unsigned before, uint32_t wanted) {
    ask(model_of(c), what, before);
    const uint32_t length = code_tree(c, SW_SET_BITS, 5, sw_bits(wanted));
    uint32_t value = length > 0;
    for (unsigned place = length > 0 ? length - 1 : 0; place > 0;) {
        place--;
        if (length - 1 - place <= 2) {
            value = value << 1 | decide(c, SW_SET_LEADING, 32 + 4 * length + (value & 3), wanted >> place & 1);
        } else {
            value = value << (place + 1) | equal_odds(c, place + 1, wanted & ((2u << place) - 1));
            break;
        }
    }
    return value;
}

static inline uint32_t ordered_value(uint32_t value, const sw_device_element *s) {
    const unsigned top = 8u * s->width - 1;
    return s->is_float && value >> top & 1 ? value ^ ((1u << top) - 1) : value;
}

/* What an element's decisions look at. Returns the class of what is expected: a size, or a float's exponent. */
static uint32_t element_contexts(sw_device *d, uint32_t base) {
    const sw_device_element *s = &d->shape;
    const unsigned unused = 32u - 8u * s->width;
    /* As a signed number at the top of the word. */
    const uint32_t high = base << unused;
    const uint32_t size = no_more(sw_bits((high >> 31 ? 0 - high : high) >> unused), 15);
    const uint32_t class = s->is_float ? base >> s->field & 15 : size;
    const uint32_t slow = sw_bits(d->slow);
    const uint32_t before = no_more(sw_bits(d->zeros), 11) * 8 + no_more(slow, 7);
    set_contexts(d, SW_KIND_ELEMENT, d->waiting > 0 ? 96u + d->waiting : before, (d->waiting > 0) * 16u + class,
                 sw_bits(d->fast) * 16 + no_more(slow, 15));
    return class;
}

/* A difference that is not 0, by a value modulo the element: an encoder gives it, a decoder 0. */
static uint32_t code_difference(SW_CODER *c, uint32_t base_sign, uint32_t class, uint32_t value) {
    sw_device *d = model_of(c);
    const unsigned bits = 8u * d->shape.width;
    unsigned negative = (unsigned)(value >> (bits - 1));
    uint32_t magnitude = negative ? (0 - value) << (32 - bits) >> (32 - bits) : value;
    const uint32_t length = 1 + code_tree(c, SW_SET_LENGTH, sw_bits(bits) - 1, sw_bits(magnitude | 1) - 1);

    const uint32_t side = d->shape.is_float ? 0 : base_sign;
    set_contexts(d, SW_KIND_SIGN, d->signs * 2u + side, class * 2 + side, (length * 2 + (d->signs & 1)) * 2 + side);
    negative = decide(c, SW_SET_SIGN, 0, negative);
    d->signs = (uint8_t)((d->signs * 2u + negative) & 3);

    set_contexts(d, SW_KIND_DIGIT, length, 64 + class, 512 + class * 32 + length);
    uint32_t digits = 1;
    unsigned place = length - 1;
    for (unsigned depth = 0; place > 0 && depth < 2; depth++) {
        place--;
        digits = digits << 1 | decide(c, SW_SET_DIGIT + depth, digits, magnitude >> place & 1);
    }
    magnitude = place > 0 ? digits << place | equal_odds(c, place, magnitude & ((1u << place) - 1)) : digits;
    d->zeros = 0;
    d->fast += length * 16;
    d->slow += length * 16;
    return negative ? 0 - magnitude : magnitude;
}

/* One element against what is expected of it: an encoder gives it, a decoder 0. Returns it. */
static uint32_t code_element(SW_CODER *c, uint32_t base, uint32_t target) {
    sw_device *d = model_of(c);
    const sw_device_element *s = &d->shape;
    const uint32_t class = element_contexts(d, base);
    d->fast -= d->fast / 4;
    d->slow -= d->slow / 32;
    /* Of a quarter that is not as expected, the last one differs if no other did. */
    if (d->waiting != 1 && !decide(c, SW_SET_ZERO, 0, target != base)) {
        d->zeros++;
        d->waiting = (uint8_t)(d->waiting - (d->waiting > 0));
        return base;
    }
    d->waiting = 0;
    const uint32_t mask = UINT32_MAX >> (32 - 8u * s->width);
    const uint32_t base_sign = base >> (8u * s->width - 1);
    /* Differences of floats count away from zero. */
    const bool fold = s->is_float && base_sign;
    const uint32_t from = ordered_value(base, s);
    const uint32_t wanted = ordered_value(target, s) - from;
    const uint32_t value = code_difference(c, base_sign, class, (fold ? 0 - wanted : wanted) & mask);
    return ordered_value((from + (fold ? 0 - value : value)) & mask, s);
}

/* Whether the next SW_DEVICE_GROUP elements are as expected, or the next quarter of them. */
static unsigned code_group(SW_CODER *c, unsigned quarter, unsigned wanted) {
    sw_device *d = model_of(c);
    const uint32_t start = quarter * 96;
    set_contexts(d, SW_KIND_GROUP, start + sw_bits(d->slow), start + 32 + sw_bits(d->zeros), start + 64 + sw_bits(d->fast));
    const unsigned same = decide(c, SW_SET_GROUP, 0, wanted);
    if (same) {
        d->zeros += quarter ? SW_DEVICE_QUARTER : SW_DEVICE_GROUP;
        d->fast = quarter ? d->fast / 4 : 0;
        d->slow -= quarter ? d->slow / 8 : d->slow / 2;
    }
    return same;
}

/* Elements, beginning with the next, that are said to be as expected at once; 0 if it is to be coded. An encoder tells
 * how many are. `left`: of the segment. */
static unsigned code_run(SW_CODER *c, uint32_t left, unsigned wanted) {
    sw_device *d = model_of(c);
    if (d->asked == 0) {
        if (d->zeros < SW_DEVICE_GROUP_FROM || left < SW_DEVICE_GROUP) {
            return 0;
        }
        if (code_group(c, 0, wanted >= SW_DEVICE_GROUP)) {
            return SW_DEVICE_GROUP;
        }
        d->asked = SW_DEVICE_GROUP;
    }
    /* If three quarters were, the last one is not. */
    const bool known = d->asked == SW_DEVICE_QUARTER && d->zeros >= SW_DEVICE_GROUP - SW_DEVICE_QUARTER;
    if (d->asked % SW_DEVICE_QUARTER == 0 && !known && code_group(c, 1, wanted >= SW_DEVICE_QUARTER)) {
        d->asked = (uint8_t)(d->asked - SW_DEVICE_QUARTER);
        return SW_DEVICE_QUARTER;
    }
    if (d->asked % SW_DEVICE_QUARTER == 0) {
        d->waiting = SW_DEVICE_QUARTER;
    }
    d->asked--;
    return 0;
}

static uint8_t code_byte(SW_CODER *c, uint8_t wanted) {
    sw_device *d = model_of(c);
    set_contexts(d, SW_KIND_BYTE, 0, 1u + d->bytes[0], 257u + d->bytes[1]);
    const uint8_t byte = (uint8_t)code_tree(c, SW_SET_BYTE, 8, wanted);
    d->bytes[1] = d->bytes[0];
    d->bytes[0] = byte;
    return byte;
}

/* A segment's elements begin: nothing came before. */
static void begin_elements(sw_device *d) {
    d->fast = d->slow = d->zeros = 0;
    d->asked = d->waiting = d->same = d->signs = 0;
}
