#include "range_decoder.h"

void sw_models_reset(uint16_t *models, size_t count) {
    for (size_t i = 0; i < count; i++) {
        models[i] = SW_MODEL_START;
    }
}

void sw_range_start(sw_range_decoder *d, const uint8_t *data, size_t size) {
    d->at = data;
    d->end = data + size;
    d->range = 0xFFFFFFFFu;
    d->code = 0;
    d->overrun = 0;
    for (int i = 0; i < 4; i++) {
        d->code = d->code << 8 | sw_range_byte(d);
    }
}

bool sw_range_ended(const sw_range_decoder *d) {
    /* The encoder drops trailing zero bytes, so a decoder may want up to four more than there are. */
    return d->at == d->end && d->overrun <= 4;
}

uint32_t sw_range_direct(sw_range_decoder *d, unsigned count) {
    uint32_t value = 0;
    while (count-- > 0) {
        d->range >>= 1;
        const uint32_t bit = d->code >= d->range;
        if (bit) {
            d->code -= d->range;
        }
        value = value << 1 | bit;
        sw_range_renormalise(d);
    }
    return value;
}

uint64_t sw_range_integer(sw_range_decoder *d, uint16_t *models) {
    /* models[0..62]: the unary length; models[64 + length]: the bit below the leading one. */
    unsigned length = 0;
    while (length < 62 && sw_range_bit(d, &models[length])) {
        length++;
    }
    uint64_t value = 1;
    for (unsigned i = 0; i < length; i++) {
        const uint32_t bit = i == 0 ? sw_range_bit(d, &models[64 + length]) : sw_range_direct(d, 1);
        value = value << 1 | bit;
    }
    return value - 1;
}
