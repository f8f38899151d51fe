/* A patch from a file or a pipe. */
#include <errno.h>
#include <unistd.h>

#include "port.h"

static int read_some(port *p, uint8_t *to, uint32_t size) {
    ssize_t got;
    do {
        got = read(p->patch, to, size);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return -1;
    }
    p->patch_at += (uint32_t)got;
    return (int)got;
}

int patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    port *p = context;
    if (offset != p->patch_at && lseek(p->patch, offset, SEEK_SET) == (off_t)offset) {
        p->patch_at = offset;
    }
    while (p->patch_at < offset) {
        uint8_t dropped[SWD_BATCH];
        const uint32_t left = offset - p->patch_at;
        if (read_some(p, dropped, left < SWD_BATCH ? left : SWD_BATCH) < 0) {
            return -1;
        }
    }
    return p->patch_at == offset ? read_some(p, to, size) : -1;
}
