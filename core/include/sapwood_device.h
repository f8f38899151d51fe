/* Sapwood on a device: the model in flash is replaced by a patch, in a few KB of memory.
 *
 * No power cut, wrong patch or bad byte leaves the device without a model: see "In place" for the one condition.
 * No allocation, no libc beyond four headers, no recursion, no global state. All memory is the caller's.
 *
 * How to use it:
 *   1. Fill in a swd_config: where things lie in flash, and callbacks for flash, digest, signature and patch.
 *   2. At every boot, swd_boot() says where the model is. If it says SWD_MORE, an update in place was cut: finish
 *      it (3.) before the model is used.
 *   3. To update: swd_update_start(), then swd_update_step() until it no longer says SWD_MORE. SWD_DONE: the new
 *      model counts, swd_boot() tells where it is. Negative: the old one still counts.
 *   4. After a cut, do the same with the same patch: it goes on where it stood. With another patch it starts anew.
 *      A patch whose model is there already ends with SWD_DONE and writes nothing.
 *
 * Flash is taken to be NOR: an erase makes a sector's bytes 0xFF; a program clears bits of whole units, each once
 * between two erases. The journal may lie in another flash than the models if the callbacks tell them apart.
 *
 * The bytes of a patch are defined in docs/SPEC.md. A device takes patches of the device profile with SHA-256
 * (sapwood diff --profile device).
 */
#ifndef SAPWOOD_DEVICE_H
#define SAPWOOD_DEVICE_H

#include "sapwood.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Results; values are pinned. */
typedef enum {
    SWD_DONE = 0,
    SWD_MORE = 1,               /* there is more to do: call again */
    SWD_ERROR_CONFIG = -1,      /* the config contradicts itself */
    SWD_ERROR_PATCH = -2,       /* no patch, a damaged one, or one that ends too early */
    SWD_ERROR_UNSUPPORTED = -3, /* a patch, but not one for devices, or of a later version */
    SWD_ERROR_SIGNATURE = -4,   /* a signature or MAC is wanted, and missing, wrong or of the other kind */
    SWD_ERROR_ROLLBACK = -5,    /* the version counter is below the one in use */
    SWD_ERROR_GUARD = -6,       /* a guardrail does not hold */
    SWD_ERROR_BASE = -7,        /* the patch is for another model than the one here */
    SWD_ERROR_ROOM = -8,        /* more memory or flash is wanted than there is */
    SWD_ERROR_DIGEST = -9,      /* a chunk, or the new model, is not what the patch says */
    SWD_ERROR_FLASH = -10,      /* a flash callback failed */
    SWD_ERROR_READ = -11,       /* patch_read failed */
    SWD_ERROR_EMPTY = -12       /* there is no model */
} swd_result;

enum {
    SWD_UNIT = 16,   /* largest program unit, bytes */
    SWD_BATCH = 64,  /* bytes made, and programmed, at once */
    SWD_DIGEST = 32, /* bytes of a SHA-256 */
    SWD_SIGNATURE = 64, /* of an Ed25519 signature */
    SWD_MAC = 16        /* of an AES-CMAC */
};

/* What a build can do. Each that is left out makes the code smaller: docs/DEVICE_SIZE.md says by how much. */
#ifndef SWD_IN_PLACE
#define SWD_IN_PLACE 1 /* 0: two slots only; a config in place is refused */
#endif
#ifndef SWD_GUARDS
#define SWD_GUARDS 1 /* 0: a patch with a guardrail that must hold is refused */
#endif
#ifndef SWD_FLOATS
#define SWD_FLOATS 1 /* 0: only patches that say they have nothing but integers (sapwood diff --integers) */
#endif
/* Chunks of a patch, at most; one makes up to 1 MiB of the model. 40 bytes of memory each. */
#ifndef SWD_CHUNKS
#define SWD_CHUNKS 2
#endif

/* What a device is, and how it is reached. Constant while an update runs and after it. */
typedef struct {
    void *context; /* passed on to every callback */
    bool in_place; /* one region for models instead of two slots */

    /* The patch. Up to `size` bytes from `offset`; returns how many: 0 if none has come yet (it is asked again; feed
     * the watchdog), negative if none will come. Offsets go forward only, but for one return in place. After a cut the first
     * bytes are read again, then offsets jump to where the update stood: a link without seek drops what is between. */
    int (*patch_read)(void *context, uint32_t offset, uint8_t *to, uint32_t size);

    /* Flash. Each returns false if it failed. Programs are whole units, at addresses that are multiples of them. */
    bool (*flash_read)(void *context, uint32_t address, void *to, uint32_t size);
    bool (*flash_program)(void *context, uint32_t address, const void *from, uint32_t size);
    bool (*flash_erase)(void *context, uint32_t address); /* one sector */

    /* SHA-256 of what is added between start and end. One at a time. */
    void (*digest_start)(void *context);
    void (*digest_add)(void *context, const void *bytes, uint32_t size);
    void (*digest_end)(void *context, uint8_t digest[SWD_DIGEST]);

    /* Whether the signature of the message is right: by Ed25519 (RFC 8032), SWD_SIGNATURE bytes; if `by_mac`, its AES-CMAC
     * (RFC 4493), SWD_MAC bytes, to be compared in constant time. A patch with the other of the two, or with none, is
     * refused and not asked about. NULL: patches need none. */
    bool (*is_signed)(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature);
    bool by_mac;

    /* Whether a guardrail holds (docs/SPEC.md, "Guardrails"). Asked of each; a patch is refused if one with an odd
     * type does not. NULL: none holds. swd_guard() answers for the standard ones. */
    bool (*holds)(void *context, uint32_t type, const uint8_t *content, uint32_t size);

    uint32_t models;       /* address of the flash for models; a multiple of the sector */
    uint32_t models_size;  /* slots: two of half this size */
    uint32_t journal;      /* address of the journal; a multiple of the sector */
    uint32_t journal_size; /* two halves; each holds a record: swd_record_size() */
    uint32_t sector;       /* bytes erased at once; a power of two, at least SWD_BATCH */
    uint32_t unit;         /* bytes programmed at least: 1, 2, 4, 8 or 16 */
    uint32_t checkpoint;   /* sectors between two records of the decoder's state, at least 1 */
    uint16_t *state;       /* memory for the decoder: SW_DEVICE_SMALL or SW_DEVICE_LARGE bytes. Also holds what a patch
                            * says in front of its chunks, so that must fit. Free after the update */
    uint32_t state_size;
} swd_config;

/* The model that counts. */
typedef struct {
    uint32_t address;
    uint32_t size;
    uint32_t counter; /* version counter of the patch that made it */
    uint8_t digest[SWD_DIGEST];
} swd_model;

/* In place. The new model is made `checkpoint` sectors or more below the old one, so that it overwrites what is no
 * longer read: the flash for models must be larger than a model by that, and the model's address changes with
 * every update. Where there is no room below it, the old model is first moved up. While an update in place runs there is no
 * model to boot: the patch must be at hand until it is done. All of its chunks are checked before the first erase, and
 * is_signed should not be NULL: a signature is what tells that the maker of the patch meant this model. */

/* What a record of the journal begins with. Nothing in it is for the caller. */
typedef struct {
    uint32_t size;     /* of the record, in units of SWD_UNIT; in the upper half a mark */
    uint32_t crc;      /* CRC-32 of the record, with 0 here */
    uint32_t sequence;
    uint32_t doing;    /* swd_doing */
    uint32_t target;   /* address of what is being made, or moved */
    uint32_t patch;    /* CRC-32 of the opening of the patch that makes it */
    uint32_t reached;  /* bytes made, or left to move */
    uint32_t chunk;    /* being decoded */
    swd_model model;
    uint32_t unused;
} swd_state;

/* A record. Behind it in flash, if it has a decoder, the memory of the decoder's state. */
typedef struct {
    swd_state state;
    union {
        sw_device decoder;
        uint8_t bytes[(sizeof(sw_device) + SWD_UNIT - 1) / SWD_UNIT * SWD_UNIT];
    } decoder;
} swd_record;

/* A model, as a patch names it. */
typedef struct {
    uint32_t size;
    uint8_t digest[SWD_DIGEST];
} swd_identity;

typedef struct {
    uint32_t made;  /* bytes of the model */
    uint32_t coded; /* bytes in the patch */
    uint8_t digest[SWD_DIGEST];
} swd_chunk;

/* Bytes that are read in a row. */
typedef struct {
    const uint8_t *at;
    int32_t left;    /* at `at`; -1 once more was wanted than there is, or something else than there is */
    uint32_t unread; /* of the patch's chunk, behind those: not asked for yet */
    uint32_t least;  /* type that may follow, in a row of records */
} swd_row;

/* An update at work. Nothing in it is for the caller. What is used most comes first: see sw_device. */
typedef struct {
    swd_row row;          /* what is being read of the patch */
    const swd_config *config;
    uint8_t phase;        /* what the next step does */
    bool failed;          /* a flash callback did: then none is called any more */
    bool ended;           /* no more of the patch will come */
    uint32_t half;        /* of the journal: address of the one in use */
    uint32_t end;         /* address behind what is used of it */
    uint32_t last;        /* address of the last record */
    uint32_t offset;      /* in the patch, of the next byte to ask for */
    uint32_t skipped;     /* bytes of the chunk that were decoded before a cut */
    uint32_t progress;    /* bytes of a model checked */
    uint32_t checkpoint;  /* bytes made at the last one */
    swd_chunk *chunk;     /* the one that is read */
    swd_chunk *chunk_end; /* behind the last one */
    uint32_t digest_size; /* of chunks: 8 or 32 */
    uint32_t counter;     /* of the patch */
    uint32_t hash;        /* what digests are made by */
#if !SWD_FLOATS
    uint32_t integers;    /* 1: the patch says that it has no floats */
#endif
    uint32_t state_size;  /* bytes of the decoder's state, as the patch says */
    uint32_t window;      /* bytes that a block reads behind what it makes, at most */
    uint32_t behind;      /* bytes that the base is read behind the place being made, at most */
    swd_record record;    /* the last one, and what goes into the next */
    sw_device_io io;
    swd_identity base;    /* size 0: none */
    swd_identity target;
    swd_chunk chunks[SWD_CHUNKS];
    uint8_t in[SWD_BATCH];
    uint8_t out[SWD_BATCH];
} swd_update;

/* Where the model is. SWD_DONE: `model` says. SWD_MORE: an update in place was cut. Reads the journal only: whether the
 * bytes of the model are right is a matter of its digest. Keeps a swd_update on the stack. */
swd_result swd_boot(const swd_config *config, swd_model *model);

/* Begin an update, or go on with one that was cut. The config must outlive it. */
swd_result swd_update_start(swd_update *update, const swd_config *config);

/* Do a little more: erase at most a sector, make or read at most SWD_BATCH bytes, or write a record. Waits for nothing but
 * callbacks. When it has not said SWD_MORE, the update is over. */
swd_result swd_update_step(swd_update *update);

/* Bytes of the largest record of the journal, for a decoder with as much state. */
uint32_t swd_record_size(uint32_t state_size);

/* Make an empty device one with a model that was written to `model->address`: for the factory, and for images of flash. */
swd_result swd_provision(const swd_config *config, const swd_model *model);

/* What a device is, for the standard guardrails. NULL, or 0: not known, so a guard about it does not hold. */
typedef struct {
    uint32_t arena_bytes;
    const char *runtime_abi;
    const char *family;
    const uint8_t *operator_set; /* 8 bytes */
    const uint8_t *io_schema;    /* 8 bytes */
} swd_facts;

bool swd_guard(const swd_facts *facts, uint32_t type, const uint8_t *content, uint32_t size);

#ifdef __cplusplus
}
#endif
#endif
