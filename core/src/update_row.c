/* The patch's bytes as they come, and rows of them. */
#include "update.h"

uint32_t swd_fetch(swd_update *u, uint8_t *to, uint32_t size) {
    uint32_t got = (uint32_t)u->config->patch_read(u->config->context, u->offset, to, size);
    if (got > size) {
        u->ended = true;
        u->row.unread = got = 0;
    }
    u->offset += got;
    return got;
}

void swd_refill(swd_update *u) {
    const uint32_t got = swd_fetch(u, u->in, u->row.unread < SWD_BATCH ? u->row.unread : SWD_BATCH);
    u->row.at = u->in;
    u->row.left = (int32_t)got;
    u->row.unread -= got;
    u->config->digest_add(u->config->context, u->in, got);
}

int swd_next_byte(void *context) {
    swd_row *row = context;
    /* Only an update's own row, which it begins with, has something unread. */
    while (row->left == 0 && row->unread > 0) {
        swd_refill(context);
    }
    if (row->left <= 0) {
        return row->left = -1;
    }
    row->left--;
    return *row->at++;
}

uint32_t swd_varint(swd_row *row) {
    uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const int byte = swd_next_byte(row);
        if (byte < 0 || (shift == 28 && byte > 15) || (shift > 0 && byte == 0)) {
            row->left = -1;
            return UINT32_MAX;
        }
        value |= (uint32_t)(byte & 127) << shift;
        if (byte < 128) {
            return value;
        }
    }
}
