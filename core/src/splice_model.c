/* The voters' slots and weights, the history that contexts come from, and the base. */
#include "splice.h"

#include "adaptive.h"
#include "bytes.h"

enum { HISTORY_MASK = SW_SPLICE_HISTORY - 1, PAGE_MASK = SW_SPLICE_PAGE - 1 };

unsigned sw_splice_slot_bits(size_t literals, size_t runs) {
    const unsigned bits = sw_bit_length(16 * (uint64_t)(literals + runs));
    return bits < SW_SPLICE_LEAST_SLOTS ? SW_SPLICE_LEAST_SLOTS
           : bits > SW_SPLICE_MOST_SLOTS ? SW_SPLICE_MOST_SLOTS : bits;
}

void sw_splice_reset(sw_splice_work *w, uint32_t *slots, unsigned slot_bits, const sw_splice_base *base) {
    w->slots = slots;
    w->slot_bits = slot_bits;
    w->base = *base;
    for (size_t i = 0; i < (size_t)SW_SPLICE_VOTES << slot_bits; i++) {
        slots[i] = 1u << 31;
    }
    for (unsigned set = 0; set < SW_SPLICE_SETS; set++) {
        w->haste[set] = SW_SPLICE_HASTE << 8;
        for (unsigned i = 0; i < SW_SPLICE_VOTES; i++) {
            w->weights[set][i] = set < SW_SPLICE_NUMBER_SETS ? SW_SPLICE_LITERAL_WEIGHT : SW_SPLICE_NUMBER_WEIGHT;
        }
    }
    for (uint32_t i = 0; i <= SW_SPLICE_SEEN; i++) {
        w->step[i] = (uint16_t)(131072 / (2 * i + 3));
    }
    sw_stretch_table(w->stretch);
    for (unsigned n = 0; n < 3; n++) {
        for (size_t i = 0; i < SW_SPLICE_PLACES; i++) {
            w->places[n][i] = 0;
        }
    }
    w->remembered = 0;
    for (unsigned f = 0; f < 2; f++) {
        w->followers[f] = (sw_splice_follower){0, 0, 0};
    }
    for (unsigned i = 0; i < 4; i++) {
        w->differences[i] = 0;
        w->page_of[i] = UINT64_MAX;
    }
    w->hits[0] = w->hits[1] = 0;
    w->word = 0;
    w->failed = false;
}

uint32_t sw_splice_predict(sw_splice_work *w, unsigned votes, unsigned a, unsigned b) {
    const int32_t *first = w->weights[a];
    const int32_t *second = w->weights[b];
    int64_t total = 0;
    for (unsigned i = 0; i < votes; i++) {
        const uint32_t slot = w->slots[w->at[i]];
        /* A slot that has seen nothing says nothing. */
        const int32_t vote = (slot & 1023) != 0 ? w->stretch[slot >> 20] : 0;
        w->votes[i] = vote;
        total += (int64_t)vote * ((first[i] + second[i]) >> 4);
    }
    total >>= 12;
    const int32_t sum = total > SW_AD_SUM ? SW_AD_SUM : total < -SW_AD_SUM ? -SW_AD_SUM : (int32_t)total;
    w->set[0] = a;
    w->set[1] = b;
    w->voters = votes;
    w->probability = sw_squash(sum);
    return w->probability;
}

static void teach_weights(sw_splice_work *w, unsigned set, int32_t surprise) {
    int32_t *weights = w->weights[set];
    const int32_t haste = w->haste[set];
    w->haste[set] = (uint16_t)(haste - (haste >> 8));
    const int32_t error = surprise * (SW_SPLICE_RATE + (haste >> 8)) >> 4;
    for (unsigned i = 0; i < w->voters; i++) {
        weights[i] = sw_taught_weight(weights[i], w->votes[i], error);
    }
}

void sw_splice_learn(sw_splice_work *w, unsigned bit) {
    const int32_t surprise = (int32_t)(bit << 16) - (int32_t)w->probability;
    teach_weights(w, w->set[0], surprise);
    teach_weights(w, w->set[1], surprise);
    for (unsigned i = 0; i < w->voters; i++) {
        w->slots[w->at[i]] = sw_taught_slot(w->slots[w->at[i]], bit, w->step, SW_SPLICE_SEEN);
    }
}

uint8_t sw_splice_base_byte(sw_splice_work *w, uint64_t offset) {
    if (offset >= w->base.size) {
        return 0;
    }
    const uint64_t page = offset / SW_SPLICE_PAGE;
    const unsigned i = page & 3;
    if (w->page_of[i] != page) {
        const uint64_t start = page * SW_SPLICE_PAGE;
        const uint64_t left = w->base.size - start;
        if (!w->base.read(w->base.context, start, w->pages[i], left < SW_SPLICE_PAGE ? (size_t)left : SW_SPLICE_PAGE)) {
            w->failed = true;
            return 0;
        }
        w->page_of[i] = page;
    }
    return w->pages[i][offset & PAGE_MASK];
}

static uint8_t history(const sw_splice_work *w, uint32_t at) {
    return w->history[at & HISTORY_MASK];
}

/* Bytes before `place` that are as those just remembered. */
static uint32_t alike(const sw_splice_work *w, uint32_t place) {
    uint32_t n = 0;
    while (n < SW_SPLICE_COMPARED && n < place
           && history(w, place - 1 - n) == history(w, w->remembered - 1 - n)) {
        n++;
    }
    return n;
}

/* The history goes on with a byte. Followers that have lost their place look for another if `find`. */
static void remember(sw_splice_work *w, uint8_t byte, bool find) {
    static const uint32_t lengths[3] = {12, 6, 4};
    w->history[w->remembered & HISTORY_MASK] = byte;
    w->remembered++;
    bool moved[2] = {false, false};
    for (unsigned n = 0; n < 3 && w->remembered >= 4; n++) {
        if (w->remembered < lengths[n]) {
            continue;
        }
        uint32_t hash = 0;
        for (uint32_t i = 1; i <= lengths[n]; i++) {
            hash = (hash + history(w, w->remembered - i) + 1) * 0x2F0B4C47u;
        }
        uint32_t *place = &w->places[n][hash >> 16];
        for (unsigned f = 0; f < 2 && find && *place != 0; f++) {
            sw_splice_follower *follower = &w->followers[f];
            /* The first follower keeps its place through a miss, the second looks for a better one. */
            const bool looks = follower->at == 0 || (f == 1 && follower->length == 0);
            if (moved[f] || !looks || follower->at == *place) {
                continue;
            }
            const uint32_t length = alike(w, *place);
            if (length >= lengths[n]) {
                *follower = (sw_splice_follower){*place, length, 0};
                moved[f] = true;
            }
        }
        *place = w->remembered;
    }
}

uint8_t sw_splice_expected(const sw_splice_work *w, unsigned follower) {
    const uint32_t at = w->followers[follower].at;
    return at == 0 ? 0 : history(w, at);
}

uint8_t sw_splice_past(const sw_splice_work *w, uint32_t back) {
    return back > w->remembered ? 0 : history(w, w->remembered - back);
}

void sw_splice_let_go(sw_splice_work *w, uint8_t byte) {
    for (unsigned f = 0; f < 2; f++) {
        if (sw_splice_expected(w, f) == byte) {
            w->followers[f] = (sw_splice_follower){0, 0, 0};
        }
    }
}

/* Tell both followers what came, before it is remembered. */
static void follow(sw_splice_work *w, uint8_t byte) {
    for (unsigned f = 0; f < 2; f++) {
        sw_splice_follower *follower = &w->followers[f];
        if (follower->at == 0) {
            continue;
        }
        const bool hit = history(w, follower->at) == byte;
        follower->length = hit ? follower->length + 1 : 0;
        follower->misses = (uint8_t)(follower->misses << 1 | !hit);
        follower->at++;
        if (sw_splice_misses(follower) >= SW_SPLICE_MISSES || follower->at >= w->remembered) {
            *follower = (sw_splice_follower){0, 0, 0};
        }
    }
}

/* Hash of the letters just before; 0 if there are none. */
static uint32_t next_word(uint32_t word, uint8_t byte) {
    const uint8_t lower = byte | 32;
    return lower >= 'a' && lower <= 'z' ? (word + byte + 1) * 0x2F0B4C47u : 0;
}

void sw_splice_copied(sw_splice_work *w, uint64_t start, uint64_t length) {
    for (unsigned f = 0; f < 2; f++) {
        w->followers[f] = (sw_splice_follower){0, 0, 0};
    }
    for (uint64_t i = 0; i < length; i++) {
        if (i == SW_SPLICE_ENDS && length > 2 * SW_SPLICE_ENDS) {
            i = length - SW_SPLICE_ENDS;
        }
        const uint8_t byte = sw_splice_base_byte(w, start + i);
        remember(w, byte, i + 1 == length);
        w->word = next_word(w->word, byte);
    }
}

void sw_splice_given(sw_splice_work *w, uint8_t base, uint8_t byte) {
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t expected = (uint8_t)(base + w->differences[i == 0 ? 0 : 3]);
        w->hits[i] = (uint8_t)(w->hits[i] << 1 | (expected == byte));
    }
    for (unsigned i = 3; i > 0; i--) {
        w->differences[i] = w->differences[i - 1];
    }
    w->differences[0] = (uint8_t)(byte - base);
    w->word = next_word(w->word, byte);
    follow(w, byte);
    remember(w, byte, true);
}
