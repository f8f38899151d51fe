/* The device's link: any bytes on the line, and frames of any body under a right CRC, while the caller reads, seeks, sends and ends. No
 * sanitizer speaks, nothing is read that did not come, and the link is left in a state in which a host can begin anew.
 *
 * The input is a row of commands: one byte says what, the next one how much, and that many bytes may follow. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "line.h"
#include "sapwood_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW, FRAME, HELLO, WAIT, READ, DONE, SEND, COMMANDS, NONCE = 5, PEER = 9, SENT = 700, WIDE = 4096 };

static const uint8_t identity[SWL_IDENTITY];

/* Takes as much as the input says. */
static uint32_t put(void *context, const uint8_t *bytes, uint32_t size) {
    const uint8_t *most = context;
    (void)bytes;
    return size < *most ? size : *most;
}

static int read_own(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    const uint8_t *most = context;
    if (offset >= SENT) {
        return -1;
    }
    const uint32_t now = size < *most ? size : *most;
    memset(to, 'x', now);
    return (int)now;
}

static void digest(void *context, uint8_t to[SWL_DIGEST]) {
    (void)context;
    memset(to, 1, SWL_DIGEST);
}

/* A HELLO of the peer's that names the device. */
static void meet(swl_link *link, uint8_t peer) {
    uint8_t body[19] = {0, 'S', 'W', 1, 0, peer, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 1, 50, 0};
    uint8_t frame[64] = {0};
    sw_store32(body + 9, link->nonce);
    swl_receive(link, frame, (uint32_t)line_frame(frame + 1, body, sizeof body, 0) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static swl_link link;
    static uint8_t frame[WIDE];
    uint8_t most = 255;
    uint32_t now = 0, offset = 0;
    const swl_config config = {&most, put, 50, 100, 2};
    const swl_outgoing streams[] = {{&most, read_own, digest, SWL_TELEMETRY, 0, SWL_UNKNOWN, identity, "log"},
                                    {&most, read_own, digest, SWL_FILE, 1, SENT, identity, "model"}};
    swl_start(&link, &config, NONCE, now);
    swl_poll(&link, now);
    meet(&link, PEER);
    while (size >= 2) {
        const uint8_t what = data[0], much = data[1];
        const size_t given = what % COMMANDS <= FRAME ? much : 0;
        data += 2;
        size -= 2;
        if (given > size) {
            break;
        }
        /* Of the exact size, so that the sanitizer sees every byte beyond. */
        uint8_t *bytes = malloc(given ? given : 1);
        if (bytes == NULL) {
            abort();
        }
        memcpy(bytes, data, given);
        data += given;
        size -= given;
        switch (what % COMMANDS) {
        case RAW:
            swl_receive(&link, bytes, (uint32_t)given);
            break;
        case FRAME:
            if (given > 0) {
                swl_receive(&link, frame, (uint32_t)line_frame(frame, bytes, given, (bytes[0] & 7) == 0 ? 0 : link.seed_in));
            }
            break;
        case HELLO:
            meet(&link, (uint8_t)(much | 1));
            break;
        case WAIT:
            most = what / COMMANDS % 2 ? 255 : much;
            now += much * (what / COMMANDS);
            break;
        case READ:
            if (swl_opened(&link) != NULL) {
                uint8_t *to = malloc(1u + much);
                if (to == NULL) {
                    abort();
                }
                const int got = swl_read(&link, offset + what / COMMANDS, to, much);
                if (got > much) {
                    abort();
                }
                offset = got < 0 ? 0 : offset + what / COMMANDS + (uint32_t)got;
                free(to);
            }
            break;
        case DONE:
            swl_done(&link, much, much % 2 ? "because" : NULL);
            break;
        default:
            swl_send(&link, &streams[much % 2]);
            break;
        }
        free(bytes);
        swl_poll(&link, now);
        if (link.taken > link.at || link.at - link.taken > SWL_ROOM || link.queued > SWL_QUEUE) {
            abort();
        }
    }
    meet(&link, 3);
    most = 255;
    swl_poll(&link, now);
    meet(&link, 3);
    if (!swl_stands(&link)) {
        abort();
    }
    return 0;
}
