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

static inline void set_contexts(sw_device *d, uint32_t kind, uint32_t first, uint32_t second, uint32_t third) {
    d->voters[0].context = kind + first;
    d->voters[1].context = kind + second;
    d->voters[2].context = kind + third;
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

static void ask(sw_device *d, unsigned what) {
    set_contexts(d, SW_KIND_SEGMENT, what * 8u, what * 8u + d->before, what * 8u + d->kind);
}

/* An answer of `bits` bits about a segment. */
static uint32_t code_answer(SW_CODER *c, unsigned what, unsigned bits, uint32_t wanted) {
    ask(model_of(c), what);
    return code_tree(c, SW_SET_SEGMENT, bits, wanted);
}

/* Yes or no. */
static unsigned code_flag(SW_CODER *c, unsigned what, unsigned wanted) {
    ask(model_of(c), what);
    return decide(c, SW_SET_SEGMENT, 0, wanted);
}

/* A float by its place among all floats: the negative ones backward. */
static uint32_t ordered_value(const sw_device *d, uint32_t value) {
    return sw_is_float(d) && value << d->unused >> 31 ? value ^ UINT32_MAX >> d->unused >> 1 : value;
}

/* A number of `length` bits: a leading 1, up to two digits by the model at nodes from `first` on, and the rest by
 * equal odds. */
static uint32_t code_digits(SW_CODER *c, unsigned length, uint32_t first, uint32_t wanted) {
    uint32_t digits = 1;
    unsigned place = length - 1;
    unsigned set = first > 0 ? SW_SET_LEADING : SW_SET_DIGIT;
    for (; digits < 4 && place > 0; set += first == 0) {
        place--;
        digits = digits << 1 | decide(c, set, first + digits, wanted >> place & 1);
    }
    return digits << place | equal_odds(c, place, wanted & ((1u << place) - 1));
}

/* Below 2^31. */
static uint32_t code_integer(SW_CODER *c, unsigned what, uint32_t wanted) {
    ask(model_of(c), what);
    const uint32_t length = code_tree(c, SW_SET_BITS, 5, sw_bits(wanted));
    return length > 0 ? code_digits(c, length, 32 + 4 * length, wanted) : 0;
}

/* What an element's decisions look at. Returns the class of what is expected: a size, or a float's exponent. */
static uint32_t element_contexts(sw_device *d, uint32_t base) {
    uint32_t class = base >> d->field & 15;
    if (!sw_is_float(d)) {
        /* As a signed number at the top of the word. */
        const uint32_t high = base << d->unused;
        class = no_more(sw_bits((high >> 31 ? 0 - high : high) >> d->unused), 15);
    }
    const uint32_t slow = sw_bits(d->slow); /* no more than 15: it decays */
    uint32_t first = no_more(sw_bits(d->zeros), 11) * 8 + no_more(slow, 7);
    uint32_t second = class;
    if (d->waiting > 0) {
        first = 96u + d->waiting;
        second += 16;
    }
    set_contexts(d, SW_KIND_ELEMENT, first, second, sw_bits(d->fast) * 16 + slow);
    return class;
}

/* A difference that is not 0, by a value modulo the element: an encoder gives it, a decoder 0. */
static uint32_t code_difference(SW_CODER *c, uint32_t base_sign, uint32_t class, uint32_t value) {
    sw_device *d = model_of(c);
    const uint32_t high = value << d->unused;
    const uint32_t magnitude = (high >> 31 ? 0 - high : high) >> d->unused;
    const uint32_t length = 1 + code_tree(c, SW_SET_LENGTH, 3u + d->width / 2u, sw_bits(magnitude | 1) - 1);

    const uint32_t side = sw_is_float(d) ? 0 : base_sign;
    const uint32_t signs = d->signs;
    set_contexts(d, SW_KIND_SIGN, signs * 2u + side, class * 2 + side, (length * 2 + (signs & 1)) * 2 + side);
    const unsigned negative = decide(c, SW_SET_SIGN, 0, high >> 31);
    d->signs = (uint8_t)((signs * 2u + negative) & 3);

    set_contexts(d, SW_KIND_DIGIT, length, 64 + class, 512 + class * 32 + length);
    const uint32_t digits = code_digits(c, length, 0, magnitude);
    d->zeros = 0;
    d->fast += length * 16;
    d->slow += length * 16;
    return negative ? 0 - digits : digits;
}

/* One element against what is expected of it: an encoder gives it, a decoder 0. Returns it. */
static uint32_t code_element(SW_CODER *c, uint32_t base, uint32_t target) {
    sw_device *d = model_of(c);
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
    const uint32_t base_sign = base << d->unused >> 31;
    const uint32_t from = ordered_value(d, base);
    /* Differences of floats count away from zero. */
    const bool fold = from != base;
    const uint32_t wanted = ordered_value(d, target) - from;
    const uint32_t value = code_difference(c, base_sign, class, fold ? 0 - wanted : wanted);
    const uint32_t mask = UINT32_MAX >> d->unused;
    return ordered_value(d, (from + (fold ? 0 - value : value)) & mask);
}

/* Whether the next SW_DEVICE_GROUP elements are as expected, or the next quarter of them. */
static unsigned code_group(SW_CODER *c, unsigned quarter, unsigned wanted) {
    sw_device *d = model_of(c);
    const uint32_t start = quarter * 96;
    set_contexts(d, SW_KIND_GROUP, start + sw_bits(d->slow), start + 32 + sw_bits(d->zeros), start + 64 + sw_bits(d->fast));
    const unsigned same = decide(c, SW_SET_GROUP, 0, wanted);
    if (same) {
        d->zeros += quarter ? SW_DEVICE_QUARTER : SW_DEVICE_GROUP;
        d->fast = d->fast / 4 * quarter;
        d->slow -= d->slow >> (1 + 2 * quarter);
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
    d->asked = d->waiting = d->signs = 0;
    d->same = 0;
}
