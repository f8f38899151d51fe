/* The adaptive model at the start of a block. */
#include "adaptive.h"

const uint16_t sw_adaptive_curve[46] = {
    32768, 36843, 40793, 44511, 47911, 50941, 53581, 55834, 57724, 59287, 60565, 61598, 62428, 63090, 63615, 64030,
    64357, 64614, 64816, 64974, 65097, 65194, 65269, 65328, 65374, 65410, 65438, 65459, 65476, 65489, 65500, 65508,
    65514, 65519, 65523, 65526, 65528, 65530, 65531, 65532, 65533, 65534, 65534, 65535, 65535, 65535,
};

void sw_stretch_table(int16_t stretch[4096]) {
    int32_t x = -SW_AD_VOTE;
    for (uint32_t p = 0; p < 4096; p++) {
        while (x < SW_AD_VOTE && sw_squash(x) >> 4 < p) {
            x++;
        }
        stretch[p] = (int16_t)x;
    }
}

void sw_adaptive_reset(sw_adaptive_work *w) {
    for (unsigned i = 0; i < SW_ADAPTIVE_SLOTS; i++) {
        w->slots[i] = 1u << 31;
    }
    for (unsigned set = 0; set < SW_ADAPTIVE_SETS; set++) {
        w->haste[set] = SW_AD_HASTE << SW_AD_CALM;
        for (unsigned i = 0; i < SW_ADAPTIVE_VOTES; i++) {
            w->weights[set][i] = SW_AD_WEIGHT;
        }
    }
    for (uint32_t i = 0; i <= SW_AD_SEEN; i++) {
        w->step[i] = (uint16_t)(131072 / (2 * i + 3));
    }
    sw_stretch_table(w->stretch);
    for (unsigned i = 0; i < sizeof w->last / sizeof w->last[0]; i++) {
        w->last[i] = 0;
    }
}
