/* A device that runs the update engine: flash with faults, a link that brings the patch, and a power switch. */
#ifndef SIM_BOARD_H
#define SIM_BOARD_H

#include "nor.h"
#include "sapwood_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A digest of 32 bytes; the simulator has none of its own. */
typedef struct {
    void *context;
    void (*start)(void *context);
    void (*add)(void *context, const void *bytes, uint32_t size);
    void (*end)(void *context, uint8_t digest[SWD_DIGEST]);
} board_digest;

typedef struct {
    nor flash;
    const uint8_t *patch;
    uint32_t patch_size;
    uint32_t piece;  /* bytes that the link brings at once, at most; every second time it has none yet */
    board_digest digest;
    swd_facts facts;
    swd_config config;
    uint32_t furthest; /* offset asked for */
    uint32_t returns;  /* times it went back */
    bool pause;
    uint16_t state[SW_DEVICE_LARGE / 2];
} board;

/* Fill in the config's callbacks, and its memory of `state_size` bytes. */
void board_connect(board *b, uint32_t state_size);

/* Power on, and update until that ends or the power fails. SWD_MORE: it failed. */
swd_result board_update(board *b);

/* What a sweep found. */
typedef struct {
    uint64_t points;    /* power cuts */
    uint64_t failures;  /* of them, after which something was not as it must be */
    uint64_t failed_at; /* the first of these */
    const char *failure;
} board_sweep;

/* Lose power at operations first, first + step, ... of an update, until one goes through without; after each cut check that the
 * device boots the old or the new model, or knows that an update in place is open, then let the next run finish and
 * compare the model with `target`. With `more` cuts, that many runs in a row lose power at random operations before.
 *
 * image   the flash at the start, of flash.size bytes; base and target as files. marks: flash.programmed at the start. */
void board_sweep_cuts(board *b, const uint8_t *image, const uint8_t *marks, const uint8_t *base, uint32_t base_size,
                      const uint8_t *target, uint32_t target_size, nor_cut cut, uint64_t first, uint64_t step,
                      unsigned more, board_sweep *sweep);

#ifdef __cplusplus
}
#endif
#endif
