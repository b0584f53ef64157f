/*
 * le.h - little-endian numbers at fixed places of a head.
 */
#ifndef POSTHORSE_SPOOL_LE_H
#define POSTHORSE_SPOOL_LE_H

#include <stdint.h>

static inline void
le_put(uint8_t *to, uint64_t v, unsigned int octets)
{
	for (unsigned int i = 0; i < octets; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t
le_get(const uint8_t *from, unsigned int octets)
{
	uint64_t v = 0;

	for (unsigned int i = octets; i > 0; i--)
		v = v << 8 | from[i - 1];
	return v;
}

static inline uint32_t
le_u32(const uint8_t *from)
{
	return (uint32_t)le_get(from, 4);
}

static inline uint64_t
le_u64(const uint8_t *from)
{
	return le_get(from, 8);
}

#endif
