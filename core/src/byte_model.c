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

const sw_byte_level sw_byte_levels[SW_BYTE_LEVELS] = {
    {15, 15, 2, 32, {SW_BYTE_ORDER2, SW_BYTE_ORDER4}, {SW_BYTE_ABOVE, SW_BYTE_ABOVE_1}},
    {17, 18, 5, 32,
     {SW_BYTE_ORDER2, SW_BYTE_ORDER3, SW_BYTE_ORDER4, SW_BYTE_ORDER6, SW_BYTE_WORD},
     {SW_BYTE_ORDER2, SW_BYTE_ORDER3, SW_BYTE_ABOVE, SW_BYTE_ABOVE_1, SW_BYTE_ABOVE_TWO}},
    {19, 20, 6, 0,
     {SW_BYTE_ORDER2, SW_BYTE_ORDER3, SW_BYTE_ORDER4, SW_BYTE_ORDER5, SW_BYTE_ORDER6, SW_BYTE_WORD},
     {SW_BYTE_ORDER2, SW_BYTE_ORDER3, SW_BYTE_ABOVE, SW_BYTE_ABOVE_1, SW_BYTE_ABOVE_TWO, SW_BYTE_COLUMN_2}},
};

/* The logistic at every 64th d from -4096 to 4096. */
static const uint16_t knots[129] = {
    1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7,
    8, 10, 11, 13, 16, 19, 23, 27, 32, 38, 45, 54,
    64, 76, 90, 107, 128, 152, 181, 215, 255, 303, 360, 428,
    508, 603, 716, 850, 1008, 1196, 1417, 1678, 1986, 2348, 2774, 3272,
    3855, 4534, 5322, 6233, 7282, 8481, 9845, 11384, 13107, 15019, 17118, 19398,
    21845, 24437, 27146, 29936, 32768, 35600, 38390, 41099, 43691, 46138, 48418, 50517,
    52429, 54152, 55691, 57055, 58254, 59303, 60214, 61002, 61681, 62264, 62762, 63188,
    63550, 63858, 64119, 64340, 64528, 64686, 64820, 64933, 65028, 65108, 65176, 65233,
    65281, 65321, 65355, 65384, 65408, 65429, 65446, 65460, 65472, 65482, 65491, 65498,
    65504, 65509, 65513, 65517, 65520, 65523, 65525, 65526, 65528, 65529, 65530, 65531,
    65532, 65533, 65533, 65534, 65534, 65534, 65535, 65535, 65535,
};

/* Parts in the order of their addresses, each a multiple of 64 bytes; without memory, only their size. */
static size_t lay_out(uint8_t *memory, unsigned level, sw_byte_view *v) {
    const sw_byte_level *l = &sw_byte_levels[level];
    const size_t slot = SLOT * sizeof(uint16_t);
    const size_t set = (size_t)(l->hashed + 3) * slot;
    size_t at = 0;
#define PLACE(member, type, bytes)                     \
    do {                                               \
        if (memory != NULL) {                          \
            v->member = (type *)(void *)(memory + at); \
        }                                              \
        at += ((bytes) + 63) & ~(size_t)63;            \
    } while (0)
    PLACE(state, sw_byte_state, sizeof(sw_byte_state));
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
    PLACE(by_count[1], int16_t, (SW_BYTE_COUNT + 1) * set);
    PLACE(by_count[0], int16_t, (SW_BYTE_COUNT + 1) * set);
    PLACE(by_nibble, int16_t, (NIBBLES + 1) * set);
    PLACE(logistic, uint16_t, SW_BYTE_LOGISTIC * sizeof(uint16_t));
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
    memset(s->hashes, 0, sizeof s->hashes);
}

void sw_byte_model_reset(void *memory, unsigned level, unsigned record) {
    memset(memory, 0, sw_byte_model_size(level));
    sw_byte_view v = sw_byte_model_view(memory, level);
    v.state->level = level;
    for (unsigned i = 0; i < 256 * SW_BYTE_SURE; i++) {
        v.state->sure[i] = FIRST_SURE;
    }
    sw_byte_model_take_record(memory, record);
    /* Slots lie side by side; a tag of 0 is no context's. */
    const uint16_t *end = (const uint16_t *)(const void *)v.by_match[1];
    for (uint16_t *slot = v.slots; slot != end; slot += SLOT) {
        for (unsigned lane = 1; lane < SLOT; lane++) {
            slot[lane] = EVEN;
        }
    }
    const size_t count = (size_t)(NIBBLES + 1) * (sw_byte_levels[level].hashed + 3u) * SLOT;
    for (size_t i = 0; i < count; i++) {
        v.by_nibble[i] = i % SLOT == 0 ? 0 : FIRST_WEIGHT;
    }
    for (unsigned i = 0; i < SW_BYTE_LOGISTIC; i++) {
        /* At the middle between two d, on the line between two knots. */
        const uint32_t from = knots[i / 32];
        const uint32_t step = 2 * (i % 32) + 1;
        v.logistic[i] = (uint16_t)(from + (((knots[i / 32 + 1] - from) * step + 32) >> 6));
    }
}

size_t sw_byte_model_weight_count(unsigned level) {
    /* Every kind of set but the last is a multiple of 64 bytes: there are no gaps. */
    const size_t sets = 2 * SW_BYTE_MATCHES + 2 * BYTES + 2 * (SW_BYTE_COUNT + 1) + NIBBLES + 1;
    return level < SW_BYTE_LEVELS ? sets * SLOT * (sw_byte_levels[level].hashed + 3u) : 0;
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
