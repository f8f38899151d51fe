/* What a device does on the link (sapwood_link.h): it takes patches and a first model, sends its model when asked, and says at
 * its start what it has. Ports share it; yours may take it as it is, or as an example.
 *
 * What the host sends, by the type of its stream:
 *   patch        the update runs; its result is the answer
 *   device model taken if there is none yet, or the one that is there
 *   bytes        a command. "model": it sends its model, as a file
 * At its start it sends telemetry: lines of a name and a value. */
#ifndef DEVICE_SERVE_H
#define DEVICE_SERVE_H

#include "sapwood_device.h"
#include "sapwood_link.h"

enum { SERVE_FACTS = 256 };

typedef struct {
    const swd_config *config;
    /* What came over the line goes to swl_receive, then swl_poll. Returns the time in milliseconds. Feeds the watchdog. If it
     * `may_wait`, there is nothing else to do: sleep until bytes come, some milliseconds at most. */
    uint32_t (*pump)(void *context, bool may_wait);
    uint32_t (*memory_used)(void); /* bytes; NULL: not known */
    void *context;
    swl_link link;
    swd_update update;
    swd_model model; /* the one that counts */
    swd_result boot; /* what swd_boot said of it */
    bool is_over;    /* pump may say so: no byte will ever come again */
    bool owes_model;
    swl_outgoing out;
    uint8_t digest[SWD_DIGEST]; /* of the facts */
    char facts[SERVE_FACTS];
    char answer[32];
} server;

/* Find the model, and begin. `config`, `pump`, `memory_used` and `context` are filled in; the rest is not for the caller. */
void serve_start(server *s, const swl_config *line, uint32_t nonce, uint32_t now, const char *name);

/* swd_config.patch_read calls this. */
int serve_patch_read(server *s, uint32_t offset, uint8_t *to, uint32_t size);

/* Do what the host asks for, if anything. True if there is another model now: start anew. */
bool serve_step(server *s);

#endif
