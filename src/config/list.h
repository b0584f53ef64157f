/*
 * list.h - a file of entries that rules name: is this one of them?
 *
 * Pure: the role reads the file.  One entry a line, `#` begins a comment line.
 * What an entry is depends on the fact (doc/design/rules.md):
 *
 *	client		192.0.2.0/24, 2001:db8::1
 *	helo		mail.example.org, .example.org (any name below it)
 *	sender,		ann@example.org, @example.org, @.example.org, <>
 *	recipient
 *	user		a login name
 *
 * Case does not matter, nor whether a domain is in U-labels or A-labels for whom
 * sets to_ascii.  Found by hash, so the time to ask does not grow with
 * the file.  A file is taken whole or not at all.
 */
#ifndef POSTHORSE_CONFIG_LIST_H
#define POSTHORSE_CONFIG_LIST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "config/match.h"

#define LIST_FILE_MAX		(64u * 1024 * 1024)
#define LIST_ENTRIES_MAX	1000000u
#define LIST_ENTRY_MAX		320u	/* octets */
#define LIST_PREFIXES		129u	/* 0 to 128 bits */

/* Append an entry with its domain in A-labels (mail/idn.h).  ERR_FULL, ERR_NOMEM. */
typedef enum err list_ascii(struct span entry, struct buf *to);

struct list {
	list_ascii		*to_ascii;	/* NULL: as they were written */
	enum config_match	 kind;
	bool			 is_there;	/* was read (RLY-3) */
	struct map		 entries;
	/* CLIENT: which lengths of prefix there are, of IPv4 and IPv6. */
	uint8_t			 prefixes[2][LIST_PREFIXES];
	struct arena		 memory;
};

struct list list_make(const struct siphash_key *key, enum config_match kind);
void list_free(struct list *l);
/*
 * Take a file's text over.  ERR_SYNTAX: *line is no entry; ERR_FULL, ERR_NOMEM:
 * too much; nothing has changed then.
 */
MUST_USE enum err list_replace(struct list *l, struct span text, size_t *line);
/* subject: 4 or 16 octets of a client; else text in lower case. */
bool list_holds(const struct list *l, struct span subject);

#endif
