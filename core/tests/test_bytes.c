/* The learned byte coder: every path gives the same bytes, messages go on where the last ended, hostile payloads end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "byte_cpu.h"
#include "crc32c.h"

/* Of all payloads: what every processor and compiler must make. A change of it is a change of the format. */
enum { GOLDEN_SIZE = 20656 };
static const uint32_t golden_crc = 0x7E6BCFF7u;

static uint32_t crc;
static size_t coded_in_all;

static uint32_t seed = 1;

static uint32_t any(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void *exact(size_t size) {
    void *buffer = malloc(size ? size : 1);
    assert(buffer != NULL);
    return buffer;
}

static void *new_model(unsigned level, unsigned record) {
    /* Aligned to 64, with its own address before it for free_model. */
    uint8_t *whole = exact(sw_byte_model_size(level) + 128);
    uint8_t *memory = whole + 128 - (uintptr_t)whole % 64;
    memcpy(memory - sizeof whole, &whole, sizeof whole);
    sw_byte_model_reset(memory, level, record);
    return memory;
}

static void free_model(void *model) {
    void *whole;
    memcpy(&whole, (uint8_t *)model - sizeof whole, sizeof whole);
    free(whole);
}

/* Text-like, noise, runs, records: all that a model treats differently. */
static void make(uint8_t *out, size_t size, unsigned kind) {
    static const char *const words[] = {"the ", "bytes ", "of ", "a ", "model ", "12", "\n", "and so on, ", "{\"key\": "};
    for (size_t i = 0; i < size;) {
        if (kind == 0) {
            const char *word = words[any(sizeof words / sizeof words[0])];
            for (; *word != 0 && i < size; word++) {
                out[i++] = (uint8_t)*word;
            }
        } else if (kind == 1) {
            out[i++] = (uint8_t)any(256);
        } else if (kind == 2) {
            const size_t run = 1 + any(900);
            const uint8_t byte = (uint8_t)any(256);
            for (size_t j = 0; j < run && i < size; j++) {
                out[i++] = byte;
            }
        } else {
            out[i] = (uint8_t)(i % 12 == 0 ? i / 12 : i % 12 < 9 ? i % 12 * 20 : any(8));
            i++;
        }
    }
}

static const char *const paths[] = {"portable", "ssse3", "avx2", "neon"};

static void check(unsigned level, unsigned record, const uint8_t *data, size_t size) {
    const size_t capacity = size * 2 + 64;
    uint8_t *first = exact(capacity);
    size_t first_size = 0;
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const sw_byte_kernels *k = sw_byte_kernels_for(paths[i]);
        if (k == NULL) {
            continue;
        }
        uint8_t *out = exact(capacity);
        void *model = new_model(level, record);
        const size_t coded = k->encode(model, data, 0, size, out, capacity);
        assert(coded > 0);
        if (first_size == 0) {
            first_size = coded;
            memcpy(first, out, coded);
            crc = sw_crc32c(crc, out, coded);
            coded_in_all += coded;
        }
        assert(coded == first_size && memcmp(out, first, coded) == 0);
        uint8_t *payload = exact(coded);
        memcpy(payload, out, coded);
        uint8_t *back = exact(size);
        sw_byte_model_reset(model, level, record);
        assert(k->decode(model, back, 0, size, payload, coded) == SW_OK);
        assert(memcmp(back, data, size) == 0);
        /* A buffer that is too small says so; one of the exact size will do. */
        sw_byte_model_reset(model, level, record);
        assert(k->encode(model, data, 0, size, out, coded - 1) == 0 || coded == 1);
        sw_byte_model_reset(model, level, record);
        uint8_t *tight = exact(coded);
        assert(k->encode(model, data, 0, size, tight, coded) == coded);
        free(tight);
        free(back);
        free(payload);
        free(out);
        free_model(model);
    }
    free(first);
}

/* Messages of one stream: the decoder learns what the encoder learned, and only what it decoded itself. */
static void check_messages(unsigned level) {
    enum { SIZE = 6000 };
    const sw_byte_kernels *k = sw_byte_kernels_for(NULL);
    const sw_byte_kernels *plain = sw_byte_kernels_for("portable");
    static uint8_t data[SIZE];
    static uint8_t window[SIZE];
    make(data, SIZE, 0);
    void *sender = new_model(level, 0);
    void *receiver = new_model(level, 0);
    memcpy(window, data, 1000);
    k->learn(sender, data, 0, 1000);
    plain->learn(receiver, window, 0, 1000);
    sw_byte_model_soften(sender, level, 2);
    sw_byte_model_soften(receiver, level, 2);
    for (size_t from = 1000; from < SIZE;) {
        const size_t to = from + 1 + any(SIZE - (uint32_t)from);
        static uint8_t out[2 * SIZE];
        const size_t coded = k->encode(sender, data, from, to, out, sizeof out);
        assert(coded > 0);
        assert(plain->decode(receiver, window, from, to, out, coded) == SW_OK);
        assert(memcmp(window, data, to) == 0);
        from = to;
    }
    assert(memcmp(sender, receiver, sw_byte_model_size(level)) == 0);
    free_model(sender);
    free_model(receiver);
}

static void check_hostile(unsigned level) {
    const sw_byte_kernels *k = sw_byte_kernels_for(NULL);
    void *model = new_model(level, 7);
    for (unsigned i = 0; i < (level == SW_BYTE_MAX ? 3 : 20); i++) {
        const size_t size = any(60);
        const size_t length = any(3000);
        uint8_t *payload = exact(size);
        uint8_t *window = exact(length);
        make(payload, size, 1);
        sw_byte_model_reset(model, level, i % 3 * 100);
        (void)k->decode(model, window, 0, length, payload, size);
        free(window);
        free(payload);
    }
    free_model(model);
}

int main(void) {
    assert(sw_crc32c(0, "123456789", 9) == 0xE3069283u);
    assert(sw_byte_model_size(SW_BYTE_LEVELS) == 0);
    assert(sw_byte_model_size(SW_BYTE_LIVE) <= 2u << 20);
    assert(sw_byte_model_size(SW_BYTE_DEFAULT) <= 8u << 20);
    assert(sw_byte_model_size(SW_BYTE_MAX) <= 32u << 20);
    static const size_t sizes[] = {0, 1, 300, 5000};
    static uint8_t data[5000];
    for (unsigned level = 0; level < SW_BYTE_LEVELS; level++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            /* A large model takes long to begin anew. */
            for (unsigned i = level == SW_BYTE_MAX ? 3 : 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                make(data, sizes[i], kind);
                check(level, kind == 3 ? 12 : 0, data, sizes[i]);
            }
        }
        check_messages(level);
        check_hostile(level);
    }
    fprintf(stderr, "%zu bytes, CRC-32C %08x\n", coded_in_all, (unsigned)crc);
    assert(coded_in_all == GOLDEN_SIZE && crc == golden_crc);
    return 0;
}
