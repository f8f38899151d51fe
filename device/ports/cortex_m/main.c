/* Firmware that keeps a model: it says over the link which one it has, and takes a first one and patches (serve.h). After each it
 * resets, as a product would to load what is new. */
#include "board.h"
#include "clock.h"
#include "crypto.h"
#include "serve.h"
#include "startup.h"

#ifndef IN_PLACE
#define IN_PLACE 0
#endif
#ifndef STATE_SIZE
#define STATE_SIZE SW_DEVICE_LARGE
#endif

enum { BURST = 64, /* bytes taken before others are sent */ PAUSE = 2000 /* turns of a loop */ };

static uint16_t state[STATE_SIZE / 2];
static swd_config config;
static server served;

static uint32_t put(void *context, const uint8_t *bytes, uint32_t size) {
    (void)context;
    uint32_t took = 0;
    while (took < size && board_put(bytes[took])) {
        took++;
    }
    return took;
}

/* QEMU holds back what the UART has no room for. A part's UART needs an interrupt that puts bytes into a ring. */
static uint32_t pump(void *context, bool may_wait) {
    (void)context;
    uint8_t byte;
    unsigned got = 0;
    while (got < BURST && board_get(&byte)) {
        swl_receive(&served.link, &byte, 1);
        got++;
    }
    /* Each look at a UART stops the rest of QEMU for a while, and with it the bytes that come: look less often. */
    for (volatile unsigned i = may_wait && got == 0 ? PAUSE : 0; i > 0; i--) {
    }
    swl_poll(&served.link, clock_now());
    return clock_now();
}

static int patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    (void)context;
    return serve_patch_read(&served, offset, to, size);
}

int main(void) {
    static const swl_config line = {.put = put, .patience = 50, .keep_alive = 1000, .window = 2};
    board_start();
    config = (swd_config){.patch_read = patch_read,
                          .flash_read = board_flash_read,
                          .flash_program = board_flash_program,
                          .flash_erase = board_flash_erase,
                          .digest_start = digest_start,
                          .digest_add = digest_add,
                          .digest_end = digest_end,
                          .is_signed = IS_SIGNED,
                          .by_mac = BY_MAC,
                          .models = board.models,
                          .models_size = board.models_size,
                          .journal = board.journal,
                          .journal_size = board.journal_size,
                          .sector = board.sector,
                          .unit = board.unit,
                          .checkpoint = 4096 / board.sector,
                          .in_place = IN_PLACE,
                          .state = state,
                          .state_size = sizeof state};
    served.config = &config;
    served.pump = pump;
    served.memory_used = memory_used;
    serve_start(&served, &line, clock_noise(), clock_now(), board.name);
    while (!serve_step(&served)) {
    }
    system_reset();
}
