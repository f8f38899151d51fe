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
} board_facts;

extern const board_facts board;

void board_start(void);

/* The UART; both wait. */
void board_put(uint8_t byte);
uint8_t board_get(void);

bool board_flash_read(void *context, uint32_t address, void *to, uint32_t size);
bool board_flash_program(void *context, uint32_t address, const void *from, uint32_t size);
bool board_flash_erase(void *context, uint32_t address);

#endif
