/* Modelled splices: round trips, buffers of the exact size, a base that fails, and what hostile bytes may do. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "splice_encode.h"

static sw_splice_work work;
static uint32_t seed = 1;

static uint32_t any(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

typedef struct {
    const uint8_t *data;
    size_t size;
    unsigned reads_left;
} memory;

static bool read_memory(void *context, uint64_t offset, uint8_t *out, size_t size) {
    memory *m = context;
    assert(offset <= m->size && size <= m->size - offset);
    if (m->reads_left == 0) {
        return false;
    }
    m->reads_left--;
    memcpy(out, m->data + offset, size);
    return true;
}

static void *exact(size_t size) {
    void *buffer = malloc(size ? size : 1);
    assert(buffer != NULL);
    return buffer;
}

typedef struct {
    uint8_t base[6000];
    sw_splice_run runs[300];
    size_t run_count;
    uint8_t literals[4000];
    size_t count;
    uint64_t length;
    uint8_t payload[20000];
    size_t size;
} sample;

/* Runs of all moves, and literals like and unlike the base. */
static void make(sample *s) {
    for (size_t i = 0; i < sizeof s->base; i++) {
        s->base[i] = (uint8_t)(i % 16 < 12 ? i % 16 * 7 : any(4));
    }
    s->run_count = any(300);
    s->count = 0;
    s->length = 0;
    uint64_t end = 0;
    for (size_t i = 0; i <= s->run_count; i++) {
        const uint32_t before = any(3) == 0 ? 0 : any(12);
        for (uint32_t k = 0; k < before; k++) {
            const uint8_t like = s->base[(end + k) % sizeof s->base];
            s->literals[s->count++] = any(2) ? (uint8_t)(like + 3) : (uint8_t)any(256);
        }
        s->length += before;
        if (i == s->run_count) {
            break;
        }
        const uint64_t places[] = {end + before, end, any(6000), end + 40};
        uint64_t offset = places[any(4)];
        offset = offset < sizeof s->base ? offset : any(6000);
        const uint64_t left = sizeof s->base - offset;
        uint64_t length = 1 + any(any(8) == 0 ? 500 : 20);
        length = length < left ? length : left;
        s->runs[i] = (sw_splice_run){before, offset, length};
        s->length += length;
        end = offset + length;
    }
}

static size_t encode(const sample *s, uint8_t *out, size_t capacity, unsigned reads) {
    memory m = {s->base, sizeof s->base, reads};
    const sw_splice_base base = {&m, m.size, read_memory};
    uint32_t *slots = exact(sw_splice_slots_size(s->count, s->run_count));
    memset(&work, 0xA5, sizeof work);
    const size_t size = sw_splice_encode(s->runs, s->run_count, s->literals, s->count, &base, slots, out, capacity, &work);
    free(slots);
    return size;
}

/* Decodes into buffers of the exact size; whether the runs and literals are those of the sample. */
static sw_status decode(const sample *s, const uint8_t *payload, size_t size, uint64_t length, unsigned reads, bool *same) {
    memory m = {s->base, sizeof s->base, reads};
    const sw_splice_base base = {&m, m.size, read_memory};
    uint8_t *tight = exact(size);
    memcpy(tight, payload, size);
    sw_splice_run *runs = exact(s->run_count * sizeof *runs);
    uint8_t *literals = exact(s->count);
    uint32_t *slots = exact(sw_splice_slots_size(s->count, s->run_count));
    memset(&work, 0xA5, sizeof work);
    const sw_status status = sw_splice_decode(tight, size, length, &base, runs, s->run_count, literals, s->count, slots, &work);
    *same = status == SW_OK && memcmp(literals, s->literals, s->count) == 0;
    for (size_t i = 0; i < s->run_count && *same; i++) {
        *same = runs[i].literals == s->runs[i].literals && runs[i].offset == s->runs[i].offset
                && runs[i].length == s->runs[i].length;
    }
    free(tight);
    free(runs);
    free(literals);
    free(slots);
    return status;
}

static void test_round_trips(sample *s) {
    for (unsigned round = 0; round < 60; round++) {
        bool same;
        make(s);
        s->size = encode(s, s->payload, sizeof s->payload, 100000);
        assert(s->size > 0);
        assert(decode(s, s->payload, s->size, s->length, 100000, &same) == SW_OK && same);
        assert(decode(s, s->payload, s->size, s->length + 1, 100000, &same) == SW_ERROR_HEADER);
        assert(encode(s, s->payload, s->size - 1, 100000) == 0);
    }
}

static void test_a_base_that_fails(sample *s) {
    bool same;
    do {
        make(s);
    } while (s->run_count < 20);
    s->size = encode(s, s->payload, sizeof s->payload, 100000);
    for (unsigned reads = 0; reads < 3; reads++) {
        uint8_t out[sizeof s->payload];
        assert(decode(s, s->payload, s->size, s->length, reads, &same) == SW_ERROR_READ);
        assert(encode(s, out, sizeof out, reads) == 0);
    }
}

static void test_damage(sample *s) {
    for (unsigned round = 0; round < 400; round++) {
        bool same;
        if (round % 20 == 0) {
            make(s);
            s->size = encode(s, s->payload, sizeof s->payload, 100000);
        }
        uint8_t bad[sizeof s->payload];
        memcpy(bad, s->payload, s->size);
        bad[any((uint32_t)s->size)] ^= (uint8_t)(1u << any(8));
        /* What still decodes makes the right length; what it holds is for a digest to judge. */
        const size_t cut = round % 3 == 0 ? any((uint32_t)s->size) : s->size;
        const sw_status status = decode(s, bad, cut, s->length, 100000, &same);
        assert(status <= SW_OK && status > SW_ERROR_READ);
    }
}

static void test_limits(void) {
    memory m = {NULL, 0, 0};
    const sw_splice_base base = {&m, 0, read_memory};
    const uint8_t payload[4] = {0};
    uint32_t *slots = exact(sw_splice_slots_size(1, 1));
    sw_splice_run run;
    uint8_t literal;
    assert(sw_splice_decode(payload, 4, UINT64_MAX, &base, &run, SW_SPLICE_MOST_RUNS + 1, &literal, 1, slots, &work) == SW_ERROR_HEADER);
    assert(sw_splice_decode(payload, 4, UINT64_MAX, &base, &run, 1, &literal, SW_SPLICE_MOST_LITERALS + 1, slots, &work) == SW_ERROR_HEADER);
    assert(sw_splice_decode(payload, 4, 0, &base, &run, 1, &literal, 1, slots, &work) == SW_ERROR_HEADER);
    assert(sw_splice_decode(payload, 0, 1, &base, &run, 0, &literal, 1, slots, &work) == SW_ERROR_TRUNCATED);
    assert(sw_splice_decode(payload, 4, 10, &base, &run, 1, &literal, 0, slots, &work) == SW_ERROR_BASE);
    free(slots);
    assert(sw_splice_slots_size(0, 0) == 16 * 4 << 10);
    assert(sw_splice_slots_size(SW_SPLICE_MOST_LITERALS, SW_SPLICE_MOST_RUNS) == 16 * 4 << 18);
}

int main(void) {
    sample *s = exact(sizeof *s);
    test_round_trips(s);
    test_a_base_that_fails(s);
    test_damage(s);
    test_limits();
    free(s);
    puts("splice: ok");
    return 0;
}
