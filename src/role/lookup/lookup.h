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
#include "ipc/steer.h"
#include "role/lookup/fake.h"
#include "role/lookup/jwks.h"
#include "role/lookup/limits.h"
#include "config/list.h"
#include "role/lookup/rates.h"
#include "policy/expand.h"
#include "role/lookup/verify.h"
#include "role/lookup/watched.h"
#include "role/role.h"

/*
 * Between looks at all users files, so that receivers forget what is old; a
 * file that is asked for is looked at more often.
 */
#define LOOKUP_POLL_MS		2000u
#define LOOKUP_LOOK_MS		100u
#define LOOKUP_CACHE_MS		60000u	/* how long a receiver keeps answers */
#define LOOKUP_THREADS		4u
#define LOOKUP_WAITING		64u	/* password checks that wait */
/* Those that are held while others of the same user or address are judged. */
#define LOOKUP_HELD		64u
#define LOOKUP_HELD_OF_ADDRESS	32u	/* others find a place, too */

struct lookup_domain {
	struct watched	 watched;	/* the users file */
	struct table	 table;
	struct watched	 aliases_watched;
	struct aliases	 aliases;
	uint64_t	 looked_ms;
	bool		 is_wrong;	/* and was complained about */
	bool		 is_alias_wrong;
};
struct lookup_list {
	struct watched	 watched;
	struct list	 list;
	uint64_t	 looked_ms;
	bool		 is_wrong;	/* and was complained about */
};
/* The keys of one `oauth` line. */
struct lookup_issuer {
	struct watched	 watched;
	struct jwks	*keys;		/* NULL: none */
	bool		 is_wrong;	/* and was complained about */
};
struct lookup {
	struct lookup_domain	*domains;	/* as config->domains */
	struct lookup_list	*lists;		/* as config->rules->lists */
	struct lookup_issuer	 issuers[CONFIG_OAUTHS_MAX];
	struct siphash_key	 key;
	uint64_t		 generation;	/* of all tables */
	struct map		 known;		/* names of aliases, opened */
	size_t			 nknown;	/* octets of their members */
	struct limits		 limits;
	struct rates		 rates;
	struct verify_kept	 kept;
	struct worker		*hashes;
	struct check		*judged;	/* somebody finds out about these */
	struct check		*held;		/* first come, first */
	unsigned int		 nheld;
	struct backends		*backends;
	/* Of each back end: a hash that somebody has there; "": none seen. */
	char			 like[CONFIG_BACKENDS_MAX][USERS_HASH_MAX + 1];
	/* And what its nobody's salts are made with. */
	struct fake_key		 salts[CONFIG_BACKENDS_MAX];
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
/* What receivers are to know of the tables. */
struct lookup_changed lookup_news(const struct role *r);
/* lists.c */
size_t lookup_lists_count(const struct role *r);
bool lookup_lists_begin(struct role *r);
void lookup_lists_poll(struct role *r);
bool lookup_handle_lists(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
/* tables.c: the log says what is wrong with a domain's file; line 0: all of it. */
void lookup_complain(struct role *r, size_t domain, const char *file,
    const char *why, size_t line);
/* aliases.c */
/* By the files of its domain as they are now. */
struct route_found lookup_find(struct role *r, struct span address);
/* The domain's file has changed; false: it has not. */
bool lookup_aliases_poll(struct role *r, size_t domain);
/*
 * The part of its members that is asked for; a peer that is slow is told to ask
 * later.  *once is to be freed when m has been sent; members of m borrow from it, or
 * from what is remembered until a file changes.
 */
struct known;
void lookup_expand(struct role *r, const struct role_peer *to,
    const struct route_found *f, const struct lookup_rcpt *q,
    struct lookup_rcpt_answer *m, struct known **once);
/* A file has changed. */
void lookup_aliases_forget(struct role *r);
/*
 * The one mailbox to which mail for an address goes, an alias opened; is_user: a
 * login, whatever alias has that name.  ROUTE_UNKNOWN: to none of ours, or several.
 * The pointers are good until tables are looked at again.
 */
struct route_found lookup_mailbox(struct role *r, struct span address,
    bool is_user);
bool lookup_handle_submit(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
bool lookup_handle_steer(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);
bool lookup_handle_auth(struct role *r, struct role_peer *from,
    const void *msg, const int *fds);

#endif
