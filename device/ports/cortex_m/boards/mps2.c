/* Arm MPS2 with AN385 (Cortex-M3), AN386 (M4), AN500 (M7) or AN505 (M33). It has no flash that code can write: a part of its 16 MiB
 * PSRAM stands for it, in this file held to the rules of NOR. QEMU can keep that memory in a file. */
#include <string.h>

#include "../board.h"

#ifndef PSRAM
#define PSRAM 0x21000000u
#endif
#ifndef UART
#define UART 0x40004000u
#endif
#ifndef TIMER
#define TIMER 0x40000000u
#endif
#ifndef CLOCK
#define CLOCK 25000u
#endif

enum { SECTOR = 4096, UNIT = 8, MODELS = 1024 * 1024, JOURNAL = 4 * SECTOR };

const board_facts board = {BOARD_NAME, PSRAM, MODELS, PSRAM + MODELS, JOURNAL, SECTOR, UNIT, UINT32_MAX, CLOCK};

static volatile uint32_t *const uart = (uint32_t *)UART;
enum { DATA = 0, STATE = 1, CONTROL = 2, DIVIDER = 4, FULL = 1, FILLED = 2, SEND = 1, RECEIVE = 2 };

/* A CMSDK timer: it counts down. */
static volatile uint32_t *const timer = (uint32_t *)TIMER;
enum { TIMER_CONTROL = 0, TIMER_VALUE = 1, TIMER_RELOAD = 2, TIMER_ON = 1 };

uint32_t board_ticks(void) {
    return ~timer[TIMER_VALUE];
}

void board_start(void) {
    timer[TIMER_RELOAD] = UINT32_MAX;
    timer[TIMER_VALUE] = UINT32_MAX;
    timer[TIMER_CONTROL] = TIMER_ON;
    uart[DIVIDER] = 16;
    uart[CONTROL] = SEND | RECEIVE;
}

bool board_put(uint8_t byte) {
    if (uart[STATE] & FULL) {
        return false;
    }
    uart[DATA] = byte;
    return true;
}

bool board_get(uint8_t *byte) {
    if (!(uart[STATE] & FILLED)) {
        return false;
    }
    *byte = (uint8_t)uart[DATA];
    return true;
}

static uint8_t *inside(uint32_t address, uint32_t size) {
    const uint32_t offset = address - PSRAM;
    return offset <= MODELS + JOURNAL && size <= MODELS + JOURNAL - offset ? (uint8_t *)address : NULL;
}

bool board_flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    (void)context;
    const uint8_t *from = inside(address, size);
    if (from != NULL) {
        memcpy(to, from, size);
    }
    return from != NULL;
}

bool board_flash_program(void *context, uint32_t address, const void *from, uint32_t size) {
    (void)context;
    const uint8_t *bytes = from;
    uint8_t *to = inside(address, size);
    if (to == NULL || address % UNIT != 0 || size % UNIT != 0) {
        return false;
    }
    for (uint32_t i = 0; i < size; i++) {
        if (bytes[i] & ~to[i]) {
            return false; /* not erased */
        }
        to[i] = bytes[i];
    }
    return true;
}

bool board_flash_erase(void *context, uint32_t address) {
    (void)context;
    uint8_t *to = inside(address, SECTOR);
    if (to == NULL || address % SECTOR != 0) {
        return false;
    }
    memset(to, 0xFF, SECTOR);
    return true;
}
