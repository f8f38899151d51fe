#include "serve.h"

#include <string.h>

enum { COMMAND = 16, PATIENCE = 3000 /* milliseconds for the last answer to be acknowledged */ };

static char *put_text(char *to, const char *text) {
    while (*text != 0) {
        *to++ = *text++;
    }
    return to;
}

static char *put_number(char *to, uint32_t number) {
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put_text(to, at);
}

static char *put_fact(char *to, const char *name, uint32_t number) {
    to = put_text(to, name);
    to = put_number(to, number);
    return put_text(to, "\n");
}

/* The digest is taken anew: what the journal says of the model is not what its bytes are. */
static char *put_digest(const server *s, char *to) {
    static const char digits[] = "0123456789abcdef";
    const swd_config *c = s->config;
    uint8_t digest[SWD_DIGEST];
    c->digest_start(c->context);
    for (uint32_t at = 0; at < s->model.size; at += SWD_BATCH) {
        uint8_t bytes[SWD_BATCH];
        const uint32_t now = s->model.size - at < SWD_BATCH ? s->model.size - at : SWD_BATCH;
        c->flash_read(c->context, s->model.address + at, bytes, now);
        c->digest_add(c->context, bytes, now);
    }
    c->digest_end(c->context, digest);
    to = put_text(to, "digest ");
    for (unsigned i = 0; i < SWD_DIGEST; i++) {
        *to++ = digits[digest[i] >> 4];
        *to++ = digits[digest[i] & 15];
    }
    return put_text(to, memcmp(digest, s->model.digest, sizeof digest) == 0 ? "\n" : " damaged\n");
}

static int read_facts(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    const server *s = context;
    if (offset >= s->out.length) {
        return -1;
    }
    const uint32_t left = s->out.length - offset;
    const uint32_t now = size < left ? size : left;
    memcpy(to, s->facts + offset, now);
    return (int)now;
}

static void facts_digest(void *context, uint8_t digest[SWL_DIGEST]) {
    memcpy(digest, ((const server *)context)->digest, SWL_DIGEST);
}

/* Their digest is taken here: later, an update may be at its own. */
static void send_facts(server *s, const char *name) {
    const swd_config *c = s->config;
    char *to = put_text(s->facts, "board ");
    to = put_text(to, name);
    to = put_text(to, "\n");
    if (s->boot == SWD_DONE) {
        to = put_fact(to, "address ", s->model.address);
        to = put_fact(to, "size ", s->model.size);
        to = put_fact(to, "counter ", s->model.counter);
        to = put_digest(s, to);
    }
    to = put_fact(to, "ready ", (uint32_t)(s->boot < 0 ? 1 - (int)s->boot : (int)s->boot));
    const uint32_t size = (uint32_t)(to - s->facts);
    c->digest_start(c->context);
    c->digest_add(c->context, s->facts, size);
    c->digest_end(c->context, s->digest);
    s->out = (swl_outgoing){.context = s, .read = read_facts, .digest = facts_digest, .type = SWL_TELEMETRY, .priority = 1,
                            .length = size, .identity = s->digest, .name = "facts"};
    swl_send(&s->link, &s->out);
}

static int read_model(void *context, uint32_t offset, uint8_t *to, uint32_t size) {
    const server *s = context;
    const swd_config *c = s->config;
    const uint32_t left = s->model.size - offset;
    const uint32_t now = size < left ? size : left;
    return c->flash_read(c->context, s->model.address + offset, to, now) ? (int)now : -1;
}

static void model_digest(void *context, uint8_t digest[SWL_DIGEST]) {
    memcpy(digest, ((const server *)context)->model.digest, SWL_DIGEST);
}

static void send_model(server *s) {
    uint8_t result;
    if (!swl_is_sending(&s->link, &result)) {
        s->owes_model = false;
        s->out = (swl_outgoing){.context = s, .read = read_model, .digest = model_digest, .type = SWL_FILE, .priority = 2,
                                .length = s->model.size, .identity = s->model.digest, .name = "model"};
        swl_send(&s->link, &s->out);
    }
}

static void take_command(server *s) {
    uint8_t command[COMMAND] = {0};
    uint32_t size = 0;
    int got = 0;
    while (got >= 0 && size < COMMAND) {
        got = serve_patch_read(s, size, command + size, COMMAND - size);
        size += got > 0 ? (uint32_t)got : 0;
    }
    const bool is_model = size == 5 && memcmp(command, "model", 5) == 0 && s->boot == SWD_DONE;
    s->owes_model = s->owes_model || is_model;
    swl_done(&s->link, is_model ? SWL_TAKEN : SWL_REFUSED, is_model ? NULL : "the command there is: model");
}

static uint8_t write_model(server *s, const swl_incoming *in) {
    const swd_config *c = s->config;
    swd_model model = {.size = in->length};
    const uint32_t whole = (model.size + c->sector - 1) / c->sector * c->sector;
    if (model.size == 0 || model.size > c->models_size / (c->in_place ? 1 : 2)) {
        return swl_update_result(SWD_ERROR_ROOM);
    }
    /* In place updates go downward: the first one finds room below. */
    model.address = c->models + (c->in_place ? c->models_size - whole : 0);
    c->digest_start(c->context);
    for (uint32_t at = 0; at < model.size;) {
        uint8_t bytes[SWD_BATCH];
        const uint32_t now = model.size - at < SWD_BATCH ? model.size - at : SWD_BATCH;
        memset(bytes, 0xFF, sizeof bytes);
        for (uint32_t filled = 0; filled < now;) {
            const int got = serve_patch_read(s, at + filled, bytes + filled, now - filled);
            if (got < 0) {
                return SWL_BROKE_OFF;
            }
            filled += (uint32_t)got;
        }
        c->digest_add(c->context, bytes, now);
        if ((at % c->sector == 0 && !c->flash_erase(c->context, model.address + at)) ||
            !c->flash_program(c->context, model.address + at, bytes, SWD_BATCH)) {
            return swl_update_result(SWD_ERROR_FLASH);
        }
        at += now;
    }
    c->digest_end(c->context, model.digest);
    while ((in = swl_opened(&s->link)) != NULL && !in->has_ended && !in->broke_off && !s->is_over) {
        s->pump(s->context, true);
    }
    if (in == NULL || !in->has_ended) {
        return SWL_BROKE_OFF;
    }
    if (memcmp(in->digest, model.digest, SWD_DIGEST) != 0) {
        return SWL_WRONG_DIGEST;
    }
    return swl_update_result(swd_provision(c, &model));
}

static uint8_t take_model(server *s, const swl_incoming *in) {
    if (s->boot != SWD_DONE) {
        return write_model(s, in);
    }
    return memcmp(in->identity, s->model.digest, SWL_IDENTITY) == 0 ? SWL_TAKEN : SWL_REFUSED;
}

static uint8_t take_patch(server *s) {
    swd_result result = swd_update_start(&s->update, s->config);
    while (result == SWD_MORE) {
        result = swd_update_step(&s->update);
    }
    return swl_update_result(result);
}

/* How a stream ended, and the memory that took. */
static void answer(server *s, uint8_t result) {
    char *to = s->answer;
    if (s->memory_used != NULL) {
        to = put_number(put_text(to, "memory "), s->memory_used());
    }
    *to = 0;
    swl_done(&s->link, result, s->answer);
    for (const uint32_t began = s->pump(s->context, false); !swl_is_idle(&s->link);) {
        if (s->pump(s->context, true) - began > PATIENCE) {
            break;
        }
    }
}

void serve_start(server *s, const swl_config *line, uint32_t nonce, uint32_t now, const char *name) {
    s->owes_model = false;
    s->boot = swd_boot(s->config, &s->model);
    swl_start(&s->link, line, nonce, now);
    send_facts(s, name);
}

int serve_patch_read(server *s, uint32_t offset, uint8_t *to, uint32_t size) {
    s->pump(s->context, false);
    const int got = s->is_over ? -1 : swl_read(&s->link, offset, to, size);
    if (got == 0) {
        s->pump(s->context, true);
    }
    return got;
}

bool serve_step(server *s) {
    s->pump(s->context, true);
    if (s->owes_model) {
        send_model(s);
    }
    const swl_incoming *in = swl_opened(&s->link);
    if (in == NULL) {
        return false;
    }
    switch (in->type) {
    case SWL_PATCH:
        answer(s, take_patch(s));
        return true;
    case SWL_DEVICE_MODEL:
        answer(s, take_model(s, in));
        return true;
    case SWL_BYTES:
        take_command(s);
        return false;
    default:
        swl_done(&s->link, SWL_REFUSED, "no place for it");
        return false;
    }
}
