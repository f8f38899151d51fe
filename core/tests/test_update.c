/* The update engine on simulated flash: what it writes, what it refuses, and power cuts at every operation. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "update.h"
#include "update_case.h"

enum { SECTOR = 1024, UNIT = 8, SECTORS = 64, FLASH = SECTORS * SECTOR, JOURNAL = 8 * SECTOR };

typedef struct {
    board board;
    uint8_t bytes[FLASH];
    uint8_t programmed[FLASH / UNIT];
    uint32_t erases[SECTORS];
    uint8_t image[FLASH];
    uint8_t marks[FLASH / UNIT];
    uint8_t kept_bytes[FLASH];
    uint8_t kept_programmed[FLASH / UNIT];
} device;

typedef enum { SLOTS, IN_PLACE, IN_PLACE_BELOW } layout; /* below: no room, so that the model must be moved up first */

/* A device that runs the case's base. */
static void make_device(device *d, const update_case *c, layout how) {
    const bool in_place = how != SLOTS;
    memset(d, 0, sizeof *d);
    board *b = &d->board;
    b->flash = (nor){.bytes = d->bytes, .programmed = d->programmed, .erases = d->erases, .size = FLASH,
                     .sector = SECTOR, .unit = UNIT, .cut_at = UINT64_MAX};
    nor_blank(&b->flash);
    b->patch = c->patch.bytes;
    b->patch_size = c->patch.size;
    b->piece = 7;
    b->digest = stand_in;
    b->facts.arena_bytes = 1000;
    b->config = (swd_config){.models = SECTOR, .models_size = in_place ? 13 * SECTOR : 20 * SECTOR,
                             .journal = 30 * SECTOR, .journal_size = JOURNAL, .sector = SECTOR, .unit = UNIT,
                             .checkpoint = 2, .in_place = in_place};
    board_connect(b, c->state);
    swd_model model = {.address = how == IN_PLACE ? 4 * SECTOR : SECTOR, .size = c->base_size, .counter = 2};
    digest_start(NULL);
    digest_add(NULL, c->base, c->base_size);
    digest_end(NULL, model.digest);
    if (c->base_size > 0) {
        assert(nor_program(&b->flash, model.address, c->base, (c->base_size + UNIT - 1) / UNIT * UNIT));
        assert(swd_provision(&b->config, &model) == SWD_DONE);
    }
    memcpy(d->image, d->bytes, FLASH);
    memcpy(d->marks, d->programmed, sizeof d->marks);
}

static void expect_target(device *d, const update_case *c) {
    swd_model model;
    assert(d->board.flash.fault == NULL);
    assert(swd_boot(&d->board.config, &model) == SWD_DONE);
    assert(model.size == c->target_size && memcmp(d->bytes + model.address, c->target, c->target_size) == 0);
    assert(model.counter == c->counter);
}

static update_case a_case;
static device a_device;

static void test_whole_updates(void) {
    for (unsigned how = 0; how < 12; how++) {
        make_case(&a_case, 20);
        a_case.blocks = 1 + how % 2;
        a_case.state = how / 2 % 2 ? SW_DEVICE_SMALL : SW_DEVICE_LARGE;
        a_case.base_size = how / 4 == 2 ? 0 : a_case.base_size;
        make_patch(&a_case);
        make_device(&a_device, &a_case, how / 4 == 1 ? (layout)(1 + how % 2) : SLOTS);
        a_device.board.piece = how % 3 ? 1 : 1000;
        const uint64_t before = a_device.board.flash.programmed_bytes;
        assert(board_update(&a_device.board) == SWD_DONE);
        expect_target(&a_device, &a_case);
        const uint64_t programmed = a_device.board.flash.programmed_bytes - before;
        assert(programmed >= a_case.target_size);
        /* Again: nothing to do. */
        assert(board_update(&a_device.board) == SWD_DONE && a_device.board.flash.operations == 0);
    }
}

/* What flash is like at the end must not depend on where the update was gone on from. */
static void expect_same_afresh(const board_image *image, const board_models *models, uint64_t at, nor_cut cut,
                               unsigned more) {
    static uint8_t bytes[FLASH];
    static uint8_t room[FLASH];
    static uint8_t marks[FLASH / UNIT];
    board_moment none = {.bytes = room, .programmed = marks};
    bool lost;
    memcpy(bytes, a_device.bytes, FLASH);
    assert(board_cut(&a_device.board, image, &none, models, at, cut, more, &lost) == NULL);
    assert(memcmp(bytes, a_device.bytes, FLASH) == 0);
}

static void sweep(layout how, nor_cut cut, unsigned more) {
    static const char *layouts[] = {"slots", "in place", "in place, moved first"};
    static board_moment moment;
    make_device(&a_device, &a_case, how);
    moment = (board_moment){.bytes = a_device.kept_bytes, .programmed = a_device.kept_programmed};
    const board_image image = {a_device.image, a_device.marks};
    const board_models models = {a_case.base, a_case.base_size, a_case.target, a_case.target_size};
    uint64_t at = 0;
    for (bool lost = true; lost; at++) {
        const char *failure = board_cut(&a_device.board, &image, &moment, &models, at, cut, more, &lost);
        if (failure != NULL) {
            fprintf(stderr, "%s, cut at operation %llu: %s\n", layouts[how], (unsigned long long)at, failure);
        }
        assert(failure == NULL);
        if (at % 16 == 5) {
            expect_same_afresh(&image, &models, at, cut, more);
        }
    }
    printf("%s, %s: %llu power cuts\n", layouts[how],
           cut == NOR_BEFORE ? "before" : cut == NOR_TORN ? "torn" : "after", (unsigned long long)at - 1);
    assert(at > 100);
}

static void test_power_cuts(void) {
    for (unsigned how = SLOTS; how <= IN_PLACE_BELOW; how++) {
        make_case(&a_case, 20);
        a_case.behind = how == IN_PLACE ? 5 : 0;
        make_patch(&a_case);
        for (unsigned cut = NOR_BEFORE; cut <= NOR_AFTER; cut++) {
            sweep((layout)how, (nor_cut)cut, 0);
        }
        sweep((layout)how, NOR_TORN, 3);
    }
}

/* The update ends so, and neither flash nor what boots has changed. */
static void expect_refusal(device *d, swd_result wanted) {
    swd_model before, after;
    const swd_result boot = swd_boot(&d->board.config, &before);
    assert(board_update(&d->board) == wanted);
    assert(d->board.flash.fault == NULL && d->board.flash.operations == 0);
    assert(swd_boot(&d->board.config, &after) == boot && memcmp(&before, &after, sizeof after) == 0);
}

static bool refuse_signature(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    (void)context, (void)message, (void)size, (void)signature;
    return false;
}

/* What a device knows to check a patch by. */
typedef struct {
    uint8_t key;
    uint32_t size; /* of a signature or a MAC */
    unsigned asked;
} checker;

static bool check_code(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature) {
    checker *c = context;
    uint8_t code[SWD_SIGNATURE];
    c->asked++;
    stand_in_code(code, c->key, message, size);
    return memcmp(code, signature, c->size) == 0;
}

/* One that takes only what has a signature or, `by_mac`, a MAC. */
static void make_checking_device(layout how, bool by_mac, checker *c) {
    *c = (checker){.key = 7, .size = by_mac ? SWD_MAC : SWD_SIGNATURE};
    make_device(&a_device, &a_case, how);
    a_device.board.config.by_mac = by_mac;
    a_device.board.is_signed = check_code;
    a_device.board.judge = c;
}

/* Nothing is begun by a patch that is the case's but for one byte, or that lacks one. */
static void expect_code_binds(layout how, bool by_mac) {
    static writer good;
    checker c;
    good = a_case.patch;
    const uint32_t manifest = 8; /* where it begins: its size takes two bytes here */
    assert(good.bytes[6] > 127 && good.bytes[7] < 128);
    make_checking_device(how, by_mac, &c);
    for (uint32_t i = manifest; i < a_case.message + c.size; i++) {
        /* Under a right CRC, so its own bytes are left out. */
        i += i == a_case.message - 4 ? 4 : 0;
        a_case.patch.bytes[i] ^= (uint8_t)(1 << any() % 8);
        put_crc(&a_case.patch, a_case.message - 4);
        c.asked = 0;
        expect_refusal(&a_device, SWD_ERROR_SIGNATURE);
        assert(c.asked == 1);
        a_case.patch = good;
    }
    for (uint32_t cut = 1; cut <= c.size; cut++) {
        a_device.board.patch_size = a_case.message + c.size - cut;
        expect_refusal(&a_device, SWD_ERROR_READ);
        /* The blocks follow at once. */
        const uint32_t behind = a_case.message + c.size;
        memmove(a_case.patch.bytes + behind - cut, good.bytes + behind, good.size - behind);
        a_device.board.patch_size = good.size - cut;
        expect_refusal(&a_device, SWD_ERROR_SIGNATURE);
        a_case.patch = good;
    }
    a_device.board.patch_size = good.size;
    c.key++;
    expect_refusal(&a_device, SWD_ERROR_SIGNATURE);
    c.key--;
    assert(board_update(&a_device.board) == SWD_DONE);
    expect_target(&a_device, &a_case);
}

/* A device takes what it wants, and nothing instead. */
static void test_signatures_and_macs(void) {
    enum { UNSIGNED, SIGNED, WITH_MAC, UNKNOWN };
    for (unsigned how = SLOTS; how <= IN_PLACE_BELOW; how++) {
        for (uint8_t flags = UNSIGNED; flags <= UNKNOWN; flags++) {
            make_case(&a_case, 20);
            a_case.flags = flags;
            a_case.key = 7;
            make_patch(&a_case);
            for (uint8_t wanted = SIGNED; wanted <= WITH_MAC; wanted++) {
                checker c;
                make_checking_device((layout)how, wanted == WITH_MAC, &c);
                if (flags == UNKNOWN) {
                    expect_refusal(&a_device, SWD_ERROR_UNSUPPORTED);
                } else if (flags != wanted) {
                    expect_refusal(&a_device, SWD_ERROR_SIGNATURE);
                    assert(c.asked == 0);
                } else {
                    expect_code_binds((layout)how, wanted == WITH_MAC);
                }
            }
            make_device(&a_device, &a_case, (layout)how);
            if (flags != UNKNOWN) {
                assert(board_update(&a_device.board) == SWD_DONE);
                expect_target(&a_device, &a_case);
            }
        }
    }
}

static void test_refusals(void) {
    for (unsigned how = SLOTS; how <= IN_PLACE_BELOW; how++) {
        make_case(&a_case, 20);
        make_patch(&a_case);
        make_device(&a_device, &a_case, (layout)how);
        a_device.bytes[a_device.board.config.models + 5 * SECTOR] ^= 1;
        expect_refusal(&a_device, SWD_ERROR_BASE);
        make_device(&a_device, &a_case, (layout)how);
        a_device.board.is_signed = refuse_signature;
        expect_refusal(&a_device, SWD_ERROR_SIGNATURE);
        make_device(&a_device, &a_case, (layout)how);
        a_device.board.config.models_size = how == SLOTS ? 16 * SECTOR : 13 * SECTOR;
        a_device.board.config.checkpoint = 5;
        expect_refusal(&a_device, SWD_ERROR_ROOM);
        make_device(&a_device, &a_case, (layout)how);
        a_device.board.config.unit = 3;
        expect_refusal(&a_device, SWD_ERROR_CONFIG);
        a_case.counter = 1;
        make_patch(&a_case);
        make_device(&a_device, &a_case, (layout)how);
        expect_refusal(&a_device, SWD_ERROR_ROLLBACK);
        a_case.counter = 2;
        a_case.guards = "\1\2\xe9\7"; /* an arena of 1001 bytes */
        a_case.guards_size = 4;
        make_patch(&a_case);
        make_device(&a_device, &a_case, (layout)how);
        expect_refusal(&a_device, SWD_ERROR_GUARD);
        a_device.board.facts.arena_bytes++;
        assert(board_update(&a_device.board) == SWD_DONE);
        a_case.guards = "\2\1v\5\0"; /* text for people, and a hash that is none */
        a_case.guards_size = 5;
        make_patch(&a_case);
        make_device(&a_device, &a_case, (layout)how);
        expect_refusal(&a_device, SWD_ERROR_GUARD);
        a_case.guards = NULL;
        a_case.behind = 11 * SECTOR;
        make_patch(&a_case);
        make_device(&a_device, &a_case, (layout)how);
        if (how != SLOTS) {
            expect_refusal(&a_device, SWD_ERROR_ROOM);
        }
    }
    make_case(&a_case, 20);
    make_patch(&a_case);
    const uint32_t base_size = a_case.base_size;
    a_case.base_size = 0;
    make_device(&a_device, &a_case, SLOTS);
    swd_model model;
    assert(swd_boot(&a_device.board.config, &model) == SWD_ERROR_EMPTY);
    expect_refusal(&a_device, SWD_ERROR_BASE);
    a_case.base_size = base_size;
}

/* A guard's bytes may be any: none leads behind what the device knows of itself. */
static void test_guards_of_strangers(void) {
    uint8_t *family = malloc(3);
    assert(family != NULL);
    memcpy(family, "ab", 3);
    const swd_facts facts = {.family = (const char *)family};
    enum { FAMILY = 9 };
    assert(swd_guard(&facts, FAMILY, (const uint8_t *)"ab", 2));
    assert(!swd_guard(&facts, FAMILY, (const uint8_t *)"a", 1));
    assert(!swd_guard(&facts, FAMILY, (const uint8_t *)"abc", 3));
    assert(!swd_guard(&facts, FAMILY, (const uint8_t *)"ab\0\0\0\0\0\0\0\0", 10));
    free(family);
}

/* Whatever one byte becomes, and wherever the patch ends: the old model boots, and the right patch goes on. In place
 * nothing is written for a wrong one. */
static void test_bad_bytes(void) {
    static writer good;
    for (unsigned how = SLOTS; how <= IN_PLACE; how++) {
        make_case(&a_case, 20);
        make_patch(&a_case);
        good = a_case.patch;
        make_device(&a_device, &a_case, (layout)how);
        for (uint32_t i = 0; i < 2 * good.size; i += 1 + any() % 40) {
            const bool shorter = i >= good.size;
            memcpy(a_device.bytes, a_device.image, FLASH);
            memcpy(a_device.programmed, a_device.marks, sizeof a_device.marks);
            a_case.patch = good;
            if (shorter) {
                a_device.board.patch_size = i - good.size;
            } else {
                a_device.board.patch_size = good.size;
                a_case.patch.bytes[i] ^= (uint8_t)(1 << any() % 8);
            }
            const swd_result result = board_update(&a_device.board);
            assert(result < 0 && a_device.board.flash.fault == NULL);
            assert(result == SWD_ERROR_READ || result == SWD_ERROR_PATCH || result == SWD_ERROR_DIGEST ||
                   result == SWD_ERROR_UNSUPPORTED || result == SWD_ERROR_ROOM);
            assert(!shorter || result == SWD_ERROR_READ);
            swd_model model;
            assert(swd_boot(&a_device.board.config, &model) == SWD_DONE && model.size == a_case.base_size);
            assert(memcmp(a_device.bytes + model.address, a_case.base, model.size) == 0);
            assert(how == SLOTS || memcmp(a_device.bytes, a_device.image, FLASH) == 0);
            a_case.patch = good;
            a_device.board.patch_size = good.size;
            assert(board_update(&a_device.board) == SWD_DONE);
            expect_target(&a_device, &a_case);
        }
    }
}

/* A link that ends anywhere costs no more than the sectors since the last checkpoint. */
static void test_dropped_link(void) {
    for (unsigned how = SLOTS; how <= IN_PLACE_BELOW; how++) {
        make_case(&a_case, 20);
        make_patch(&a_case);
        make_device(&a_device, &a_case, (layout)how);
        nor *flash = &a_device.board.flash;
        uint64_t most = 0;
        const uint64_t before = flash->programmed_bytes;
        assert(board_update(&a_device.board) == SWD_DONE);
        const uint64_t whole = flash->programmed_bytes - before;
        make_device(&a_device, &a_case, (layout)how);
        const uint64_t start = flash->programmed_bytes;
        for (uint32_t i = a_case.patch.size / 4; i < a_case.patch.size; i += a_case.patch.size / 9) {
            a_device.board.patch_size = i;
            /* In place all of the patch must come before anything is begun. */
            assert(board_update(&a_device.board) == SWD_ERROR_READ);
            most += how == SLOTS;
        }
        a_device.board.patch_size = a_case.patch.size;
        assert(board_update(&a_device.board) == SWD_DONE);
        expect_target(&a_device, &a_case);
        const uint64_t lost = most * (a_device.board.config.checkpoint * SECTOR + swd_record_size(a_case.state));
        assert(flash->programmed_bytes - start <= whole + lost);
    }
}

/* Records that say anything at all, under a right CRC: nothing outside the memory given, and no flash rule broken. */
static void test_lying_journal(void) {
    make_case(&a_case, 20);
    make_patch(&a_case);
    for (unsigned i = 0; i < 600; i++) {
        make_device(&a_device, &a_case, i % 2 ? IN_PLACE : SLOTS);
        const swd_config *config = &a_device.board.config;
        a_device.board.flash.cut_at = any() % 200;
        (void)board_update(&a_device.board);
        a_device.board.flash.dead = false;
        a_device.board.flash.cut_at = UINT64_MAX;
        static swd_update u;
        swd_journal_load(&u, config);
        assert(!u.failed);
        uint8_t *decoder = u.record.decoder.bytes;
        if (swd_journal_has_decoder(&u)) {
            swd_read(&u, u.last + (uint32_t)sizeof u.record.state, decoder, sizeof u.record.decoder);
        }
        uint32_t *words = (uint32_t *)&u.record.state;
        for (unsigned changes = any() % 3; changes > 0; changes--) {
            words[3 + any() % 16] = any() % 2 ? any() : words[3 + any() % 16];
        }
        for (unsigned changes = any() % 4; changes > 0; changes--) {
            decoder[any() % sizeof u.record.decoder] = (uint8_t)any();
        }
        for (unsigned changes = any() % 40; changes > 0; changes--) {
            a_device.board.state[any() % (SW_DEVICE_SMALL / 2)] = (uint16_t)(any() % 2 ? any() : any() % 16);
        }
        swd_journal_append(&u, any() % 8 ? SW_DEVICE_SMALL : 0);
        assert(!u.failed);
        const swd_result result = board_update(&a_device.board);
        assert(result <= SWD_MORE);
        a_device.board.flash.fault = NULL;
    }
}

int main(void) {
    test_whole_updates();
    test_refusals();
    test_signatures_and_macs();
    test_guards_of_strangers();
    test_bad_bytes();
    test_dropped_link();
    test_lying_journal();
    test_power_cuts();
    puts("ok");
    return 0;
}
