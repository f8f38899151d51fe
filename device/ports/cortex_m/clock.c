#include "clock.h"

#include "board.h"

enum { LOOKS = 256 };

uint32_t clock_now(void) {
    static uint32_t last, rest, now;
    const uint32_t ticks = board_ticks();
    rest += (ticks - last) & board.clock_mask;
    last = ticks;
    now += rest / board.clock_rate;
    rest %= board.clock_rate;
    return now;
}

uint32_t clock_noise(void) {
    uint32_t noise = 0;
    for (unsigned i = 0; i < LOOKS; i++) {
        noise = (noise ^ board_ticks()) * 16777619u;
        noise ^= noise >> 15;
    }
    return noise | 1;
}
