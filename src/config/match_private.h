/*
 * match_private.h - what the files of the rules share: their words.
 */
#ifndef POSTHORSE_CONFIG_MATCH_PRIVATE_H
#define POSTHORSE_CONFIG_MATCH_PRIVATE_H

#include "config/match.h"
#include "config/value.h"

struct match_reader {
	struct value_reader	*v;
	struct config_rules	*all;
	struct config_rule	 rule;		/* so far */
	struct config_condition	 conditions[CONFIG_CONDITIONS_MAX];
	bool			 has_action;
	/* What makes the rule wait for its stage, for errors. */
	enum config_stage	 earliest;
	const char		*because;
};

#define MATCH_CODE	"code"	/* `refuse code 550 5.7.1 TEXT` */

/* A condition or an action: how it is called, read and described. */
struct match_word {
	const char	 *name, *shape, *sentence;
	enum config_stage earliest;
	/* Of a condition c, else of m->rule; false: reported. */
	bool		(*read)(struct match_reader *m,
			    struct config_condition *c);
};
extern const struct match_word match_conditions[CONFIG_MATCH_COUNT];
extern const struct match_word match_actions[CONFIG_ACTION_COUNT];

/* Words for numbers: ends with NULL. */
extern const char *const match_listeners[], *const match_user_words[],
    *const match_tls_words[];
/* The words of a check's result, by its name. */
const char *const *match_check_words(const char *name);

/* Once all statements are read: what a rule speaks of has to be there. */
void match_finish(struct config *c, struct config_report *report);

/* "A value is missing" and "is not", at the right place: false. */
bool match_missing(struct match_reader *m, const char *name,
    const char *shape);
bool match_wrong(struct match_reader *m, const struct word *w,
    const char *is_not);
/* "More than 64 WHAT": false. */
bool match_too_many(struct match_reader *m, const struct word *w, size_t max,
    const char *what);
/* The next word, which is a tag's name; NULL: reported. */
const struct word *match_next_tag(struct match_reader *m);
/* The number of a tag, or ntags. */
size_t match_tag_number(const struct config_rules *all, struct span name);

#endif
