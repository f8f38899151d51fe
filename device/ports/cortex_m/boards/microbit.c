/* BBC micro:bit: nRF51822, Cortex-M0. Models lie in the part's own flash, written through its NVMC. */
#include <string.h>

#include "../board.h"

enum { KB = 1024, FLASH = 256 * KB, CODE = 64 * KB, JOURNAL = 16 * KB, PAGE = KB, WORD = 4 };

const board_facts board = {BOARD_NAME, CODE, FLASH - CODE - JOURNAL, FLASH - JOURNAL, JOURNAL, PAGE, WORD, UINT32_MAX, 1000};

static volatile uint32_t *at(uint32_t address) {
    return (volatile uint32_t *)address;
}

enum {
    UART = 0x40002000,
    UART_START_RECEIVE = UART,
    UART_START_SEND = UART + 0x008,
    UART_RECEIVED = UART + 0x108,
    UART_SENT = UART + 0x11C,
    UART_ENABLE = UART + 0x500,
    UART_SEND_PIN = UART + 0x50C,
    UART_RECEIVE_PIN = UART + 0x514,
    UART_RECEIVE = UART + 0x518,
    UART_SEND = UART + 0x51C,
    UART_RATE = UART + 0x524,
    RATE_115200 = 0x01D7E000,
    TIMER_START = 0x40008000,
    TIMER_CAPTURE = 0x40008040,
    TIMER_BITS = 0x40008508,
    TIMER_PRESCALER = 0x40008510,
    TIMER_CAPTURED = 0x40008540,
    BITS_32 = 3,
    MEGAHERTZ = 4,
    NVMC_READY = 0x4001E400,
    NVMC_CONFIG = 0x4001E504,
    NVMC_ERASE_PAGE = 0x4001E508
};

enum { READ = 0, WRITE = 1, ERASE = 2 };

uint32_t board_ticks(void) {
    *at(TIMER_CAPTURE) = 1;
    return *at(TIMER_CAPTURED);
}

void board_start(void) {
    *at(TIMER_BITS) = BITS_32;
    *at(TIMER_PRESCALER) = MEGAHERTZ;
    *at(TIMER_START) = 1;
    *at(UART_SEND_PIN) = 24;
    *at(UART_RECEIVE_PIN) = 25;
    *at(UART_RATE) = RATE_115200;
    *at(UART_ENABLE) = 4;
    *at(UART_START_RECEIVE) = 1;
    *at(UART_START_SEND) = 1;
}

bool board_put(uint8_t byte) {
    static bool is_sending;
    if (is_sending && *at(UART_SENT) == 0) {
        return false;
    }
    *at(UART_SENT) = 0;
    *at(UART_SEND) = byte;
    is_sending = true;
    return true;
}

bool board_get(uint8_t *byte) {
    if (*at(UART_RECEIVED) == 0) {
        return false;
    }
    *at(UART_RECEIVED) = 0;
    *byte = (uint8_t)*at(UART_RECEIVE);
    return true;
}

static void allow(uint32_t what) {
    *at(NVMC_CONFIG) = what;
    while (*at(NVMC_READY) == 0) {
    }
}

static bool is_inside(uint32_t address, uint32_t size) {
    return address >= CODE && address <= FLASH && size <= FLASH - address;
}

bool board_flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    (void)context;
    if (!is_inside(address, size)) {
        return false;
    }
    memcpy(to, (const void *)address, size);
    return true;
}

bool board_flash_program(void *context, uint32_t address, const void *from, uint32_t size) {
    (void)context;
    if (!is_inside(address, size) || address % WORD != 0 || size % WORD != 0) {
        return false;
    }
    allow(WRITE);
    for (uint32_t i = 0; i < size; i += WORD) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)from + i, WORD);
        *at(address + i) = word;
        while (*at(NVMC_READY) == 0) {
        }
    }
    allow(READ);
    return memcmp((const void *)address, from, size) == 0;
}

bool board_flash_erase(void *context, uint32_t address) {
    (void)context;
    if (!is_inside(address, PAGE) || address % PAGE != 0) {
        return false;
    }
    allow(ERASE);
    *at(NVMC_ERASE_PAGE) = address;
    allow(READ);
    return true;
}
