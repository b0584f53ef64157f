/*
 * bounce.h - a bounce while it is made.  Only for src/role/queue.
 */
#ifndef POSTHORSE_ROLE_QUEUE_BOUNCE_H
#define POSTHORSE_ROLE_QUEUE_BOUNCE_H

#include "role/queue/queue.h"

enum bounce_state {
	BOUNCE_ASK,		/* lookup is to be asked */
	BOUNCE_ASKED,
	BOUNCE_APPEND,		/* it is to be written */
	BOUNCE_SYNC		/* written, not yet durable */
};
struct bounce_kept {
	uint32_t		slot;
	uint8_t			action;		/* enum dsn_action */
	bool			is_expired;
	struct queue_words	words;
};
struct bounce {
	struct store_message	*m;
	struct msg_id		 id, own_id;	/* the letter's, the notice's */
	enum bounce_state	 state;
	uint64_t		 tag, ticket;
	uint64_t		 after_ms;	/* not before */
	struct buf		 failures;	/* of struct bounce_kept */
	struct buf		 words;
	struct buf		 reverse_path;	/* or the owner of a list */
	bool			 is_list;
	/* Recipients of the notice, encoded: one, or the members of an alias. */
	struct buf		 recipients;
	uint32_t		 nrecipients;
	uint64_t		 generation;	/* of the tables that named them */
};

static inline uint32_t
bounce_count(const struct bounce *b)
{
	return (uint32_t)(b->failures.n / sizeof(struct bounce_kept));
}
static inline const struct bounce_kept *
bounce_kept_at(const struct bounce *b, uint32_t i)
{
	return (const struct bounce_kept *)(const void *)b->failures.p + i;
}
static inline struct span
bounce_status(const struct bounce *b, const struct bounce_kept *k)
{
	return span_of(b->words.p + k->words.at, k->words.nstatus);
}
static inline struct span
bounce_remote(const struct bounce *b, const struct bounce_kept *k)
{
	return span_of(b->words.p + k->words.at + k->words.nstatus,
	    k->words.nremote);
}
static inline struct span
bounce_text(const struct bounce *b, const struct bounce_kept *k)
{
	return span_of(b->words.p + k->words.at + k->words.nstatus +
	    k->words.nremote, k->words.ntext);
}

/* bounce_text.c: write it into the store; b->ticket.  As store_append. */
MUST_USE enum err queue_bounce_write(struct queue *q, struct bounce *b);

#endif
