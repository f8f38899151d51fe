/* The device at the end of a serial line, or of a pipe. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

enum { TURN = 5, PIECE = 256 /* milliseconds, bytes */ };

typedef struct {
    int in, out;
    server server;
} line;

/* patch_read gets the port as its context. */
static line at_work;

static uint32_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint32_t)time.tv_sec * 1000u + (uint32_t)(time.tv_nsec / 1000000);
}

static uint32_t put(void *context, const uint8_t *bytes, uint32_t size) {
    const ssize_t took = write(((line *)context)->out, bytes, size);
    return took > 0 ? (uint32_t)took : 0;
}

static uint32_t pump(void *context, bool may_wait) {
    line *l = context;
    uint8_t bytes[PIECE];
    struct pollfd waited = {.fd = l->in, .events = POLLIN};
    swl_poll(&l->server.link, now());
    poll(&waited, 1, may_wait ? TURN : 0);
    if (waited.revents & POLLHUP && may_wait) {
        poll(NULL, 0, TURN); /* the other end of a terminal may come back */
    }
    const ssize_t got = read(l->in, bytes, sizeof bytes);
    if (got > 0) {
        swl_receive(&l->server.link, bytes, (uint32_t)got);
    }
    l->server.is_over = l->server.is_over || got == 0;
    swl_poll(&l->server.link, now());
    return now();
}

static int read_patch(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    (void)context;
    return serve_patch_read(&at_work.server, offset, to, size);
}

static bool open_line(line *l, const char *path) {
    struct termios facts;
    if (strcmp(path, "-") == 0) {
        l->in = STDIN_FILENO;
        l->out = STDOUT_FILENO;
    } else {
        l->in = l->out = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    if (l->in < 0 || fcntl(l->in, F_SETFL, O_NONBLOCK) != 0 || fcntl(l->out, F_SETFL, O_NONBLOCK) != 0) {
        return false;
    }
    if (tcgetattr(l->in, &facts) == 0) {
        cfmakeraw(&facts);
        return tcsetattr(l->in, TCSANOW, &facts) == 0;
    }
    return true;
}

bool link_serve(swd_config *config, const char *path) {
    line *l = &at_work;
    const swl_config facts = {.context = l, .put = put, .patience = 50, .keep_alive = 1000, .window = 2};
    config->patch_read = read_patch;
    l->server.config = config;
    l->server.pump = pump;
    l->server.context = l;
    if (!open_line(l, path)) {
        return false;
    }
    while (!l->server.is_over) {
        uint32_t nonce = 0;
        while (nonce == 0) {
            if (getrandom(&nonce, sizeof nonce, 0) < 0 && errno != EINTR) {
                return false;
            }
        }
        serve_start(&l->server, &facts, nonce, now(), "posix");
        while (!l->server.is_over && !serve_step(&l->server)) {
        }
    }
    return true;
}
