/* Tables as segments of a DEVICE block: the cheapest path through all ways to say them, by rough prices. */
#include "device_parse.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "device.h"

enum {
    HASH_BITS = 17,
    SHORTEST = 4,     /* bytes of a match that is looked for */
    MOST_TRIED = 64,  /* places with the same hash */
    LONG = 256,       /* a match this long is taken without looking for others inside it */
    MOST_KNOWN = 1 << 26, /* places of a base */
    /* Prices in 1/16 bit. */
    OPEN = 5 * 16,    /* a segment: its kind, and that nothing moved */
    MOVED = 4 * 16,   /* beside the bits of the move or distance */
    BYTE = 6 * 16
};

typedef struct {
    uint32_t price;
    uint32_t length; /* of the segment that leads here */
    uint32_t place;
    uint32_t shift;  /* base offset less target offset on the way here */
    uint32_t distance;
    uint8_t kind;
} node;

typedef struct sw_device_index {
    const uint8_t *data;
    size_t size;
    size_t step;     /* bytes between the places known */
    uint32_t *head;  /* by hash: the number of the last place, plus 1 */
    uint32_t *chain; /* by number: that of the place before with the same hash, plus 1 */
} finder;

static uint32_t hash_at(const uint8_t *p) {
    return sw_load32(p) * 0x9E3779B1u >> (32 - HASH_BITS);
}

static bool finder_open(finder *f, const uint8_t *data, size_t size) {
    f->data = data;
    f->size = size;
    f->step = 1 + size / MOST_KNOWN;
    f->head = calloc((size_t)1 << HASH_BITS, sizeof *f->head);
    f->chain = malloc((size / f->step + 1) * sizeof *f->chain);
    return f->head != NULL && f->chain != NULL;
}

static void finder_close(finder *f) {
    free(f->head);
    free(f->chain);
}

static void finder_add(finder *f, size_t number) {
    const size_t at = number * f->step;
    if (at + SHORTEST <= f->size) {
        uint32_t *head = &f->head[hash_at(f->data + at)];
        f->chain[number] = *head;
        *head = (uint32_t)number + 1;
    }
}

static size_t equal_length(const uint8_t *a, const uint8_t *b, size_t most) {
    size_t n = 0;
    while (n < most && a[n] == b[n]) {
        n++;
    }
    return n;
}

static uint32_t integer_price(uint32_t value) {
    return 16 * (2 + sw_bit_length(value));
}

typedef struct {
    node *nodes; /* of the bytes from `start` on */
    const uint8_t *target;
    size_t start;
    size_t end;
} table;

/* The segment that leads to `at` may go on from there to any place up to `length` bytes further. */
static void offer(const table *t, size_t at, size_t length, uint32_t fixed, const node *by) {
    const node *from = &t->nodes[at - t->start];
    for (size_t n = 1; n <= length; n = n < 32 || n + 32 > length ? n + 1 : n + 8) {
        node *to = &t->nodes[at - t->start + n];
        const uint32_t price = from->price + fixed + integer_price((uint32_t)n);
        if (price < to->price) {
            *to = *by;
            to->price = price;
            to->length = (uint32_t)n;
        }
    }
}

static void offer_copy(const table *t, size_t at, size_t base_at, size_t length) {
    const node *from = &t->nodes[at - t->start];
    const uint32_t shift = (uint32_t)base_at - (uint32_t)at;
    const uint32_t move = shift - from->shift;
    const uint32_t fixed = OPEN + (move == 0 ? 0 : MOVED + integer_price(move >> 31 ? 0 - move : move));
    offer(t, at, length, fixed, &(node){.kind = SW_DEVICE_COPY, .place = (uint32_t)base_at, .shift = shift,
                                        .distance = from->distance});
}

static void offer_repeat(const table *t, size_t at, size_t distance, size_t length) {
    const node *from = &t->nodes[at - t->start];
    const uint32_t fixed = OPEN + (distance == from->distance ? 0 : MOVED + integer_price((uint32_t)distance));
    offer(t, at, length, fixed, &(node){.kind = SW_DEVICE_REPEAT, .place = (uint32_t)distance, .shift = from->shift,
                                        .distance = (uint32_t)distance});
}

static void offer_byte(const table *t, size_t at) {
    const node *from = &t->nodes[at - t->start];
    node *to = &t->nodes[at - t->start + 1];
    const bool goes_on = from->kind == SW_DEVICE_BYTES;
    const uint32_t price = from->price + BYTE + (goes_on ? 0 : OPEN + 3 * 16);
    if (price < to->price) {
        *to = *from;
        to->price = price;
        to->kind = SW_DEVICE_BYTES;
        to->length = goes_on ? from->length + 1 : 1;
        to->place = 0;
    }
}

struct sw_device_parser {
    const finder *base;
    finder made;
    size_t known;  /* bytes of the target in `made` */
    int64_t least; /* base offset less target offset of a copy */
};

static bool in_reach(const sw_device_parser *parser, size_t at, size_t base_at) {
    return (int64_t)base_at - (int64_t)at >= parser->least;
}

/* All matches at `at` with the base, or with what was made; returns the length of the longest. */
static size_t offer_matches(const table *t, const sw_device_parser *parser, size_t at, bool repeats) {
    const finder *f = repeats ? &parser->made : parser->base;
    size_t longest = 0;
    if (at + SHORTEST > t->end) {
        return 0;
    }
    uint32_t place = f->head[hash_at(t->target + at)];
    for (unsigned tried = 0; place != 0 && tried < MOST_TRIED; tried++, place = f->chain[place - 1]) {
        const size_t other = (place - 1) * f->step;
        if (!repeats && !in_reach(parser, at, other)) {
            break; /* the places that follow are lower still */
        }
        size_t most = t->end - at;
        if (!repeats && most > f->size - other) {
            most = f->size - other;
        }
        const size_t length = equal_length(f->data + other, t->target + at, most);
        if (length < SHORTEST) {
            continue;
        }
        if (repeats) {
            offer_repeat(t, at, at - other, length);
        } else {
            offer_copy(t, at, other, length);
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}


/* The length of what the base holds where it was left, and offers it. */
static size_t offer_in_step(const table *t, const sw_device_parser *parser, size_t at) {
    const finder *base = parser->base;
    const uint32_t place = (uint32_t)at + t->nodes[at - t->start].shift;
    if (place >= base->size || !in_reach(parser, at, place)) {
        return 0;
    }
    const size_t most = t->end - at < base->size - place ? t->end - at : base->size - place;
    const size_t length = equal_length(base->data + place, t->target + at, most);
    offer_copy(t, at, place, length);
    return length;
}

static void price_all(const table *t, sw_device_parser *parser) {
    /* Inside a long match nothing is looked for: its start has offered every end of it. */
    size_t skip_to = t->start;
    for (size_t at = t->start; at < t->end; at++) {
        offer_byte(t, at);
        if (at >= skip_to) {
            size_t longest = offer_in_step(t, parser, at);
            if (longest < LONG) {
                const size_t found = offer_matches(t, parser, at, false);
                const size_t again = offer_matches(t, parser, at, true);
                longest = found > longest ? found : longest;
                longest = again > longest ? again : longest;
            }
            skip_to = longest >= LONG ? at + longest : skip_to;
        }
        if (at == parser->known) {
            finder_add(&parser->made, parser->known++);
        }
    }
}

static size_t walk_back(const table *t, sw_device_segment *out) {
    size_t count = 0;
    for (size_t at = t->end; at > t->start; at -= t->nodes[at - t->start].length) {
        count++;
    }
    size_t at = t->end;
    for (size_t i = count; i-- > 0;) {
        const node *n = &t->nodes[at - t->start];
        out[i] = (sw_device_segment){.kind = n->kind, .count = n->length, .place = n->place};
        at -= n->length;
    }
    return count;
}

sw_device_index *sw_device_index_new(const uint8_t *base, size_t base_size) {
    finder *f = calloc(1, sizeof *f);
    if (f == NULL || !finder_open(f, base, base_size)) {
        sw_device_index_free(f);
        return NULL;
    }
    for (size_t number = 0; number * f->step < base_size; number++) {
        finder_add(f, number);
    }
    return f;
}

void sw_device_index_free(sw_device_index *index) {
    if (index != NULL) {
        finder_close(index);
        free(index);
    }
}

sw_device_parser *sw_device_parser_new(const sw_device_index *base, const uint8_t *target, size_t size, int64_t least) {
    sw_device_parser *p = calloc(1, sizeof *p);
    if (p == NULL || !finder_open(&p->made, target, size)) {
        sw_device_parser_free(p);
        return NULL;
    }
    p->base = base;
    p->least = least;
    return p;
}

void sw_device_parser_free(sw_device_parser *parser) {
    if (parser != NULL) {
        finder_close(&parser->made);
        free(parser);
    }
}

size_t sw_device_parser_run(sw_device_parser *parser, size_t start, size_t end, uint32_t shift,
                            sw_device_segment *out) {
    const table t = {malloc((end - start + 1) * sizeof(node)), parser->made.data, start, end};
    if (t.nodes == NULL) {
        return 0;
    }
    for (size_t i = 0; i <= end - start; i++) {
        t.nodes[i].price = UINT32_MAX;
    }
    t.nodes[0] = (node){.shift = shift, .kind = SW_DEVICE_KINDS};
    for (; parser->known < start; parser->known++) {
        finder_add(&parser->made, parser->known);
    }
    price_all(&t, parser);
    const size_t count = walk_back(&t, out);
    free(t.nodes);
    return count;
}
