/* To be copied: the engine on a part that part.h describes. CHECKLIST.md says what to look at before it ships. */
#include "port.h"

#include <string.h>

#include "part.h"
#include "serve.h"

static uint16_t state[PART_STATE_SIZE / 2];
static server served;

static bool is_inside(uint32_t address, uint32_t size) {
    const uint32_t offset = address - PART_MODELS;
    const uint32_t room = PART_MODELS_SIZE + PART_JOURNAL_SIZE;
    return offset <= room && size <= room - offset;
}

static bool flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    (void)context;
    return is_inside(address, size) && part_read(address, to, size);
}

/* Read back: a worn cell is found here, not by the next boot. */
static bool flash_program(void *context, uint32_t address, const void *from, uint32_t size) {
    uint8_t there[SWD_UNIT];
    if (!is_inside(address, size) || !part_program(address, from, size)) {
        return false;
    }
    for (uint32_t at = 0; at < size; at += PART_UNIT) {
        if (!flash_read(context, address + at, there, PART_UNIT) ||
            memcmp(there, (const uint8_t *)from + at, PART_UNIT) != 0) {
            return false;
        }
    }
    return true;
}

static bool flash_erase(void *context, uint32_t address) {
    (void)context;
    return is_inside(address, PART_SECTOR) && part_erase(address);
}

static uint32_t put(void *context, const uint8_t *bytes, uint32_t size) {
    (void)context;
    return part_send(bytes, size);
}

static uint32_t pump(void *context, bool may_wait) {
    (void)context;
    uint8_t bytes[32];
    const uint32_t got = part_receive(bytes, sizeof bytes);
    part_feed_watchdog();
    swl_receive(&served.link, bytes, got);
    swl_poll(&served.link, part_milliseconds());
    if (may_wait && got == 0) {
        part_sleep();
    }
    return part_milliseconds();
}

static int patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    (void)context;
    return serve_patch_read(&served, offset, to, size);
}

static void digest_start(void *context) {
    (void)context;
    part_sha256_start();
}

static void digest_add(void *context, const void *bytes, uint32_t size) {
    (void)context;
    part_sha256_add(bytes, size);
}

static void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
    (void)context;
    part_sha256_end(digest);
}

static bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    (void)context;
    return part_is_signed(message, size, signature);
}

/* What this device is. What is left out is not known, and a guard about it refuses the patch. */
static bool holds(void *context, uint32_t type, const uint8_t *content, uint32_t size) {
    static const swd_facts facts = {.arena_bytes = 32 * 1024, .family = "my-product"};
    (void)context;
    return swd_guard(&facts, type, content, size);
}

static const swd_config config = {.patch_read = patch_read,
                                  .flash_read = flash_read,
                                  .flash_program = flash_program,
                                  .flash_erase = flash_erase,
                                  .digest_start = digest_start,
                                  .digest_add = digest_add,
                                  .digest_end = digest_end,
                                  .is_signed = is_signed,
                                  .by_mac = PART_BY_MAC,
                                  .holds = holds,
                                  .models = PART_MODELS,
                                  .models_size = PART_MODELS_SIZE,
                                  .journal = PART_JOURNAL,
                                  .journal_size = PART_JOURNAL_SIZE,
                                  .sector = PART_SECTOR,
                                  .unit = PART_UNIT,
                                  .checkpoint = 1,
                                  .in_place = false,
                                  .state = state,
                                  .state_size = sizeof state};

swd_result port_boot(swd_model *model) {
    return swd_boot(&config, model);
}

void port_link(void) {
    /* At 115,200 baud two frames take 45 milliseconds. */
    static const swl_config line = {.put = put, .patience = 60, .keep_alive = 1000, .window = 2};
    served.config = &config;
    served.pump = pump;
    serve_start(&served, &line, part_random(), part_milliseconds(), "my-product");
    while (!serve_step(&served)) {
        /* What else the product does, if it does it here. */
    }
}
