/*
 * lookup.h - what the files of the lookup role share.
 *
 * One process knows the users: it answers where a recipient's mail goes,
 * whether a password is right, and whether one more session may begin.
 */
#ifndef POSTHORSE_ROLE_LOOKUP_LOOKUP_H
#define POSTHORSE_ROLE_LOOKUP_LOOKUP_H

#include "io/worker.h"
#include "ipc/lookup.h"
#include "role/lookup/limits.h"
#include "role/lookup/table.h"
#include "role/lookup/verify.h"
#include "role/role.h"

#include <sys/stat.h>

/*
 * Between looks at all users files, so that receivers forget what is old; a
 * file that is asked for is looked at more often.
 */
#define LOOKUP_POLL_MS		2000u
#define LOOKUP_LOOK_MS		100u
#define LOOKUP_CACHE_MS		60000u	/* how long a receiver keeps answers */
#define LOOKUP_THREADS		4u
#define LOOKUP_WAITING		64u	/* password checks that wait */

struct lookup_domain {
	int		 folder;	/* of the users file; -1: not given */
	const char	*file;		/* its name there */
	struct table	 table;
	/* What was read last; a file that differs is read again. */
	struct stat	 seen;
	uint64_t	 looked_ms;
	bool		 is_wrong;	/* and was complained about */
};
struct lookup {
	struct lookup_domain	*domains;	/* as config->domains */
	struct siphash_key	 key;
	uint64_t		 generation;	/* of all tables */
	struct limits		 limits;
	struct verify_kept	 kept;
	struct worker		*hashes;
	struct loop_timer	*poll;
};

static inline struct lookup *
lookup_of(const struct role *r)
{
	return r->self;
}
/* Read what has changed since; tells receivers when something has. */
void lookup_poll(struct role *r);
/* The same for one domain that somebody asks for now. */
void lookup_look(struct role *r, size_t domain);
/* Index of the domain in config->domains, or config->ndomains. */
size_t lookup_domain_index(const struct role *r, struct span name);
bool lookup_handle_auth(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);

#endif
