/*
 * dns.h - libunbound, set up for a process that will soon open nothing.
 *
 * Built in load() (files may still be read), warmed in start() so that its
 * thread exists before seccomp, then fed from the loop.
 */
#ifndef POSTHORSE_ROLE_RESOLVER_DNS_H
#define POSTHORSE_ROLE_RESOLVER_DNS_H

#include "config/config.h"

#include <unbound.h>

/*
 * The anchors are the system's (dns-root-data) or the configuration's; the
 * servers the configuration's, else those of /etc/resolv.conf; without any we
 * ask the root.  NULL: *why says what could not be read.
 */
struct ub_ctx *unbound_open(const struct config *config, bool is_recursing,
    const char **why);
/* Its thread runs and it has answered once, from a zone of its own. */
MUST_USE enum err unbound_warm(struct ub_ctx *ctx);

#endif
