#include "board.h"

#include <string.h>

static int patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    board *b = context;
    if (b->flash.dead || offset >= b->patch_size) {
        return -1;
    }
    b->pause = !b->pause;
    if (b->pause) {
        return 0;
    }
    b->returns += offset < b->furthest;
    uint32_t now = b->patch_size - offset;
    now = now < size ? now : size;
    now = now < b->piece ? now : b->piece;
    b->furthest = offset + now;
    memcpy(to, b->patch + offset, now);
    return (int)now;
}

static bool flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    return nor_read(&((board *)context)->flash, address, to, size);
}

static bool flash_program(void *context, uint32_t address, const void *from, uint32_t size) {
    return nor_program(&((board *)context)->flash, address, from, size);
}

static bool flash_erase(void *context, uint32_t address) {
    return nor_erase(&((board *)context)->flash, address);
}

static void digest_start(void *context) {
    const board *b = context;
    b->digest.start(b->digest.context);
}

static void digest_add(void *context, const void *bytes, uint32_t size) {
    const board *b = context;
    b->digest.add(b->digest.context, bytes, size);
}

static void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
    const board *b = context;
    b->digest.end(b->digest.context, digest);
}

static bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    const board *b = context;
    return b->is_signed(b->judge, message, size, signature);
}

static bool holds(void *context, uint32_t type, const uint8_t *content, uint32_t size) {
    const board *b = context;
    return b->holds != NULL ? b->holds(b->judge, type, content, size) : swd_guard(&b->facts, type, content, size);
}

void board_connect(board *b, uint32_t state_size) {
    swd_config *c = &b->config;
    c->context = b;
    c->patch_read = patch_read;
    c->flash_read = flash_read;
    c->flash_program = flash_program;
    c->flash_erase = flash_erase;
    c->digest_start = digest_start;
    c->digest_add = digest_add;
    c->digest_end = digest_end;
    c->holds = holds;
    c->state = b->state;
    c->state_size = state_size;
}

static void power_on(board *b) {
    b->flash.dead = false;
    b->flash.operations = 0;
    b->furthest = 0;
    b->returns = 0;
    b->config.is_signed = b->is_signed != NULL ? is_signed : NULL;
    memset(b->state, 0xA5, sizeof b->state);
    b->result = swd_update_start(&b->update, &b->config);
}

static swd_result run(board *b) {
    while (b->result == SWD_MORE) {
        b->result = swd_update_step(&b->update);
    }
    if (b->returns > b->config.in_place && b->flash.fault == NULL) {
        b->flash.fault = "a patch that was read backward";
    }
    return b->flash.dead && b->flash.fault == NULL ? SWD_MORE : b->result;
}

swd_result board_update(board *b) {
    power_on(b);
    return run(b);
}

/* The part of flash that changed since the last call, from one copy of it to another. */
static void copy_changed(nor *flash, uint8_t *bytes, uint8_t *programmed, const uint8_t *from_bytes,
                         const uint8_t *from_programmed) {
    if (flash->low < flash->high) {
        const uint32_t low = flash->low / flash->unit;
        memcpy(bytes + flash->low, from_bytes + flash->low, flash->high - flash->low);
        memcpy(programmed + low, from_programmed + low, flash->high / flash->unit - low);
    }
    flash->low = UINT32_MAX;
    flash->high = 0;
}

static void keep(board *b, board_moment *moment) {
    copy_changed(&b->flash, moment->bytes, moment->programmed, b->flash.bytes, b->flash.programmed);
    moment->board = *b;
    b->digest.keep(b->digest.context);
}

static void go_back(board *b, const board_moment *moment) {
    copy_changed(&b->flash, b->flash.bytes, b->flash.programmed, moment->bytes, moment->programmed);
    *b = moment->board;
    b->digest.go_back(b->digest.context);
}

static void start(board *b, const board_image *image, board_moment *moment) {
    nor *flash = &b->flash;
    flash->low = 0;
    flash->high = flash->size;
    copy_changed(flash, flash->bytes, flash->programmed, image->bytes, image->programmed);
    flash->low = 0;
    flash->high = flash->size;
    flash->fault = NULL;
    flash->cut_at = UINT64_MAX;
    power_on(b);
    b->moment = moment;
    keep(b, moment);
}

/* To before the step with operation `at`; to the end if there is none. */
static void go_to(board *b, const board_image *image, board_moment *moment, uint64_t at) {
    if (b->moment == moment && moment->board.flash.operations <= at) {
        go_back(b, moment);
    } else {
        start(b, image, moment);
    }
    while (b->result == SWD_MORE) {
        b->result = swd_update_step(&b->update);
        if (b->flash.operations > at) {
            go_back(b, moment);
            return;
        }
        keep(b, moment);
    }
}

static bool is_model(const board *b, const swd_model *model, const uint8_t *bytes, uint32_t size) {
    return model->size == size && model->address <= b->flash.size && size <= b->flash.size - model->address &&
           memcmp(b->flash.bytes + model->address, bytes, size) == 0;
}

/* After a run that ended so: whether there is a model, or need be none. */
static const char *check(board *b, const board_models *models, swd_result result) {
    swd_model model;
    if (b->flash.fault != NULL) {
        return b->flash.fault;
    }
    if (result < 0) {
        return "an update that failed";
    }
    b->flash.dead = false;
    const swd_result boot = swd_boot(&b->config, &model);
    if (boot == SWD_MORE && b->config.in_place && result == SWD_MORE) {
        return NULL;
    }
    const bool known = boot == SWD_DONE && (is_model(b, &model, models->target, models->target_size) ||
                                            (result == SWD_MORE && is_model(b, &model, models->base, models->base_size)));
    return known ? NULL : "no model to boot";
}

const char *board_cut(board *b, const board_image *image, board_moment *moment, const board_models *models, uint64_t at,
                      nor_cut cut, unsigned more, bool *lost) {
    nor *flash = &b->flash;
    go_to(b, image, moment, at);
    flash->cut = cut;
    flash->cut_at = at;
    flash->random = (uint32_t)at * 2654435761u + cut + more;
    *lost = false;
    for (unsigned runs = 0; runs <= more + 1; runs++) {
        if (runs > 0) {
            const uint64_t before = flash->operations;
            power_on(b);
            flash->random = flash->random * 1664525u + 1013904223u;
            flash->cut_at = runs <= more ? flash->random % (before + 1) : UINT64_MAX;
        }
        const swd_result result = run(b);
        const char *failure = check(b, models, result);
        if (failure != NULL) {
            return failure;
        }
        *lost = *lost || result == SWD_MORE;
    }
    return NULL;
}
