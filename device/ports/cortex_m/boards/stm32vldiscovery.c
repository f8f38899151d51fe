/* STM32VLDISCOVERY: STM32F100, Cortex-M3, 8 KB of RAM. QEMU's model of this part has no flash that code can write, so
 * models lie in an external one: a file of the host, by semihosting, in this file held to the rules of NOR. */
#include <string.h>

#include "../board.h"

enum { SYSTICK_MASK = 0xFFFFFF };
enum { SECTOR = 4096, UNIT = 8, MODELS = 1024 * 1024, JOURNAL = 4 * SECTOR };

const board_facts board = {BOARD_NAME, 0, MODELS, MODELS, JOURNAL, SECTOR, UNIT, SYSTICK_MASK, 24000};

static volatile uint32_t *const uart = (uint32_t *)0x40013800;
enum { STATUS = 0, DATA = 1, CONTROL = 3, FILLED = 1 << 5, EMPTY = 1 << 7, ON = 1 << 13 | 1 << 3 | 1 << 2 };

enum { SYS_OPEN = 1, SYS_WRITE = 5, SYS_READ = 6, SYS_SEEK = 10, SYS_COMMAND_LINE = 21, READ_AND_WRITE = 3, NAME = 64 };

static volatile uint32_t *const systick = (uint32_t *)0xE000E010;
enum { SYSTICK_CONTROL = 0, SYSTICK_RELOAD = 1, SYSTICK_VALUE = 2, SYSTICK_ON = 1 << 2 | 1 };

static int flash;

static int semihost(int operation, const void *arguments) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* It counts down. What wraps unseen is lost: then time-outs are longer. */
uint32_t board_ticks(void) {
    return ~systick[SYSTICK_VALUE] & SYSTICK_MASK;
}

void board_start(void) {
    systick[SYSTICK_RELOAD] = SYSTICK_MASK;
    systick[SYSTICK_VALUE] = 0;
    systick[SYSTICK_CONTROL] = SYSTICK_ON;
    char name[NAME] = {0};
    uint32_t line[2] = {(uint32_t)name, NAME};
    semihost(SYS_COMMAND_LINE, line);
    flash = semihost(SYS_OPEN, (uint32_t[]){(uint32_t)name, READ_AND_WRITE, strlen(name)});
    *(volatile uint32_t *)0x40021018 = 1 << 14; /* RCC_APB2ENR: USART1 */
    uart[CONTROL] = ON;
}

bool board_put(uint8_t byte) {
    if (!(uart[STATUS] & EMPTY)) {
        return false;
    }
    uart[DATA] = byte;
    return true;
}

bool board_get(uint8_t *byte) {
    if (!(uart[STATUS] & FILLED)) {
        return false;
    }
    *byte = (uint8_t)uart[DATA];
    return true;
}

static bool transfer(int operation, uint32_t address, const void *bytes, uint32_t size) {
    const uint32_t end = MODELS + JOURNAL;
    return address <= end && size <= end - address &&
           semihost(SYS_SEEK, (uint32_t[]){(uint32_t)flash, address}) == 0 &&
           semihost(operation, (uint32_t[]){(uint32_t)flash, (uint32_t)bytes, size}) == 0;
}

bool board_flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    (void)context;
    return transfer(SYS_READ, address, to, size);
}

bool board_flash_program(void *context, uint32_t address, const void *from, uint32_t size) {
    const uint8_t *bytes = from;
    uint8_t there[UNIT];
    if (address % UNIT != 0 || size % UNIT != 0) {
        return false;
    }
    for (uint32_t i = 0; i < size; i++) {
        if (i % UNIT == 0 && !board_flash_read(context, address + i, there, UNIT)) {
            return false;
        }
        if (bytes[i] & ~there[i % UNIT]) {
            return false; /* not erased */
        }
    }
    return transfer(SYS_WRITE, address, from, size);
}

bool board_flash_erase(void *context, uint32_t address) {
    (void)context;
    uint8_t erased[SECTOR / 64];
    bool done = address % SECTOR == 0;
    memset(erased, 0xFF, sizeof erased);
    for (uint32_t at = 0; at < SECTOR; at += sizeof erased) {
        done = done && transfer(SYS_WRITE, address + at, erased, sizeof erased);
    }
    return done;
}
