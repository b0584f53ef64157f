/*
 * schema.h - every statement of the language, once.
 *
 * A row says how a setting is called, what it takes, its bounds and default,
 * where it may stand and where its value lives.  Parser, checks, print and the
 * manual page are made from these rows; nothing is said a second time.
 */
#ifndef POSTHORSE_CONFIG_SCHEMA_H
#define POSTHORSE_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/lexer.h"

/* Where a row may stand, and so which struct its offset is in. */
enum schema_scope {
	SCOPE_TOP,		/* struct config */
	SCOPE_LISTEN,		/* struct config_listen ... */
	SCOPE_DOMAIN,
	SCOPE_RELAY,
	SCOPE_OAUTH,
	SCOPE_TLS,
	SCOPE_GRANT,
	SCOPE_SQLITE,
	SCOPE_DOVECOT,
	SCOPE_POSTGRESQL,
	SCOPE_LDAP,
	SCOPE_PAM,
	SCOPE_COUNT
};

struct value_reader;		/* value.h */
struct schema_row;
/* How one kind of value is read, shown and described. */
struct value_type {
	const char *shape;	/* for the manual and for errors: "SIZE" */
	/* False: the trouble was reported. */
	bool (*read)(struct value_reader *v, const struct schema_row *row,
	    void *field);
	/* Appends nothing when the value is not set. */
	enum err (*print)(const struct schema_row *row, const void *field,
	    struct buf *to);
	bool is_text;		/* the field is a const char *, "" unset */
};

#define SCHEMA_REQUIRED	0x01u	/* its scope is not whole without it */
#define SCHEMA_MANY	0x02u	/* a statement for each */

struct schema_row {
	const char		*name;	/* words; "" is the first, unnamed */
	enum schema_scope	 scope;
	const struct value_type	*type;
	size_t			 offset;
	uint64_t		 min, max;	/* numbers */
	const char		*fallback;	/* as text; NULL: not set */
	const char		*sentence;
	unsigned int		 flags;
	enum schema_scope	 opens;	/* an object; TOP: none */
};

/* Rows of a scope stand together, in the order of the manual. */
extern const struct schema_row schema_rows[];
extern const size_t schema_nrows;

/* A scope's objects: an array and its count in struct config. */
struct schema_object {
	const char	*name;		/* the statement that opens it */
	bool		 is_block;	/* else options on the same line */
	size_t		 size;
	size_t		 max;
	size_t		 array, count;	/* offsets */
	/* Of an array that scopes share: where an object says whose it is. */
	size_t		 kind_at;	/* offset of an enum; 0: nowhere */
	unsigned int	 kind;
};
extern const struct schema_object schema_objects[SCOPE_COUNT];

/* Is this object of the array one of that scope? */
bool schema_is_of(enum schema_scope scope, const void *object);
/* The rows of a scope: first and how many. */
const struct schema_row *schema_scope_rows(enum schema_scope scope,
    size_t *count);
/* Index of a row among those of its scope. */
size_t schema_row_index(const struct schema_row *row);

/*
 * The row of this scope whose words stand at the front of words, the longest;
 * *used says how many.  NULL: none, and *used is how many words were at least
 * the beginning of a row.
 */
const struct schema_row *schema_match(enum schema_scope scope,
    const struct word *words, size_t nwords, size_t *used);
/*
 * The word that word (at position `used`, behind those before it) was meant
 * to be, or an empty span.
 */
struct span schema_meant(enum schema_scope scope, const struct word *words,
    size_t used);

#endif
