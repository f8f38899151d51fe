/* What you write for your part. port.c does the rest. Each returns false if it failed. */
#ifndef PART_H
#define PART_H

#include <stdbool.h>
#include <stdint.h>

/* Where things lie. The part's data sheet says what a sector and a unit are; docs/DEVICE.md, how large the rest must be. */
#define PART_SECTOR 4096u
#define PART_UNIT 8u
#define PART_MODELS 0x08020000u
#define PART_MODELS_SIZE (48u * PART_SECTOR)
#define PART_JOURNAL (PART_MODELS + PART_MODELS_SIZE)
#define PART_JOURNAL_SIZE (4u * PART_SECTOR)
#define PART_STATE_SIZE 512u

/* `size` bytes, whole units, all erased before. Returns when the part has done it. */
bool part_program(uint32_t address, const void *bytes, uint32_t size);

/* One sector. Returns when the part has done it. */
bool part_erase(uint32_t address);

/* For flash that the processor sees: memcpy. For another chip: its read command. */
bool part_read(uint32_t address, void *to, uint32_t size);

/* The line to the host: a UART, whose interrupt puts what comes into a ring of PART_RING bytes. Up to `size` bytes, without waiting;
 * returns how many. Two frames of the link fit the ring, so that nothing is lost while flash is erased. */
#define PART_RING 640u
uint32_t part_receive(uint8_t *to, uint32_t size);
uint32_t part_send(const uint8_t *bytes, uint32_t size);

/* A clock, from any start. */
uint32_t part_milliseconds(void);

/* Another number at each start, not 0: the part's random numbers, or a count in flash. */
uint32_t part_random(void);

/* Sleep until an interrupt, some milliseconds at most. */
void part_sleep(void);

void part_feed_watchdog(void);

/* SHA-256: the part's own, or a library's. */
void part_sha256_start(void);
void part_sha256_add(const void *bytes, uint32_t size);
void part_sha256_end(uint8_t digest[32]);

/* By the key of whoever may update this device: a signature of Ed25519, 64 bytes. With PART_BY_MAC, for a part that cannot do
 * that: an AES-CMAC, 16 bytes, compared in constant time. Whoever reads such a key out of one device can sign for all that have it:
 * give each device its own, or keep it where nobody reads it. */
#define PART_BY_MAC false
bool part_is_signed(const uint8_t *message, uint32_t size, const uint8_t *signature);

#endif
