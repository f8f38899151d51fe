/* A device whose flash is a file. */
#ifndef POSIX_PORT_H
#define POSIX_PORT_H

#include <openssl/evp.h>

#include "sapwood_device.h"

typedef struct {
    int flash;           /* descriptor of the file */
    uint32_t flash_size;
    uint32_t sector;
    int patch;           /* descriptor: a file, or a pipe */
    uint32_t patch_at;   /* bytes read from it */
    EVP_MD_CTX *digest;
    EVP_PKEY *key;       /* that patches are signed with, or NULL */
    uint8_t mac_key[32]; /* by which they have a MAC */
    size_t mac_key_size; /* 16 or 32 bytes, or 0. Without either key any patch is taken */
    swd_facts facts;
} port;

/* Open a file of flash, alone, so that every write is on the disk when it returns. False with errno set. */
bool flash_open(port *p, const char *path);

/* Make one of `size` erased bytes; it must not exist. False with errno set. */
bool flash_create(port *p, const char *path, uint32_t size);

bool flash_read(void *context, uint32_t address, void *to, uint32_t size);
bool flash_program(void *context, uint32_t address, const void *from, uint32_t size);
bool flash_erase(void *context, uint32_t address);

/* Of a pipe, what lies between is read and dropped; going back in it fails. */
int patch_read(void *context, uint32_t offset, uint8_t *to, uint32_t size);

void digest_start(void *context);
void digest_add(void *context, const void *bytes, uint32_t size);
void digest_end(void *context, uint8_t digest[SWD_DIGEST]);
bool is_signed(void *context, const uint8_t *message, uint32_t size, const uint8_t *signature);
bool has_mac(void *context, const uint8_t *message, uint32_t size, const uint8_t *mac);

/* A public Ed25519 key in PEM or a key for AES-CMAC, as `sapwood keygen` writes them. False if the file holds neither. */
bool read_key(port *p, const char *path);

#endif
