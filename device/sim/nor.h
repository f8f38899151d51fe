/* NOR flash that holds what a real one holds: it refuses what a part would not do, counts wear, and loses power at the
 * operation it is told to. */
#ifndef SIM_NOR_H
#define SIM_NOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the operation that loses power ends. */
typedef enum {
    NOR_BEFORE = 0, /* not begun */
    NOR_TORN = 1,   /* some of its bits changed */
    NOR_AFTER = 2   /* done, but nobody was told */
} nor_cut;

typedef struct {
    uint8_t *bytes;      /* of the caller; starts at address 0 */
    uint8_t *programmed; /* one a unit: no more programs before the next erase; of the caller */
    uint32_t *erases;    /* one a sector: wear; of the caller */
    uint32_t size;
    uint32_t sector;
    uint32_t unit;
    uint32_t random;      /* seed of what is torn */
    uint64_t operations;  /* programs and erases of this run */
    uint64_t cut_at;      /* the operation that loses power, counted from 0; UINT64_MAX: none */
    nor_cut cut;
    uint32_t low;         /* what changed since these were set: addresses from low on, before high */
    uint32_t high;
    uint64_t programmed_bytes;
    uint64_t erased_sectors;
    bool dead;            /* without power: everything fails */
    const char *fault;    /* what a part would not have done; NULL if nothing */
} nor;

/* All erased. */
void nor_blank(nor *flash);

bool nor_read(nor *flash, uint32_t address, void *to, uint32_t size);
bool nor_program(nor *flash, uint32_t address, const void *from, uint32_t size);
bool nor_erase(nor *flash, uint32_t address);

#ifdef __cplusplus
}
#endif
#endif
