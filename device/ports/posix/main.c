/* swd-update: a model in a file of flash, updated by a patch as a device does it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "port.h"

static const char help[] =
    "swd-update FLASH PATCH [options]        update the model in FLASH; PATCH - is standard input\n"
    "swd-update FLASH --show                 where the model is\n"
    "swd-update FLASH --extract FILE         write the model to FILE\n"
    "swd-update FLASH --provision MODEL --size BYTES\n"
    "                                        make FLASH, with a first model\n"
    "swd-update FLASH --link LINE [--size BYTES]\n"
    "                                        be a device at the end of LINE, a serial port or - for standard input and\n"
    "                                        output: `sapwood link` gives it patches; with --size, make FLASH first\n"
    "\n"
    "What the flash is, the same in every call: the models from its start, the journal at its end.\n"
    "  --sector BYTES      erased at once [4096]\n"
    "  --unit BYTES        programmed at least: 1, 2, 4, 8 or 16 [8]\n"
    "  --journal BYTES     of the journal [each half has room for three records]\n"
    "  --checkpoint N      sectors between two records of the decoder [4]\n"
    "  --state BYTES       of the decoder: 512 or 2048 [2048]\n"
    "  --in-place          one region for models, not two slots; PATCH must be a file then\n"
    "What the device is:\n"
    "  --key KEY           take only patches that this key signed: public, or shared for AES-CMAC, a file of sapwood keygen\n"
    "  --arena-bytes N, --runtime-abi TEXT, --family TEXT    for guardrails\n"
    "\n"
    "Exit codes: 0 done; 1 an update in place was cut: run it again; else the number of the error in\n"
    "sapwood_device.h and 1: 2 config, 3 patch, 4 unsupported, 5 signature, 6 rollback, 7 guardrail,\n"
    "8 another base, 9 room, 10 digest, 11 flash, 12 patch ends early, 13 no model.\n"
    "64 wrong call, 74 a file cannot be used.\n";

enum { USAGE = 64, IO = 74, LARGEST = 1 << 30 };

typedef struct {
    const char *flash;
    const char *patch;
    const char *provision;
    const char *extract;
    const char *link;
    const char *key;
    bool show;
    uint32_t size;
    uint32_t state;
} call;

static const char *const words[] = {
    "done", "an update in place was cut: run it with its patch again", "the flash cannot be laid out so",
    "no patch, or a damaged one", "not a patch for devices, or of a later version", "no right signature",
    "the patch's version is below the one in use", "a guardrail does not hold", "the patch is for another model",
    "more memory or flash is wanted than there is", "a digest is wrong", "the flash failed",
    "the patch ends early, or would have to be read again", "there is no model"};

static int finish(swd_result result) {
    const int code = result < 0 ? 1 - (int)result : (int)result;
    if (code != 0) {
        fprintf(stderr, "swd-update: %s\n", words[code]);
    }
    return code;
}

static int fail(const char *path) {
    fprintf(stderr, "swd-update: %s: %s\n", path, errno == EWOULDBLOCK ? "in use" : strerror(errno));
    return IO;
}

static void stop(const char *why) {
    fprintf(stderr, "swd-update: %s\n\n%s", why, help);
    exit(USAGE);
}

static uint32_t number(const char *text) {
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || text[0] == '-' || value > LARGEST) {
        stop("an option wants a number");
    }
    return (uint32_t)value;
}

static bool holds(void *context, uint32_t type, const uint8_t *content, uint32_t size) {
    return swd_guard(&((port *)context)->facts, type, content, size);
}

static void read_call(int count, char **arguments, call *c, swd_config *config, port *p) {
    static const struct option options[] = {
        {"sector", 1, 0, 's'},      {"unit", 1, 0, 'u'},        {"journal", 1, 0, 'J'},   {"checkpoint", 1, 0, 'C'},
        {"state", 1, 0, 't'},       {"in-place", 0, 0, 'I'},    {"key", 1, 0, 'k'},       {"arena-bytes", 1, 0, 'a'},
        {"runtime-abi", 1, 0, 'r'}, {"family", 1, 0, 'f'},      {"provision", 1, 0, 'p'}, {"extract", 1, 0, 'e'},
        {"show", 0, 0, 'S'},        {"size", 1, 0, 'z'},        {"link", 1, 0, 'l'},      {"help", 0, 0, 'h'},    {0}};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 's': config->sector = number(optarg); break;
        case 'u': config->unit = number(optarg); break;
        case 'J': config->journal_size = number(optarg); break;
        case 'C': config->checkpoint = number(optarg); break;
        case 't': c->state = number(optarg); break;
        case 'I': config->in_place = true; break;
        case 'k': c->key = optarg; break;
        case 'a': p->facts.arena_bytes = number(optarg); break;
        case 'r': p->facts.runtime_abi = optarg; break;
        case 'f': p->facts.family = optarg; break;
        case 'p': c->provision = optarg; break;
        case 'e': c->extract = optarg; break;
        case 'l': c->link = optarg; break;
        case 'S': c->show = true; break;
        case 'z': c->size = number(optarg); break;
        case 'h': fputs(help, stdout); exit(0);
        default: stop("unknown option");
        }
    }
    c->flash = optind < count ? arguments[optind] : NULL;
    c->patch = optind + 1 < count ? arguments[optind + 1] : NULL;
    const int tasks = (c->patch != NULL) + (c->provision != NULL) + (c->extract != NULL) + (c->link != NULL) + c->show;
    const bool is_made = c->provision != NULL || (c->link != NULL && c->size > 0);
    if (c->flash == NULL || tasks != 1 || optind + 2 < count || is_made != (c->size > 0)) {
        stop("one file of flash and one thing to do");
    }
}

/* As `sapwood device image` does: the journal's halves hold three records each, and the models get the rest. */
static bool lay_out(swd_config *config, const port *p, uint32_t state_size) {
    const uint32_t sector = config->sector;
    if (sector == 0 || sector > p->flash_size || (state_size != SW_DEVICE_SMALL && state_size != SW_DEVICE_LARGE)) {
        return false;
    }
    if (config->journal_size == 0) {
        config->journal_size = 2 * ((3 * swd_record_size(state_size) + sector - 1) / sector * sector);
    }
    if (config->journal_size > p->flash_size || p->flash_size % sector != 0) {
        return false;
    }
    config->journal = p->flash_size - config->journal_size;
    const uint32_t step = config->in_place ? sector : 2 * sector;
    config->models_size = config->journal / step * step;
    config->state_size = state_size;
    return true;
}

static int provision(const swd_config *config, port *p, const char *path) {
    uint8_t bytes[SWD_BATCH];
    swd_model model = {0};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const off_t size = file < 0 ? -1 : lseek(file, 0, SEEK_END);
    if (size < 0) {
        return fail(path);
    }
    if (size == 0 || size > (off_t)(config->in_place ? config->models_size : config->models_size / 2)) {
        return finish(SWD_ERROR_ROOM);
    }
    model.size = (uint32_t)size;
    /* In place updates go downward: the first one finds room below. */
    const uint32_t whole = (model.size + config->sector - 1) / config->sector * config->sector;
    model.address = config->in_place ? config->models_size - whole : 0;
    digest_start(p);
    for (uint32_t at = 0; at < model.size; at += SWD_BATCH) {
        const uint32_t now = model.size - at < SWD_BATCH ? model.size - at : SWD_BATCH;
        memset(bytes, 0xFF, sizeof bytes);
        if (pread(file, bytes, now, at) != (ssize_t)now) {
            return fail(path);
        }
        digest_add(p, bytes, now);
        if (!flash_program(p, model.address + at, bytes, SWD_BATCH)) {
            return finish(SWD_ERROR_FLASH);
        }
    }
    digest_end(p, model.digest);
    const int result = finish(swd_provision(config, &model));
    return result == 0 && fsync(p->flash) != 0 ? fail("FLASH") : result;
}

static int show(const swd_model *model) {
    printf("address %u\nsize %u\ncounter %u\ndigest ", model->address, model->size, model->counter);
    for (unsigned i = 0; i < SWD_DIGEST; i++) {
        printf("%02x", model->digest[i]);
    }
    putchar('\n');
    return 0;
}

static int extract(port *p, const swd_model *model, const char *path) {
    uint8_t bytes[SWD_BATCH];
    FILE *file = fopen(path, "wb");
    for (uint32_t at = 0; file != NULL && at < model->size; at += SWD_BATCH) {
        const uint32_t now = model->size - at < SWD_BATCH ? model->size - at : SWD_BATCH;
        if (!flash_read(p, model->address + at, bytes, now)) {
            return finish(SWD_ERROR_FLASH);
        }
        if (fwrite(bytes, 1, now, file) != now) {
            return fail(path);
        }
    }
    return file != NULL && fclose(file) == 0 ? 0 : fail(path);
}

static int update(const swd_config *config, port *p, const char *path) {
    static swd_update at_work;
    p->patch = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (p->patch < 0) {
        return fail(path);
    }
    if (config->in_place && lseek(p->patch, 0, SEEK_CUR) < 0) {
        stop("an update in place reads its patch twice, so that must be a file");
    }
    swd_result result = swd_update_start(&at_work, config);
    while (result == SWD_MORE) {
        result = swd_update_step(&at_work);
    }
    return finish(result);
}

int main(int count, char **arguments) {
    static uint16_t state[SW_DEVICE_LARGE / 2];
    static port p;
    static swd_config config;
    call c = {.state = SW_DEVICE_LARGE};
    config = (swd_config){&p, false, patch_read, flash_read, flash_program, flash_erase, digest_start, digest_add, digest_end,
                          .holds = holds, .sector = 4096, .unit = 8, .checkpoint = 4, .state = state};
    read_call(count, arguments, &c, &config, &p);
    if (c.key != NULL) {
        if (!read_key(&p, c.key)) {
            fprintf(stderr, "swd-update: %s: no public Ed25519 key, and none for AES-CMAC\n", c.key);
            return IO;
        }
        config.by_mac = p.mac_key_size > 0;
        config.is_signed = config.by_mac ? has_mac : is_signed;
    }
    if (!(c.size > 0 ? flash_create(&p, c.flash, c.size) : flash_open(&p, c.flash))) {
        return fail(c.flash);
    }
    p.sector = config.sector;
    if (!lay_out(&config, &p, c.state)) {
        return finish(SWD_ERROR_CONFIG);
    }
    if (c.provision != NULL) {
        return provision(&config, &p, c.provision);
    }
    if (c.link != NULL) {
        return link_serve(&config, c.link) ? 0 : fail(c.link);
    }
    if (c.patch != NULL) {
        return update(&config, &p, c.patch);
    }
    swd_model model;
    const swd_result result = swd_boot(&config, &model);
    return result != SWD_DONE ? finish(result) : c.show ? show(&model) : extract(&p, &model, c.extract);
}
