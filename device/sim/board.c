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

static bool holds(void *context, uint32_t type, const uint8_t *content, uint32_t size) {
    return swd_guard(&((board *)context)->facts, type, content, size);
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

swd_result board_update(board *b) {
    swd_update update;
    b->flash.dead = false;
    b->furthest = 0;
    b->returns = 0;
    memset(b->state, 0xA5, sizeof b->state);
    swd_result result = swd_update_start(&update, &b->config);
    while (result == SWD_MORE) {
        result = swd_update_step(&update);
    }
    if (b->returns > b->config.in_place && b->flash.fault == NULL) {
        b->flash.fault = "a patch that was read backward";
    }
    return b->flash.dead && b->flash.fault == NULL ? SWD_MORE : result;
}

static bool is_model(const board *b, const swd_model *model, const uint8_t *bytes, uint32_t size) {
    return model->size == size && model->address + size <= b->flash.size &&
           memcmp(b->flash.bytes + model->address, bytes, size) == 0;
}

void board_sweep_cuts(board *b, const uint8_t *image, const uint8_t *marks, const uint8_t *base, uint32_t base_size,
                      const uint8_t *target, uint32_t target_size, nor_cut cut, uint64_t first, uint64_t step,
                      unsigned more, board_sweep *sweep) {
    nor *flash = &b->flash;
    bool lost = true;
    for (uint64_t at = first; lost; at += step) {
        memcpy(flash->bytes, image, flash->size);
        memcpy(flash->programmed, marks, flash->size / flash->unit);
        flash->random = (uint32_t)at * 2654435761u + cut + more;
        flash->fault = NULL;
        uint64_t cut_at = at;
        lost = false;
        const char *failure = NULL;
        for (unsigned run = 0; run <= more && failure == NULL; run++) {
            flash->operations = 0;
            flash->cut_at = cut_at;
            flash->cut = cut;
            const swd_result result = board_update(b);
            flash->random = flash->random * 1664525u + 1013904223u;
            cut_at = flash->random % (flash->operations + 1);
            lost = lost || result == SWD_MORE;
            flash->dead = false;
            if (flash->fault == NULL && result < 0) {
                failure = "an update that failed";
            }
            swd_model model;
            const swd_result boot = swd_boot(&b->config, &model);
            const bool open = boot == SWD_MORE && b->config.in_place && result == SWD_MORE;
            const bool valid = boot == SWD_DONE && (is_model(b, &model, base, base_size) ||
                                                    is_model(b, &model, target, target_size));
            if (!open && !valid) {
                failure = "no model to boot";
            }
        }
        flash->cut_at = UINT64_MAX;
        swd_model model;
        if (failure == NULL && (board_update(b) != SWD_DONE || swd_boot(&b->config, &model) != SWD_DONE ||
                                !is_model(b, &model, target, target_size))) {
            failure = "an update that could not be finished";
        }
        failure = flash->fault != NULL ? flash->fault : failure;
        sweep->points += lost;
        if (failure != NULL) {
            sweep->failed_at = sweep->failures++ == 0 ? at : sweep->failed_at;
            sweep->failure = sweep->failure == NULL ? failure : sweep->failure;
        }
        lost = lost && at < UINT64_MAX - step;
    }
}
