/*
 * explain.h - `posthorse explain`: what the rules would say of a message, without
 * one.  Only for explain*.c.
 *
 * The rules, their making, their order and their replies are policy's own, as are
 * tables and routes; here the facts come from words on a command line.
 */
#ifndef POSTHORSE_CLI_EXPLAIN_H
#define POSTHORSE_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "config/list.h"
#include "policy/expand.h"
#include "policy/fields.h"
#include "policy/rules_make.h"
#include "proto/smtp_server.h"

#define EXPLAIN_TO_MAX		64u	/* recipients */
#define EXPLAIN_HEADER_MAX	(64u * 1024)	/* octets of --header */

struct explain_to {
	const char		*address;	/* as it was typed */
	struct route_found	 found;
	struct expand		 members;	/* of an alias */
	struct rules_recipient	 said;
	uint8_t			 via;		/* number + 1 of a route, or 0 */
	bool			 is_taken;
};
struct explain {
	const struct config	*c;
	bool			 is_json;
	struct arena		 memory;
	struct rules		 rules;
	struct rules_facts	 facts;
	struct list		*lists;		/* as c->rules->lists */
	struct table		*tables;	/* as c->domains */
	struct aliases		*aliases;
	bool			*is_read;	/* were the files looked for? */

	/* What was typed. */
	const char		*from, *client, *helo, *user;
	struct explain_to	 to[EXPLAIN_TO_MAX];
	size_t			 nto;
	struct check		 checks[CHECK_MAX];
	char			 names[CHECK_MAX][256];	/* of checks */
	struct buf		 header;
	struct rules_fields	 fields;
	bool			 has_size, is_each;	/* --prdr, or LMTP */

	/* What the rules have said so far. */
	struct explain_to	*now;		/* at rcpt; at content of each */
	uint64_t		 copies;
	bool			 is_held, may_relay;
	uint8_t			 rooms[2][RULES_SUBJECT_MAX];
};

/* explain_facts.c: false was complained about. */
bool explain_read(struct explain *x);
void explain_free(struct explain *x);
/* What the files say of it, before a stage; subject as they are asked. */
void explain_look(struct explain *x, enum config_match kind,
    struct span subject);
/* The fields of --header, by the parser that a content passes. */
void explain_fields(struct explain *x);
/* t->found, and of an alias t->members; what is wrong with it as its route. */
void explain_route(struct explain *x, struct explain_to *t);

/* explain_say.c: rows of JSON, or lines. */
void explain_say_stage(const struct explain *x, enum rules_stage stage);
/* v: NULL, it does not match. */
void explain_say_rule(const struct explain *x, enum rules_stage stage,
    size_t rule, const struct rules_verdict *v);
/* How a stage ends: code 0, it goes on; rule: whose it was, or NULL. */
void explain_say_reply(const struct explain *x, enum rules_stage stage,
    const struct rules_reply *r, const struct rules_rule *rule);
void explain_say_end(const struct explain *x);

#endif
