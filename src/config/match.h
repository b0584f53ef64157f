/*
 * match.h - rules: `match` statements, read, checked and printed.
 *
 * What they mean stands in doc/design/rules.md; src/policy/rules.h asks them.
 * A rule belongs to the first stage at which all that it speaks of is known,
 * or to those that `at` names.  Sets of tags, files and the like are numbered,
 * so that a set is one word.
 */
#ifndef POSTHORSE_CONFIG_MATCH_H
#define POSTHORSE_CONFIG_MATCH_H

#include "config/config.h"

#define CONFIG_RULES_MAX	1000u
#define CONFIG_CONDITIONS_MAX	16u	/* of a rule */
#define CONFIG_ITEMS_MAX	64u	/* of a condition */
#define CONFIG_SET_MAX		64u	/* files; tags; copies; routes; header
					 * conditions; conditions on recipients
					 * in content rules */
#define CONFIG_TAG_MAX		32u	/* octets: a-z, 0-9 and -; of a route too */
#define CONFIG_TAGS_MAX		256u	/* octets of all, spaces between */
#define CONFIG_RULE_TEXT_MAX	200u	/* octets, printable ASCII */

enum config_stage {
	CONFIG_AT_CONNECT, CONFIG_AT_HELO, CONFIG_AT_MAIL, CONFIG_AT_RCPT,
	CONFIG_AT_CONTENT,
	CONFIG_STAGE_COUNT
};
enum config_match {
	CONFIG_MATCH_LISTENER, CONFIG_MATCH_CLIENT, CONFIG_MATCH_HELO,
	CONFIG_MATCH_SENDER, CONFIG_MATCH_RECIPIENT, CONFIG_MATCH_USER,
	CONFIG_MATCH_TLS, CONFIG_MATCH_SIZE, CONFIG_MATCH_HEADER,
	CONFIG_MATCH_CHECK, CONFIG_MATCH_TAG,
	CONFIG_MATCH_COUNT
};
enum config_action {
	CONFIG_DO_ACCEPT, CONFIG_DO_REFUSE, CONFIG_DO_DEFER, CONFIG_DO_HOLD,
	CONFIG_DO_RELAY, CONFIG_DO_ROUTE, CONFIG_DO_TAG, CONFIG_DO_COPY,
	CONFIG_ACTION_COUNT
};
/* Numbers of the words in a condition's values. */
enum { CONFIG_FROM_MX, CONFIG_FROM_SUBMISSION, CONFIG_FROM_RELAY,
	CONFIG_FROM_LMTP, CONFIG_FROM_LOCAL };
enum { CONFIG_USER_IS_NONE, CONFIG_USER_IS_ANY };
enum { CONFIG_TLS_IS_NONE, CONFIG_TLS_IS_12, CONFIG_TLS_IS_13 };
enum { CONFIG_ROUTE_LOCAL, CONFIG_ROUTE_REMOTE, CONFIG_ROUTE_UNKNOWN };
enum config_found {		/* doc/design/checks.md */
	CONFIG_FOUND_TIMEOUT, CONFIG_FOUND_LATER, CONFIG_FOUND_PASS,
	CONFIG_FOUND_NONE, CONFIG_FOUND_MISMATCH, CONFIG_FOUND_LISTED,
	CONFIG_FOUND_CLEAR, CONFIG_FOUND_ODD,
	CONFIG_FOUND_COUNT
};
/* The names of checks that are no DNS list's. */
#define CONFIG_CHECK_ROUTE	"route"
#define CONFIG_CHECK_REVERSE	"reverse-dns"

struct config_condition {
	enum config_match	 kind;
	bool			 is_not, has_file, is_over;
	uint8_t			 number;	/* file, tag, header */
	const char		*name;		/* header, check: lower case */
	const struct span	*items;		/* n: patterns, or */
	const struct network	*networks;	/* CLIENT */
	size_t			 n;
	uint32_t		 values;	/* words: 1 << each */
	uint64_t		 size;		/* octets: > or < */
};
struct config_rule {
	const char			*origin;	/* "file:line" */
	const char			*file;		/* where it was read */
	uint32_t			 line, column;	/* of its action */
	unsigned int			 stages;	/* 1 << each */
	bool				 is_at;		/* they were said */
	const struct config_condition	*conditions;
	size_t				 nconditions;
	enum config_action		 action;
	const char			*text;		/* "": none was said */
	unsigned int			 code;		/* of the reply, or 0 */
	const char			*status;	/* "5.7.1"; with code */
	uint8_t				 number;	/* tag, copy, route */
};
/* A file of entries: networks, names, addresses or users. */
struct config_list {
	enum config_match	 kind;	/* CLIENT, HELO, SENDER ... */
	const char	       *path;
	const char	       *file;	/* where it was said first */
	uint32_t		line;
};
struct config_rules {
	struct config_rule	*rules;
	size_t			 n;
	struct config_list	 lists[CONFIG_SET_MAX];
	const char		*tags[CONFIG_SET_MAX], *copies[CONFIG_SET_MAX],
				*routes[CONFIG_SET_MAX];
	size_t			 nlists, ntags, ncopies, nroutes, nheaders,
				 nrecipients;
	size_t			 ntag_octets;
	enum config_stage	 tag_stages[CONFIG_SET_MAX]; /* set from then */
};

/* Is it about a recipient, and so remembered for content rules? */
bool config_condition_is_of_recipient(const struct config_condition *c);
/* "connect" ..., "refuse" ... */
const char *config_stage_name(enum config_stage stage);
const char *config_action_name(enum config_action action);
const char *config_match_name(enum config_match kind);

extern const struct value_type value_match;
/* One rule, as value_match reads it; its origin when with_origin. */
MUST_USE enum err config_match_print(const struct config *c,
    const struct config_rule *r, bool with_origin, struct buf *to);
/* One condition of it: "not client 192.0.2.0/24". */
MUST_USE enum err config_condition_print(const struct config *c,
    const struct config_condition *k, struct buf *to);
/* "mx" for CONFIG_FROM_MX; NULL behind the last. */
const char *config_from_name(unsigned int from);
/* For the manual: the words behind `match`; false behind the last. */
bool config_match_word(size_t i, const char **name, const char **shape,
    const char **sentence);
/* And its examples, in mdoc. */
extern const char config_manual_rules[];

#endif
