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
    void (*keep)(void *context);    /* what was added so far; for board_cut() only */
    void (*go_back)(void *context); /* to what was kept */
} board_digest;

typedef struct {
    nor flash;
    const uint8_t *patch;
    uint32_t patch_size;
    uint32_t piece;  /* bytes that the link brings at once, at most; every second time it has none yet */
    board_digest digest;
    bool (*is_signed)(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature);
    bool (*holds)(void *context, uint32_t type, const uint8_t *content, uint32_t size);
    void *judge;     /* context of these two. is_signed NULL: patches need no signature (config.by_mac: no MAC); holds NULL: `facts` answer */
    swd_facts facts;
    swd_config config;
    uint32_t furthest; /* offset asked for */
    uint32_t returns;  /* times it went back */
    bool pause;
    swd_update update;
    swd_result result;    /* of its last step */
    const void *moment;   /* the board_moment that it can go back to */
    uint16_t state[SW_DEVICE_LARGE / 2];
} board;

/* Fill in the config's callbacks, and its memory of `state_size` bytes. */
void board_connect(board *b, uint32_t state_size);

/* Power on, and update until that ends or the power fails. SWD_MORE: it failed. */
swd_result board_update(board *b);

/* What flash held at a moment, to go back to. */
typedef struct {
    const uint8_t *bytes;
    const uint8_t *programmed;
} board_image;

/* A moment of an update, to go back to. */
typedef struct {
    uint8_t *bytes;      /* of flash; of the caller, as large as those of the flash */
    uint8_t *programmed;
    board board;
} board_moment;

/* Two models, as files. */
typedef struct {
    const uint8_t *base;
    uint32_t base_size;
    const uint8_t *target;
    uint32_t target_size;
} board_models;

/* Run an update from `image` on, lose power at its operation `at`, and at a random one in each of `more` runs after it.
 * After each cut the device boots the old or the new model, or knows that an update in place is open; the last run
 * finishes and leaves the target. Returns what was not so, or NULL. `lost`: whether power was lost at all.
 *
 * All updates from an image by a patch are the same up to the cut, so they need not all be run from the start: `moment`
 * keeps how far the last one was before its cut. Cuts in ascending order go on from there; an earlier one, or another
 * moment, starts anew. */
const char *board_cut(board *b, const board_image *image, board_moment *moment, const board_models *models, uint64_t at,
                      nor_cut cut, unsigned more, bool *lost);

#ifdef __cplusplus
}
#endif
#endif
