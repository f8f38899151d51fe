/* The model of DEVICE blocks: no division, 32-bit products, 136 bytes of tables. */
#include "device.h"

bool sw_device_take_shape(sw_device *d) {
    /* By SW_ELEMENT_: the width, and 8 times the lowest bit of a float's exponent. */
    static const uint8_t known[16] = {
        0, 1, 2, 4,
#if SWD_FLOATS
        0, 2 + 8 * 10, 2 + 8 * 7, 4 + 8 * 23, 0, 1 + 8 * 3, 1 + 8 * 2
#endif
    };
    unsigned element = d->element;
    if (!sw_names_element(d->kind)) {
        element = sw_is_scaled(d->kind) ? SW_ELEMENT_F32 : SW_ELEMENT_INT8;
    }
    const unsigned shape = known[element & 15];
    d->width = shape & 7;
    d->unused = (uint8_t)(32 - 8 * d->width);
    d->field = (uint8_t)(shape >> 3);
    return shape > 0;
}

void sw_device_reset(sw_device *d, uint16_t *state, unsigned bytes) {
    for (unsigned i = 0; i < bytes / 2; i++) {
        /* A slot: probability of a 1 in the upper 12 bits, times seen in the lower 4. */
        state[i] = i < SW_DEVICE_SETS * SW_DEVICE_VOTERS ? SW_DEVICE_WEIGHT : 1u << 15;
    }
    d->state = state;
    d->region = sw_device_region(bytes);
}

uint32_t sw_device_product(uint32_t a, uint32_t b) {
    const uint32_t top = 1u << 31;
    const uint32_t high = a >> 23 & 255;
    const uint32_t low = b >> 23 & 255;
    if (high - 1 > 253 || low - 1 > 253) {
        return 0;
    }
    /* Of mantissas with their leading 1 on top: at least 2^62. */
    uint64_t product = (uint64_t)(a << 8 | top) * (b << 8 | top);
    uint32_t exponent = high + low - 126;
    if (product >> 63 == 0) {
        product <<= 1;
        exponent--;
    }
    /* What lies below these 32 bits only tells whether a half is a half. */
    uint32_t mantissa = (uint32_t)(product >> 32) | ((uint32_t)product != 0);
    const uint32_t rest = mantissa & 255;
    mantissa >>= 8;
    mantissa += rest + (mantissa & 1) > 128;
    exponent += mantissa >> 24; /* then the mantissa is 2^24, and its low bits are 0 */
    if (exponent - 1 > 253) {
        return 0;
    }
    return ((a ^ b) & top) | exponent << 23 | (mantissa & 0x7FFFFF);
}
