/*
 * rules.h - ordered rules: who may send what to whom (doc/design/rules.md).
 *
 * Pure: no I/O, no clock, no allocation but in rules_subject().  Whoever owns the
 * rules made them from the configuration (rules_make.h); they outlive every
 * question.  Asked stage by stage:
 *
 *	for (at = 0; rules_next(r, stage, &facts, &at, &v) && !v.is_final;)
 *		a tag, a copy, a route: remember it (a tag in facts.tags)
 *
 * Texts are octets of a stranger; comparisons fold ASCII case (RFC 5321 2.4) and
 * take time linear in the text (PRS-8).
 */
#ifndef POSTHORSE_POLICY_RULES_H
#define POSTHORSE_POLICY_RULES_H

#include "policy/check.h"

#define RULES_BITS	64u	/* tags, copies, files ... a word holds a set */

enum rules_stage {
	RULES_CONNECT,		/* before the greeting */
	RULES_HELO,
	RULES_MAIL,
	RULES_RCPT,		/* once a recipient */
	RULES_CONTENT,
	RULES_STAGE_COUNT
};
enum rules_fact {
	RULES_LISTENER, RULES_CLIENT, RULES_HELO_NAME, RULES_SENDER,
	RULES_RECIPIENT, RULES_USER, RULES_TLS, RULES_SIZE, RULES_HEADER,
	RULES_CHECK, RULES_TAG,
	RULES_FACT_COUNT
};
enum rules_action {
	RULES_ACCEPT,
	RULES_REFUSE,		/* never: 5xx */
	RULES_DEFER,		/* later: 4xx */
	RULES_HOLD,		/* taken, and kept until somebody lets it go */
	RULES_RELAY,		/* this recipient, though it is not ours */
	RULES_ADD_TAG,
	RULES_COPY,
	RULES_VIA,		/* this recipient's mail goes by a named route */
	RULES_DOUBT,		/* no rule says it: a file could not be asked */
	RULES_ACTION_COUNT
};
enum rules_route {		/* where a recipient's mail goes */
	RULES_ROUTE_LOCAL,
	RULES_ROUTE_REMOTE,
	RULES_ROUTE_UNKNOWN,	/* our domain, no such mailbox */
	RULES_ROUTE_COUNT
};

struct rules_address {
	uint8_t	n;		/* octets: 4, 16, or 0: there is none */
	uint8_t	octets[16];	/* in network order */
};
struct rules_network {
	struct rules_address	base;
	uint8_t			bits;	/* of the prefix */
};
/* IPv4-mapped becomes IPv4 (SMTP-12).  Not 4 or 16 octets: no address. */
struct rules_address rules_address_make(struct span octets);

/* Holds when one of its alternatives does; is_not turns that around. */
struct rules_condition {
	enum rules_fact			 fact;
	bool				 is_not;
	const struct span		*patterns;
	size_t				 npatterns;
	const struct rules_network	*networks;
	size_t				 nnetworks;
	uint64_t			 lists;	/* files, by number */
	/* LISTENER, TLS, TAG: numbers; USER: of none and any; CHECK: of a
	 * route, or with its name as pattern of enum check_word. */
	uint64_t			 values;
	uint64_t			 low, high;	/* SIZE, both included */
	/* HEADER, and of a recipient in a content rule: its own bit. */
	uint8_t				 bit;
};
#define RULES_USER_NONE		0x1u
#define RULES_USER_ANY		0x2u

struct rules_rule {
	unsigned int			 stages;	/* 1 << each */
	const struct rules_condition	*conditions;
	size_t				 nconditions;
	enum rules_action		 action;
	struct span			 text;		/* of the reply */
	unsigned int			 code;		/* its own, or 0 */
	struct span			 esc;		/* with code: "5.7.1" */
	struct span			 origin;	/* "file:line" */
	uint8_t				 bit;		/* tag, copy, route */
};
struct rules {
	const struct rules_rule	*rules;
	size_t			 n;
};

/* What is known so far.  Addresses as rules_subject() writes them. */
struct rules_facts {
	unsigned int		listener, tls;		/* numbers of values */
	struct rules_address	client;
	struct span		helo, sender, recipient, user;
	uint64_t		size;			/* octets */
	uint64_t		routes;			/* 1 << it, or 0 */
	const struct check	*checks;		/* of the client */
	size_t			nchecks;
	uint64_t		tags;
	uint64_t		headers;		/* conditions that hold */
	/* Files that hold what is known, of those that could be asked. */
	uint64_t		lists_yes, lists_known;
	/* Of recipients so far: conditions that held, that are in doubt. */
	uint64_t		rcpts_yes, rcpts_doubt;
};
/* Of one recipient, for the content stage: the same two sets. */
struct rules_recipient {
	uint64_t	yes, doubt;
};
struct rules_verdict {
	const struct rules_rule	*rule;
	enum rules_action	 action;
	bool			 is_final;	/* the stage is decided */
};

/*
 * The next rule of this stage, from number *at on, that matches; *at is
 * advanced past it.  False: no more.
 */
MUST_USE bool rules_next(const struct rules *r, enum rules_stage stage,
    const struct rules_facts *f, size_t *at, struct rules_verdict *v);
/* What one condition says, as rules_next() hears it: for who explains. */
enum rules_answer {
	RULES_NO, RULES_YES,
	RULES_ABSENT,		/* there is nothing that it could hold for */
	RULES_IN_DOUBT		/* a file could not be asked */
};
MUST_USE enum rules_answer rules_ask(const struct rules_condition *c,
    enum rules_stage stage, const struct rules_facts *f);
/* RFC 5321 4.2.1, RFC 3463: what the client hears; code 0: it passes. */
struct rules_reply {
	unsigned int	code;
	struct span	esc, text;
};
struct rules_reply rules_reply(enum rules_stage stage,
    const struct rules_verdict *v);
/*
 * A recipient was accepted: remember in f for the content stage what conditions
 * of content rules say of it; the same of it alone is returned.
 */
struct rules_recipient rules_keep_recipient(const struct rules *r,
    struct rules_facts *f);
/*
 * A content rule has matched a message: does what it says of recipients hold for
 * this one?  Of a rule with a route rules_next() asks the other conditions only,
 * for "not this recipient" is not the same as "none of these".
 */
MUST_USE enum rules_answer rules_fits(const struct rules_rule *rule,
    const struct rules_recipient *one);
/* A field of the header has ended: the same for its name and value. */
void rules_keep_header(const struct rules *r, struct rules_facts *f,
    struct span name, struct span value);
bool rules_has_header(const struct rules *r, struct span name);
/* Does some rule have this stage? */
bool rules_has_stage(const struct rules *r, enum rules_stage stage);
/* The files that some condition about this fact names. */
uint64_t rules_lists(const struct rules *r, enum rules_fact fact);

/* "*": any octets, "?": one; all else is itself, in any case. */
bool rules_glob(struct span pattern, struct span text);

/*
 * An address as rules compare it: lower case, the domain in A-labels, the local
 * part without quotes and escapes; "<>" when it is empty.  Of what is longer than
 * room (no address is) the end is left out.  ERR_NOMEM: of a domain beyond ASCII.
 */
#define RULES_SUBJECT_MAX	320u
MUST_USE enum err rules_subject(struct span address,
    uint8_t room[RULES_SUBJECT_MAX], struct span *subject);

#endif
