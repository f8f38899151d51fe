#include "nor.h"

#include <string.h>

void nor_blank(nor *flash) {
    memset(flash->bytes, 0xFF, flash->size);
    memset(flash->programmed, 0, flash->size / flash->unit);
    memset(flash->erases, 0, flash->size / flash->sector * sizeof *flash->erases);
}

static uint8_t any(nor *flash) {
    flash->random = flash->random * 1664525u + 1013904223u;
    return (uint8_t)(flash->random >> 24);
}

static bool fail(nor *flash, const char *why) {
    flash->fault = why;
    flash->dead = true;
    return false;
}

static bool is_inside(const nor *flash, uint32_t address, uint32_t size) {
    return address <= flash->size && size <= flash->size - address;
}

/* Whether the operation, on these addresses, happens whole; if not, whether any of it does. */
static bool loses_power(nor *flash, uint32_t address, uint32_t size, bool *torn) {
    flash->low = address < flash->low ? address : flash->low;
    flash->high = address + size > flash->high ? address + size : flash->high;
    const bool cut = flash->operations++ == flash->cut_at;
    *torn = cut && flash->cut == NOR_TORN;
    flash->dead = cut;
    return cut && flash->cut != NOR_AFTER;
}

bool nor_read(nor *flash, uint32_t address, void *to, uint32_t size) {
    if (flash->dead) {
        return false;
    }
    if (!is_inside(flash, address, size)) {
        return fail(flash, "a read outside the flash");
    }
    memcpy(to, flash->bytes + address, size);
    return true;
}

bool nor_program(nor *flash, uint32_t address, const void *from, uint32_t size) {
    const uint8_t *bytes = from;
    if (flash->dead) {
        return false;
    }
    if (!is_inside(flash, address, size) || size == 0) {
        return fail(flash, "a program outside the flash");
    }
    if (address % flash->unit != 0 || size % flash->unit != 0) {
        return fail(flash, "a program of part of a unit");
    }
    bool torn;
    const bool lost = loses_power(flash, address, size, &torn);
    /* Power may go before a cell has changed that much that it reads so. */
    const bool seen = torn && any(flash) > 40;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t *cell = &flash->bytes[address + i];
        uint8_t *unit = &flash->programmed[(address + i) / flash->unit];
        if ((address + i) % flash->unit == 0) {
            if (*unit) {
                return fail(flash, "a program of a unit that was not erased");
            }
            /* A torn one may have left a mark on a unit that still reads as erased. */
            *unit = !lost || torn;
        }
        if (!lost) {
            *cell = bytes[i];
        } else if (seen) {
            const uint8_t how = any(flash);
            *cell = (uint8_t)(how < 90 ? *cell : how < 180 ? bytes[i] : bytes[i] | any(flash));
        }
    }
    flash->programmed_bytes += size;
    return !flash->dead;
}

bool nor_erase(nor *flash, uint32_t address) {
    if (flash->dead) {
        return false;
    }
    if (!is_inside(flash, address, flash->sector) || address % flash->sector != 0) {
        return fail(flash, "an erase of no sector");
    }
    bool torn;
    const bool lost = loses_power(flash, address, flash->sector, &torn);
    for (uint32_t i = 0; i < flash->sector; i++) {
        uint8_t *cell = &flash->bytes[address + i];
        if (!lost) {
            *cell = 0xFF;
        } else if (torn) {
            const uint8_t how = any(flash);
            *cell = (uint8_t)(how < 90 ? *cell : how < 180 ? 0xFF : *cell | any(flash));
        }
    }
    if (!lost || torn) {
        memset(flash->programmed + address / flash->unit, torn, flash->sector / flash->unit);
        flash->erases[address / flash->sector]++;
        flash->erased_sectors++;
    }
    return !flash->dead;
}
