/* The content matcher: its runs are ordered, in bounds, apart, counted rightly; and it finds what there is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"

enum { MOST_RUNS = 1 << 18 };

static uint64_t seed = 1;

static uint32_t draw(uint32_t below) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % below);
}

static void fill_random(uint8_t *p, size_t n, unsigned symbols) {
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)draw(symbols);
    }
}

/* An exact copy on the heap, so that a read outside it is seen. */
static uint8_t *exact(const uint8_t *p, size_t n) {
    uint8_t *q = malloc(n > 0 ? n : 1);
    assert(q != NULL);
    if (n > 0) {
        memcpy(q, p, n);
    }
    return q;
}

typedef struct {
    size_t runs;
    uint64_t equal;
    uint64_t length;
    uint64_t copied; /* bytes in runs that are wholly equal */
} found;

static size_t find_all(const sw_matcher *m, const uint8_t *target, size_t target_size, size_t capacity, sw_match *runs) {
    sw_match_search search;
    memset(&search, 0, sizeof search);
    size_t count = 0;
    do {
        const uint64_t before = search.reached;
        assert(count + capacity <= MOST_RUNS);
        const size_t got = sw_matcher_find(m, target, target_size, &search, runs + count, capacity);
        assert(got <= capacity && search.reached >= before && search.reached <= target_size);
        assert(got == capacity || search.reached == target_size);
        count += got;
    } while (search.reached < target_size);
    assert(sw_matcher_find(m, target, target_size, &search, runs, capacity) == 0);
    return count;
}

static found check(const uint8_t *base_bytes, size_t base_size, const uint8_t *target_bytes, size_t target_size,
                   size_t memory_limit) {
    static sw_match runs[MOST_RUNS];
    static sw_match again[MOST_RUNS];
    uint8_t *base = exact(base_bytes, base_size);
    uint8_t *target = exact(target_bytes, target_size);
    sw_matcher *m = sw_matcher_new(base, base_size, memory_limit);
    assert(m != NULL);
    found f = {find_all(m, target, target_size, 1 << 12, runs), 0, 0, 0};
    uint64_t at = 0;
    for (size_t i = 0; i < f.runs; i++) {
        const sw_match r = runs[i];
        assert(r.length > 0 && r.target_offset >= at);
        assert(r.target_offset <= target_size && r.length <= target_size - r.target_offset);
        assert(r.base_offset <= base_size && r.length <= base_size - r.base_offset);
        uint64_t equal = 0;
        for (uint64_t k = 0; k < r.length; k++) {
            equal += target[r.target_offset + k] == base[r.base_offset + k];
        }
        assert(r.equal == equal);
        f.equal += equal;
        f.length += r.length;
        f.copied += equal == r.length ? equal : 0;
        at = r.target_offset + r.length;
    }
    /* The capacity of the calls does not show. */
    assert(find_all(m, target, target_size, 1 + draw(5), again) == f.runs);
    assert(memcmp(runs, again, f.runs * sizeof *runs) == 0);
    sw_matcher_free(m);
    free(base);
    free(target);
    return f;
}

static uint8_t base[1 << 20];
static uint8_t target[3 << 20];

static void copy_is_one_run(void) {
    fill_random(base, sizeof base, 256);
    const found f = check(base, sizeof base, base, sizeof base, 1 << 24);
    assert(f.runs == 1 && f.equal == sizeof base);
}

static void shifted_copy_is_one_run(void) {
    fill_random(base, 100000, 256);
    fill_random(target, 1000, 256);
    memcpy(target + 1000, base + 5, 99995);
    const found f = check(base, 100000, target, 100995, 1 << 24);
    assert(f.runs == 1 && f.equal == 99995);
}

/* Pieces of the base in another order, some bytes flipped, some put in. */
static void random_edits(void) {
    for (unsigned round = 0; round < 60; round++) {
        const size_t size = 1 + draw(60000);
        fill_random(base, size, round % 3 == 0 ? 3 : 256);
        size_t n = 0;
        uint64_t kept = 0;
        while (n < size) {
            const uint32_t from = draw((uint32_t)size);
            const size_t length = 1 + draw(1 + draw(4000));
            const size_t piece = length < size - from ? length : size - from;
            memcpy(target + n, base + from, piece);
            kept += piece >= 64 ? piece : 0;
            n += piece;
            if (draw(3) == 0) {
                const size_t fresh = draw(50);
                fill_random(target + n, fresh, 256);
                n += fresh;
            }
            if (draw(4) == 0) {
                target[draw((uint32_t)n)] ^= 1;
            }
        }
        const found f = check(base, size, target, n, 1 << 22);
        assert(f.equal >= kept - kept / 20);
    }
}

/* Numbers that all moved: the bytes between two equal ends, and after the last run, belong together. */
static void neighbours_tell_similar_data(void) {
    fill_random(base, 80000, 256);
    memcpy(target, base, 80000);
    for (size_t i = 1000; i < 60000; i += 4) {
        fill_random(target + i, 3, 256);
    }
    found f = check(base, 80000, target, 80000, 1 << 24);
    assert(f.length == 80000 && f.runs <= 3);
    /* The same behind a header that grew by 8. */
    memmove(target + 8, target, 80000);
    fill_random(target, 8, 256);
    for (size_t i = 9; i < 1009; i++) {
        target[i] = (uint8_t)(i * 7);
    }
    f = check(base, 80000, target, 80008, 1 << 24);
    assert(f.length >= 78900);
}

/* A difference now and then leaves most of the target to copies. */
static void long_exact_stretches_are_copies(void) {
    fill_random(base, 200000, 256);
    memcpy(target, base, 200000);
    for (size_t i = 500; i < 100000; i += i < 3000 ? 100 : 9000) {
        target[i] ^= 1;
        target[i + 9] ^= 1;
    }
    const found f = check(base, 200000, target, 200000, 1 << 24);
    assert(f.copied > 190000 && f.length == 200000);
}

/* Nothing after the header is equal for long, but both files end together. */
static void ends_belong_together(void) {
    fill_random(base, 50000, 256);
    memcpy(target, base, 1000);
    fill_random(target + 1000, 8, 256);
    memcpy(target + 1008, base + 1000, 49000);
    for (size_t i = 1008; i < 50008; i++) {
        if (i % 3 != 0) {
            target[i] = (uint8_t)draw(256);
        }
    }
    const found f = check(base, 50000, target, 50008, 1 << 24);
    assert(f.length >= 49900);
}

static void large_base_is_sampled(void) {
    fill_random(base, sizeof base, 256);
    memcpy(target, base + 600000, 400000);
    memcpy(target + 400000, base, 400000);
    const found f = check(base, sizeof base, target, 800000, 1 << 14);
    assert(f.equal >= 799000 && f.runs <= 8);
}

static void sizes_at_the_edge(void) {
    fill_random(base, 200, 256);
    for (size_t b = 0; b <= 40; b++) {
        for (size_t t = 0; t <= 40; t++) {
            const found same = check(base, b, base, t, 0);
            assert(same.equal >= (b == t ? b : 0));
            check(base, b, base + 50, t, 1 << 20);
        }
    }
}

/* Inputs that make naive matchers slow: each has a bound on work, and the properties hold. */
static void degenerate_inputs(void) {
    enum { SIZE = 200000 };
    for (unsigned kind = 0; kind < 7; kind++) {
        for (size_t i = 0; i < SIZE; i++) {
            const unsigned period = kind == 1 ? 3 : kind == 2 ? 17 : kind == 3 ? 1000 : 255;
            base[i] = kind == 0 ? 0 : (uint8_t)(i % period);
            target[i] = kind == 0 ? 0 : (uint8_t)((i + 1) % period);
        }
        if (kind == 4) { /* a period of its own in each, with a mismatch now and then */
            for (size_t i = 0; i < SIZE; i++) {
                base[i] = (uint8_t)(i % 40 + (draw(100) == 0));
                target[i] = (uint8_t)(i % 41 + (draw(100) == 0));
            }
        } else if (kind == 5) { /* two symbols */
            fill_random(base, SIZE, 2);
            fill_random(target, SIZE, 2);
        } else if (kind == 6) { /* one piece, over and over, with something else in between */
            fill_random(base, 32, 256);
            for (size_t i = 0; i + 33 <= SIZE; i += 33) {
                memcpy(target + i, base, 32);
                target[i + 32] = (uint8_t)draw(256);
            }
            for (size_t i = 40; i + 40 <= SIZE; i += 40) {
                memcpy(base + i, base, 32);
                fill_random(base + i + 32, 8, 256);
            }
        }
        check(base, SIZE, target, SIZE, 1 << 24);
        check(base, SIZE, target, SIZE / 2, 1 << 14);
        check(base, SIZE / 2, target, SIZE, 1 << 20);
    }
}

int main(void) {
    copy_is_one_run();
    shifted_copy_is_one_run();
    random_edits();
    neighbours_tell_similar_data();
    long_exact_stretches_are_copies();
    ends_belong_together();
    large_base_is_sampled();
    sizes_at_the_edge();
    degenerate_inputs();
    return 0;
}
