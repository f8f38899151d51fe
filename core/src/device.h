/* The DEVICE block: the model its decoder and its encoder share. SPEC, "Codec 9".
 *
 * As in ADAPTIVE, an element is a row of binary decisions, and voters with contexts of their own state a
 * probability each, which a small mixer weighs. Here three voters share 512 or 2048 bytes, a slot is 16 bits, and
 * the logistic domain is entered by integer logarithms instead of tables. The block itself is a row of segments:
 * copies from the base or from what was made before, differences to the base or to a multiple of what was made
 * before, elements, and bytes.
 */
#ifndef SW_DEVICE_H
#define SW_DEVICE_H

#include "sapwood_device.h"

/* Number of significant bits: one instruction where the processor has it, so never a call. Arm's is defined for 0, which a
 * compiler does not know. */
__attribute__((always_inline)) static inline unsigned sw_bits(uint32_t v) {
#if defined(__arm__) && defined(__ARM_FEATURE_CLZ)
    uint32_t zeros;
    __asm__("clz %0, %1" : "=r"(zeros) : "r"(v));
    return 32u - zeros;
#else
    return v == 0 ? 0u : 32u - (unsigned)__builtin_clz(v);
#endif
}

/* The callbacks. A build that has only one set of them says its name, and gives decoders NULL: a linker then calls them
 * without pointers. */
#if defined(SW_DEVICE_IO)
extern sw_device_io SW_DEVICE_IO;
#endif

static inline const sw_device_io *sw_io_of(const sw_device *d) {
#if defined(SW_DEVICE_IO)
    (void)d;
    return &SW_DEVICE_IO;
#else
    return d->io;
#endif
}

static inline bool sw_is_float(const sw_device *d) {
    return SWD_FLOATS && d->field > 0;
}

/* The shape of what this segment is made of, by its kind and element. False if it is none that a device knows. */
bool sw_device_take_shape(sw_device *d);

enum {
    SW_DEVICE_VOTERS = 3,
    SW_DEVICE_SETS = 10,      /* of weights: one for each kind of decision */
    SW_DEVICE_WEIGHT = 7000,  /* of each vote at first, in 1/16384 */
    SW_DEVICE_SUM = 2816,     /* largest sum of votes: 11.0, in 1/256 */
    SW_DEVICE_GROUP = 16,     /* elements that one decision can say to be as expected */
    SW_DEVICE_QUARTER = 4,    /* and, if not all are, another one of these */
    SW_DEVICE_GROUP_FROM = 4  /* asked once so many in a row were */
};

/* Slots of one voter, for as many bytes of state. */
static inline uint16_t sw_device_region(unsigned bytes) {
    return (uint16_t)((bytes / 2 - SW_DEVICE_SETS * SW_DEVICE_VOTERS) / SW_DEVICE_VOTERS);
}

typedef enum {
    SW_DEVICE_COPY = 0,       /* bytes of the base */
    SW_DEVICE_DIFFERENCE = 1, /* elements against the base */
    SW_DEVICE_NUMBERS = 2,    /* elements against 0 */
    SW_DEVICE_BYTES = 3,      /* bytes */
    SW_DEVICE_REPEAT = 4,     /* bytes of what this block made before */
    SW_DEVICE_SCALED = 5,     /* f32 against a multiple of what this block made before */
    SW_DEVICE_PLAIN = 6,      /* bytes, by equal odds */
    SW_DEVICE_KINDS = 7,
    SW_DEVICE_STORED = 7      /* no kind of a DEVICE block: the payload's bytes */
} sw_device_kind;

/* Sets of kinds; they lie side by side, or in a word of bits. */
static inline bool sw_is_of_base(unsigned kind) {
    return kind <= SW_DEVICE_DIFFERENCE;
}

static inline bool sw_is_of_block(unsigned kind) {
    return SWD_FLOATS ? (kind | 1) == SW_DEVICE_SCALED : kind == SW_DEVICE_REPEAT;
}

static inline bool sw_names_element(unsigned kind) {
    return (kind - SW_DEVICE_DIFFERENCE) < 2;
}

static inline bool sw_is_elements(unsigned kind) {
    return (1u << SW_DEVICE_DIFFERENCE | 1u << SW_DEVICE_NUMBERS | (unsigned)SWD_FLOATS << SW_DEVICE_SCALED) >> kind & 1;
}

static inline bool sw_is_scaled(unsigned kind) {
    return SWD_FLOATS && kind == SW_DEVICE_SCALED;
}

static inline bool sw_is_copied(unsigned kind) {
    return (1u << SW_DEVICE_COPY | 1u << SW_DEVICE_REPEAT) >> kind & 1;
}

/* Weights and slots as at the start of a block. */
void sw_device_reset(sw_device *d, uint16_t *state, unsigned bytes);

/* a * b in IEEE 754 single precision, rounded to nearest, ties to even; 0 if either or the product is no normal
 * number. */
uint32_t sw_device_product(uint32_t a, uint32_t b);

#endif
