/* What the firmware asks of a board. One of boards/ answers. */
#ifndef CORTEX_M_BOARD_H
#define CORTEX_M_BOARD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name;
    uint32_t models;       /* as in swd_config */
    uint32_t models_size;
    uint32_t journal;
    uint32_t journal_size;
    uint32_t sector;
    uint32_t unit;
    uint32_t clock_mask;
    uint32_t clock_rate;   /* ticks in a millisecond */
} board_facts;

extern const board_facts board;

void board_start(void);

/* The UART. False if it takes none now, or has none. */
bool board_put(uint8_t byte);
bool board_get(uint8_t *byte);

/* A clock that counts up, and wraps at board.clock_mask. */
uint32_t board_ticks(void);

bool board_flash_read(void *context, uint32_t address, void *to, uint32_t size);
bool board_flash_program(void *context, uint32_t address, const void *from, uint32_t size);
bool board_flash_erase(void *context, uint32_t address);

#endif
