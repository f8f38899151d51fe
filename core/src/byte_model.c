/* The memory of a byte model: its parts and how they begin. */
#include "byte_model.h"

#include <string.h>

enum {
    SLOT = SW_BYTE_LANES,
    EVEN = 1 << 15,      /* a decision of which nothing is known */
    FIRST_WEIGHT = 2500, /* of 8192 */
    FIRST_SURE = 65000,
    BYTES = 256,
    NIBBLES = 16
};

/* Parts in the order of their addresses, each a multiple of 64 bytes; without memory, only their size. */
static size_t lay_out(uint8_t *memory, unsigned level, sw_byte_view *v) {
    const sw_byte_level *l = &sw_byte_levels[level];
    const size_t slot = SLOT * sizeof(uint16_t);
    const size_t set = sw_byte_inputs(l) * slot;
    size_t at = 0;
#define PLACE(member, type, bytes)                     \
    do {                                               \
        if (memory != NULL) {                          \
            v->member = (type *)(void *)(memory + at); \
        }                                              \
        at += ((bytes) + 63) & ~(size_t)63;            \
    } while (0)
    PLACE(state, sw_byte_state, sizeof(sw_byte_state));
    PLACE(sure, uint16_t, sizeof(uint16_t) * BYTES * SW_BYTE_SURE);
    PLACE(slots, uint16_t, slot << l->slot_bits);
    PLACE(first[1], uint16_t, BYTES * slot);
    PLACE(first[0], uint16_t, BYTES * NIBBLES * slot);
    PLACE(none[1], uint16_t, slot);
    PLACE(none[0], uint16_t, NIBBLES * slot);
    /* One slot more for what is no match. */
    PLACE(matched[1], uint16_t, (BYTES * SW_BYTE_MATCHES + 1) * slot);
    PLACE(matched[0], uint16_t, (BYTES * SW_BYTE_MATCHES + 1) * slot);
    PLACE(by_match[1], int16_t, SW_BYTE_MATCHES * set);
    PLACE(by_match[0], int16_t, SW_BYTE_MATCHES * set);
    PLACE(by_byte[1], int16_t, BYTES * set);
    PLACE(by_byte[0], int16_t, BYTES * set);
    PLACE(by_nibble, int16_t, l->wide ? (NIBBLES + 1) * set : 0);
    PLACE(places, uint32_t, sizeof(uint32_t) << l->match_bits);
#undef PLACE
    return at;
}

size_t sw_byte_model_size(unsigned level) {
    sw_byte_view ignored;
    return level < SW_BYTE_LEVELS ? lay_out(NULL, level, &ignored) : 0;
}

sw_byte_view sw_byte_model_view(void *memory, unsigned level) {
    sw_byte_view view;
    memset(&view, 0, sizeof view);
    lay_out(memory, level, &view);
    return view;
}

void sw_byte_model_take_record(void *memory, unsigned record) {
    sw_byte_state *s = memory;
    s->record = record;
}

void sw_byte_model_reset(void *memory, unsigned level, unsigned record) {
    memset(memory, 0, sw_byte_model_size(level));
    sw_byte_view v = sw_byte_model_view(memory, level);
    v.state->level = level;
    for (unsigned i = 0; i < BYTES * SW_BYTE_SURE; i++) {
        v.sure[i] = FIRST_SURE;
    }
    sw_byte_model_take_record(memory, record);
    /* Slots lie side by side; a tag of 0 is no context's. */
    const uint16_t *end = (const uint16_t *)(const void *)v.by_match[1];
    for (uint16_t *slot = v.slots; slot != end; slot += SLOT) {
        for (unsigned lane = 1; lane < SLOT; lane++) {
            slot[lane] = EVEN;
        }
    }
    /* The set that begins with weights is never the only one. */
    const size_t weights = sw_byte_inputs(&sw_byte_levels[level]) * SLOT * BYTES;
    for (size_t i = 0; i < weights; i++) {
        v.by_byte[0][i] = v.by_byte[1][i] = i % SLOT == 0 ? 0 : FIRST_WEIGHT;
    }
}

size_t sw_byte_model_weight_count(unsigned level) {
    if (level >= SW_BYTE_LEVELS) {
        return 0;
    }
    /* Every kind of set but the last is a multiple of 64 bytes: there are no gaps. */
    const sw_byte_level *l = &sw_byte_levels[level];
    const size_t sets = 2 * SW_BYTE_MATCHES + 2 * BYTES + (l->wide ? NIBBLES + 1u : 0u);
    return sets * SLOT * sw_byte_inputs(l);
}

int16_t *sw_byte_model_weights(void *memory, unsigned level) {
    return sw_byte_model_view(memory, level).by_match[1];
}

void sw_byte_model_soften(void *memory, unsigned level, unsigned count) {
    sw_byte_view v = sw_byte_model_view(memory, level);
    const uint16_t *end = (const uint16_t *)(const void *)v.by_match[1];
    for (uint16_t *slot = v.slots; slot != end; slot += SLOT) {
        for (unsigned lane = 1; lane < SLOT; lane++) {
            if ((slot[lane] & SW_BYTE_COUNT) > count) {
                slot[lane] = (uint16_t)((slot[lane] & ~SW_BYTE_COUNT) | (int)count);
            }
        }
    }
}
