/* Flash in a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port.h"

enum { PIECE = 4096 };

static bool is_inside(const port *p, uint32_t address, uint32_t size) {
    return address <= p->flash_size && size <= p->flash_size - address;
}

static bool write_all(int file, const uint8_t *from, uint32_t size, uint32_t address) {
    while (size > 0) {
        const ssize_t wrote = pwrite(file, from, size, address);
        if (wrote < 0 && errno != EINTR) {
            return false;
        }
        const uint32_t now = wrote > 0 ? (uint32_t)wrote : 0;
        from += now;
        address += now;
        size -= now;
    }
    return true;
}

static bool erase(int file, uint32_t address, uint32_t size) {
    uint8_t erased[PIECE];
    memset(erased, 0xFF, sizeof erased);
    for (uint32_t done = 0; done < size; done += PIECE) {
        const uint32_t left = size - done;
        if (!write_all(file, erased, left < PIECE ? left : PIECE, address + done)) {
            return false;
        }
    }
    return true;
}

bool flash_open(port *p, const char *path) {
    struct stat facts;
    /* O_DSYNC: the journal counts on the order of writes. */
    p->flash = open(path, O_RDWR | O_DSYNC | O_CLOEXEC);
    if (p->flash < 0 || flock(p->flash, LOCK_EX | LOCK_NB) != 0 || fstat(p->flash, &facts) != 0) {
        return false;
    }
    if (!S_ISREG(facts.st_mode) || facts.st_size >= INT32_MAX) {
        errno = EINVAL;
        return false;
    }
    p->flash_size = (uint32_t)facts.st_size;
    return true;
}

bool flash_create(port *p, const char *path, uint32_t size) {
    p->flash_size = size;
    p->flash = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return p->flash >= 0 && flock(p->flash, LOCK_EX | LOCK_NB) == 0 && erase(p->flash, 0, size) &&
           fsync(p->flash) == 0;
}

bool flash_read(void *context, uint32_t address, void *to, uint32_t size) {
    const port *p = context;
    uint8_t *bytes = to;
    if (!is_inside(p, address, size)) {
        return false;
    }
    while (size > 0) {
        const ssize_t got = pread(p->flash, bytes, size, address);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        const uint32_t now = got > 0 ? (uint32_t)got : 0;
        bytes += now;
        address += now;
        size -= now;
    }
    return true;
}

/* As NOR does: bits are only cleared. What asks for more is a defect, and is told. */
bool flash_program(void *context, uint32_t address, const void *from, uint32_t size) {
    const port *p = context;
    const uint8_t *bytes = from;
    uint8_t there[PIECE];
    for (uint32_t done = 0; done < size; done += PIECE) {
        const uint32_t now = size - done < PIECE ? size - done : PIECE;
        if (!flash_read(context, address + done, there, now)) {
            return false;
        }
        for (uint32_t i = 0; i < now; i++) {
            if (bytes[done + i] & ~there[i]) {
                return false;
            }
        }
    }
    return write_all(p->flash, bytes, size, address);
}

bool flash_erase(void *context, uint32_t address) {
    const port *p = context;
    return is_inside(p, address, p->sector) && erase(p->flash, address, p->sector);
}
