/*
 * siphash.h - a hash that nobody without the key can aim at (PRS-7).
 *
 * SipHash by Aumasson and Bernstein: 64 bits out of any octets under a key of
 * 128 bits.  SipHash-1-3 is for hash tables; it is no message authentication.
 */
#ifndef POSTHORSE_BASE_SIPHASH_H
#define POSTHORSE_BASE_SIPHASH_H

#include "base/span.h"

#define SIPHASH_KEY_OCTETS	16

struct siphash_key {
	uint64_t	low, high;
};

/* From octets that nobody can guess, drawn once a process. */
struct siphash_key siphash_key_make(const uint8_t octets[SIPHASH_KEY_OCTETS]);
/* SipHash-1-3. */
uint64_t siphash(const struct siphash_key *key, struct span s);
/* SipHash-c-d, for the published vectors of SipHash-2-4. */
uint64_t siphash_rounds(const struct siphash_key *key, struct span s,
    unsigned int c, unsigned int d);

#endif
