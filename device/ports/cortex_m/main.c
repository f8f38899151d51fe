/* Firmware that keeps a model: it says which one it has, and does what the host asks.
 *
 *   m SIZE  take a first model of that size (in the factory)
 *   u       take a patch, update, and reset
 *   r       send the model: the line "bytes SIZE", and the bytes
 *   x       reset
 */
#include <string.h>

#include "board.h"
#include "crypto.h"
#include "startup.h"
#include "uart.h"

#ifndef IN_PLACE
#define IN_PLACE 0
#endif
#ifndef STATE_SIZE
#define STATE_SIZE SW_DEVICE_LARGE
#endif

static uint16_t state[STATE_SIZE / 2];
static swd_config config;
static swd_update update;

static void configure(void) {
    config = (swd_config){.patch_read = uart_patch_read,
                          .flash_read = board_flash_read,
                          .flash_program = board_flash_program,
                          .flash_erase = board_flash_erase,
                          .digest_start = digest_start,
                          .digest_add = digest_add,
                          .digest_end = digest_end,
                          .is_signed = WANT_SIGNATURE ? is_signed : NULL,
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
}

/* The digest is taken anew: what the journal says of the model is not what its bytes are. */
static void say_model(const swd_model *model) {
    uint8_t digest[SWD_DIGEST];
    put_fact("address", model->address);
    put_fact("size", model->size);
    put_fact("counter", model->counter);
    digest_start(NULL);
    for (uint32_t at = 0; at < model->size; at += SWD_BATCH) {
        uint8_t bytes[SWD_BATCH];
        const uint32_t now = model->size - at < SWD_BATCH ? model->size - at : SWD_BATCH;
        board_flash_read(NULL, model->address + at, bytes, now);
        digest_add(NULL, bytes, now);
    }
    digest_end(NULL, digest);
    put_text("digest ");
    put_hex(digest, sizeof digest);
    put_text(memcmp(digest, model->digest, sizeof digest) == 0 ? "\n" : " damaged\n");
}

static uint32_t whole(uint32_t size) {
    return (size + board.sector - 1) / board.sector * board.sector;
}

static swd_result take_model(uint32_t size) {
    swd_model model = {.size = size};
    uint8_t bytes[SWD_BATCH];
    if (size == 0 || size > board.models_size / (IN_PLACE ? 1 : 2)) {
        return SWD_ERROR_ROOM;
    }
    model.address = board.models + (IN_PLACE ? board.models_size - whole(size) : 0);
    digest_start(NULL);
    for (uint32_t at = 0; at < size; at += SWD_BATCH) {
        const uint32_t now = size - at < SWD_BATCH ? size - at : SWD_BATCH;
        memset(bytes, 0xFF, sizeof bytes);
        if (uart_patch_read(NULL, at, bytes, now) != (int)now) {
            return SWD_ERROR_READ;
        }
        digest_add(NULL, bytes, now);
        if ((at % board.sector == 0 && !board_flash_erase(NULL, model.address + at)) ||
            !board_flash_program(NULL, model.address + at, bytes, SWD_BATCH)) {
            return SWD_ERROR_FLASH;
        }
    }
    digest_end(NULL, model.digest);
    return swd_provision(&config, &model);
}

static swd_result take_patch(void) {
    swd_result result = swd_update_start(&update, &config);
    while (result == SWD_MORE) {
        result = swd_update_step(&update);
    }
    return result;
}

static void send_model(const swd_model *model) {
    put_fact("bytes", model->size);
    for (uint32_t at = 0; at < model->size; at++) {
        uint8_t byte;
        board_flash_read(NULL, model->address + at, &byte, 1);
        board_put(byte);
    }
}

/* As the exit codes of swd-update. */
static void say_result(swd_result result) {
    put_fact("result", (uint32_t)(result < 0 ? 1 - (int)result : (int)result));
    put_fact("memory", memory_used());
}

int main(void) {
    swd_model model;
    board_start();
    configure();
    put_text("board ");
    put_text(board.name);
    put_text("\n");
    const swd_result boot = swd_boot(&config, &model);
    if (boot == SWD_DONE) {
        say_model(&model);
    }
    put_fact("ready", (uint32_t)(boot < 0 ? 1 - (int)boot : (int)boot));
    for (;;) {
        uint32_t number;
        const char command = get_command(&number);
        if (command == 'm') {
            say_result(take_model(number));
        } else if (command == 'u') {
            say_result(take_patch());
        } else if (command == 'r' && boot == SWD_DONE) {
            send_model(&model);
        }
        if (command != 'r') {
            system_reset();
        }
    }
}
