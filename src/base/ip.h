/*
 * ip.h - the text of an IP address into its octets: one reading for all
 * (PRS-1).
 *
 * Pure.  "192.0.2.1" (four decimal numbers without leading zeros), "2001:db8::1"
 * and "::ffff:192.0.2.1" (as RFC 4291 has it); no brackets, zone, prefix or port.
 */
#ifndef POSTHORSE_BASE_IP_H
#define POSTHORSE_BASE_IP_H

#include "base/span.h"

#define IP_OCTETS_MAX	16u

/* As written: a mapped address stays 16 octets.  *n: 4 or 16.  ERR_SYNTAX. */
MUST_USE enum err ip_parse(struct span text, uint8_t octets[IP_OCTETS_MAX],
    size_t *n);

#endif
