/* Patches for tests of the update engine, and the digest that stands in for SHA-256 in them. */
#ifndef UPDATE_CASE_H
#define UPDATE_CASE_H

#include <assert.h>
#include <string.h>

#include "board.h"
#include "device.h"
#include "device_encode.h"

enum { MODEL = 9000 };

static uint32_t seed = 1;

static uint32_t any(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* In place of SHA-256, which the platform gives: any function of all bytes serves here. */
static uint32_t lanes[8];
static uint32_t lane;
static uint32_t kept_lanes[9];

static void digest_start(void *context) {
    (void)context;
    memset(lanes, 0x3C, sizeof lanes);
    lane = 0;
}

static void digest_add(void *context, const void *bytes, uint32_t size) {
    (void)context;
    for (uint32_t i = 0; i < size; i++) {
        lane = (lane + 1) % 8;
        lanes[lane] = (lanes[lane] ^ ((const uint8_t *)bytes)[i]) * 16777619u + lanes[(lane + 7) % 8];
    }
}

static void digest_end(void *context, uint8_t digest[SWD_DIGEST]) {
    (void)context;
    memcpy(digest, lanes, SWD_DIGEST);
}

static void digest_keep(void *context) {
    (void)context;
    memcpy(kept_lanes, lanes, sizeof lanes);
    kept_lanes[8] = lane;
}

static void digest_go_back(void *context) {
    (void)context;
    memcpy(lanes, kept_lanes, sizeof lanes);
    lane = kept_lanes[8];
}

/* In place of signatures and MACs, which the platform gives too; a MAC is what it begins with. */
static void stand_in_code(uint8_t code[SWD_SIGNATURE], uint8_t key, const uint8_t *message, uint32_t size) {
    for (unsigned i = 0; i < SWD_SIGNATURE / SWD_DIGEST; i++) {
        digest_start(NULL);
        digest_add(NULL, &key, 1);
        digest_add(NULL, message, size);
        digest_end(NULL, code + i * SWD_DIGEST);
    }
}

static const board_digest stand_in = {NULL, digest_start, digest_add, digest_end, digest_keep, digest_go_back};

typedef struct {
    uint8_t bytes[4 * MODEL];
    uint32_t size;
} writer;

static void put(writer *w, const void *bytes, uint32_t size) {
    assert(size <= sizeof w->bytes - w->size);
    memcpy(w->bytes + w->size, bytes, size);
    w->size += size;
}

static void put_varint(writer *w, uint32_t value) {
    do {
        const uint8_t byte = (uint8_t)(value > 127 ? value | 128 : value);
        put(w, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void put_record(writer *w, uint32_t tag, const writer *content) {
    put_varint(w, tag);
    put_varint(w, content->size);
    put(w, content->bytes, content->size);
}

static void put_identity(writer *w, uint32_t tag, const uint8_t *bytes, uint32_t size) {
    static writer content;
    uint8_t digest[SWD_DIGEST];
    digest_start(NULL);
    digest_add(NULL, bytes, size);
    digest_end(NULL, digest);
    content.size = 0;
    put(&content, "\1", 1);
    put_varint(&content, size);
    put(&content, digest, sizeof digest);
    put_record(w, tag, &content);
}

/* A patch as the tests want it. */
typedef struct {
    uint8_t base[MODEL + 16];
    uint32_t base_size;
    uint8_t target[MODEL + 16];
    uint32_t target_size;
    uint32_t blocks;  /* the last one stored if there are more than one */
    uint32_t counter;
    uint32_t behind;  /* bytes that the base is shifted */
    uint32_t state;
    uint8_t flags;      /* 1: with a signature, 2: with a MAC, both by stand_in_code() and `key` */
    uint32_t message;   /* bytes of the patch that those are of; made with it */
    uint8_t key;
    const char *guards; /* bytes of that record, and how many */
    uint32_t guards_size;
    writer patch;
} update_case;

static void put_block(writer *chunks, writer *blocks, update_case *c, uint32_t start, uint32_t size, bool stored) {
    static uint8_t payload[4 * MODEL];
    const uint32_t place = start > c->behind ? start - c->behind : 0;
    const uint32_t room = c->base_size > place ? c->base_size - place : 0;
    const uint32_t related = size < room ? size : room;
    /* None of the parts is empty. */
    const sw_device_segment parts[] = {{SW_DEVICE_DIFFERENCE, SW_ELEMENT_INT8, related, place, 0},
                                       {SW_DEVICE_BYTES, 0, size - related, 0, 0}};
    const sw_device_segment *first = parts + (related == 0);
    const size_t count = 1u + (related > 0 && related < size);
    const uint32_t at = blocks->size;
    size_t coded = size;
    const uint8_t *bytes = c->target + start;
    if (!stored) {
        coded = sw_device_encode(c->base, c->base_size, c->target + start, 0, size, first, count, c->state, payload,
                                 sizeof payload);
        assert(coded > 0);
        bytes = payload;
    }
    put(blocks, stored ? "\0" : "\11", 1);
    put_varint(blocks, size);
    put_varint(blocks, (uint32_t)coded);
    put(blocks, bytes, (uint32_t)coded);
    uint8_t digest[SWD_DIGEST];
    digest_start(NULL);
    digest_add(NULL, blocks->bytes + at, blocks->size - at);
    digest_end(NULL, digest);
    put_varint(chunks, size);
    put_varint(chunks, blocks->size - at);
    put(chunks, digest, sizeof digest);
}

/* Of so many bytes, behind them. */
static void put_crc(writer *w, uint32_t of) {
    const uint32_t crc = swd_crc32(0, w->bytes, of);
    const uint32_t size = w->size;
    w->size = of;
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t byte = (uint8_t)(crc >> 8 * i);
        put(w, &byte, 1);
    }
    w->size = size > w->size ? size : w->size;
}

static void make_patch(update_case *c) {
    static writer manifest, chunks, blocks, record;
    manifest.size = chunks.size = blocks.size = record.size = 0;
    put(&chunks, "\x20", 1);
    for (uint32_t i = 0, start = 0; i < c->blocks; i++) {
        const uint32_t size = i + 1 < c->blocks ? c->target_size / c->blocks - 3 : c->target_size - start;
        put_block(&chunks, &blocks, c, start, size, i > 0 && i + 1 == c->blocks);
        start += size;
    }
    if (c->base_size > 0) {
        put_identity(&manifest, 1, c->base, c->base_size);
    }
    put_identity(&manifest, 3, c->target, c->target_size);
    put(&record, "\1", 1);
    put_varint(&record, c->state);
    put_varint(&record, 0);
    put_varint(&record, c->behind);
    put_record(&manifest, 8, &record);
    put_record(&manifest, 9, &chunks);
    record.size = 0;
    put_varint(&record, c->counter);
    put_record(&manifest, 11, &record);
    record.size = 0;
    put(&record, "\1", 1);
    put_record(&manifest, 15, &record);
    if (c->guards != NULL) {
        record.size = 0;
        put(&record, c->guards, c->guards_size);
        put_record(&manifest, 17, &record);
    }
    writer *p = &c->patch;
    p->size = 0;
    put(p, "\x89SWP\1", 5);
    put(p, &c->flags, 1);
    put_varint(p, manifest.size);
    put(p, manifest.bytes, manifest.size);
    put_crc(p, p->size);
    c->message = p->size;
    if (c->flags > 0) {
        uint8_t code[SWD_SIGNATURE];
        stand_in_code(code, c->key, p->bytes, p->size);
        put(p, code, c->flags == 2 ? SWD_MAC : SWD_SIGNATURE);
    }
    put(p, blocks.bytes, blocks.size);
}

/* A fine-tune: one weight in `rarity` moved a little. */
static void make_case(update_case *c, uint32_t rarity) {
    memset(c, 0, sizeof *c);
    c->base_size = MODEL - 7;
    c->target_size = MODEL;
    c->blocks = 2;
    c->state = SW_DEVICE_SMALL;
    c->counter = 3;
    for (uint32_t i = 0; i < sizeof c->base; i++) {
        c->base[i] = (uint8_t)any();
        c->target[i] = (uint8_t)(c->base[i] + (any() % rarity == 0 ? any() % 7 : 0));
    }
}

#endif
