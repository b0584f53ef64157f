/*
 * lexer.h - a file's octets cut into statements of words.
 *
 * Pure.  Each octet is looked at once.  A statement with an error is read to
 * its end, so that the caller stays in step with lines and blocks.
 */
#ifndef POSTHORSE_CONFIG_LEXER_H
#define POSTHORSE_CONFIG_LEXER_H

#include "config/config.h"
#include "config/report.h"

struct lexer {
	struct span	 rest;		/* not yet read */
	struct place	 at;		/* of rest's first octet */
	uint16_t	 file;		/* for config_where */
};
struct word {
	struct span	 text;		/* from the file, or the arena */
	struct place	 at;
	bool		 is_quoted;	/* a value, never a keyword */
};
enum statement_end {
	STATEMENT_LINE,		/* the line or the file ended */
	STATEMENT_OPEN,		/* a `{`: a block follows */
	STATEMENT_CLOSE		/* a `}` alone; it has no words */
};
struct statement {
	struct word		 words[CONFIG_WORDS_MAX];
	size_t			 n;
	enum statement_end	 end;
	struct place		 end_at;
	/* A sentence when this is no statement; words may be missing. */
	const char		*error;
	struct place		 error_at;
	uint16_t		 file;
};

struct lexer lexer_make(struct span text, const char *name, uint16_t file);
/*
 * The next statement; quoted words with escapes are copied into memory.
 * ERR_NONE: the text is used up.  ERR_NOMEM, ERR_FULL: the arena's.
 */
MUST_USE enum err lexer_next(struct lexer *l, struct arena *memory,
    struct statement *s);
/* Would the word be read back as it is, without quotes? */
bool lexer_is_plain(struct span word);

#endif
