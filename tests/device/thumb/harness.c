/* The engine as a Cortex-M3 runs it, in Unicorn. It reads flash and patch where the processor sees them; programs, erases and
 * digests are functions that thumb.py stands in for. */
#include <string.h>

#include "sapwood_device.h"

typedef struct {
    uint32_t models, models_size, journal, journal_size, sector, unit, checkpoint, in_place, state_size;
    uint32_t flash_size;
    uint32_t patch_size;
    uint32_t piece; /* bytes of the patch that come at once, at most */
} setup;

#define SETUP ((const setup *)0x20010000)
#define FLASH ((const uint8_t *)0x08000000)
#define PATCH ((const uint8_t *)0x60000000)

bool hook_program(void *context, uint32_t address, const void *from, uint32_t size);
bool hook_erase(void *context, uint32_t address);
void hook_digest_start(void *context);
void hook_digest_add(void *context, const void *bytes, uint32_t size);
void hook_digest_end(void *context, uint8_t digest[SWD_DIGEST]);

/* An address each, where nothing happens. */
__asm__(".thumb\n"
        ".irp name, program, erase, digest_start, digest_add, digest_end\n"
        ".global hook_\\name\n"
        ".thumb_func\n"
        "hook_\\name: bx lr\n"
        ".endr\n");

static int patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    (void)context;
    if (offset >= SETUP->patch_size) {
        return -1;
    }
    uint32_t now = SETUP->patch_size - offset;
    now = now < size ? now : size;
    now = now < SETUP->piece ? now : SETUP->piece;
    memcpy(to, PATCH + offset, now);
    return (int)now;
}

static bool flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    (void)context;
    if (address > SETUP->flash_size || size > SETUP->flash_size - address) {
        return false;
    }
    memcpy(to, FLASH + address, size);
    return true;
}

static swd_config config;
static swd_update update;
static uint16_t state[SW_DEVICE_LARGE / 2];
swd_model model;

static void configure(void) {
    config = (swd_config){.patch_read = patch_read,
                          .flash_read = flash_read,
                          .flash_program = hook_program,
                          .flash_erase = hook_erase,
                          .digest_start = hook_digest_start,
                          .digest_add = hook_digest_add,
                          .digest_end = hook_digest_end,
                          .models = SETUP->models,
                          .models_size = SETUP->models_size,
                          .journal = SETUP->journal,
                          .journal_size = SETUP->journal_size,
                          .sector = SETUP->sector,
                          .unit = SETUP->unit,
                          .checkpoint = SETUP->checkpoint,
                          .in_place = SETUP->in_place,
                          .state = state,
                          .state_size = SETUP->state_size};
}

int run_update(void) {
    configure();
    swd_result result = swd_update_start(&update, &config);
    while (result == SWD_MORE) {
        result = swd_update_step(&update);
    }
    return result;
}

/* With what is in `model`. */
int run_provision(void) {
    configure();
    return swd_provision(&config, &model);
}

/* Into `model`. */
int run_boot(void) {
    configure();
    return swd_boot(&config, &model);
}
