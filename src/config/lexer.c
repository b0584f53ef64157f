#include "config/lexer.h"

struct lexer
lexer_make(struct span text, const char *name, uint16_t file)
{
	return (struct lexer){
		.rest = text,
		.at = { .file = name, .line = 1, .column = 1 },
		.file = file,
	};
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_word(uint8_t c)
{
	return !is_space(c) && c != '\n' && c != '"';
}

static bool
is_control(uint8_t c)
{
	return c < ' ' || c == 0x7f;
}

static bool
more(const struct lexer *l)
{
	return l->rest.n > 0;
}

static uint8_t
next(struct lexer *l)
{
	uint8_t c = l->rest.p[0];

	l->rest = span_skip(l->rest, 1);
	l->at.column++;
	if (c == '\n') {
		l->at.line++;
		l->at.column = 1;
	}
	return c;
}

static void
fail(struct statement *s, struct place at, const char *why)
{
	if (s->error == NULL) {
		s->error = why;
		s->error_at = at;
	}
}

static void
skip_comment(struct lexer *l)
{
	while (more(l) && l->rest.p[0] != '\n')
		(void)next(l);
}

/* Braces inside a word (path templates) come in pairs, in order. */
static bool
has_loose_brace(struct span text)
{
	size_t open = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '{')
			open++;
		else if (text.p[i] == '}' && open == 0)
			return true;
		else if (text.p[i] == '}')
			open--;
	}
	return open > 0;
}

static void
plain_word(struct lexer *l, struct statement *s, struct word *w)
{
	struct span from = l->rest;

	while (more(l) && is_word(l->rest.p[0])) {
		struct place at = l->at;

		if (is_control(next(l)))
			fail(s, at, "a control character");
	}
	w->text = span_of(from.p, from.n - l->rest.n);
	if (more(l) && l->rest.p[0] == '"')
		fail(s, l->at, "a quote inside a word; quote the whole word");
	if (w->text.n > 1 && has_loose_brace(w->text))
		fail(s, w->at, "a loose brace in a word: a block's brace "
		    "stands alone, with space on both sides");
}

/* Undo the escapes of raw (what stood between the quotes) into the arena. */
static enum err
unescape(struct arena *memory, struct span raw, struct span *text)
{
	void *room;
	uint8_t *to;
	size_t n = 0;
	enum err e = arena_get(memory, raw.n, &room);

	if (e != ERR_OK)
		return e;
	to = room;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\')
			i++;
		to[n++] = raw.p[i];
	}
	*text = span_of(to, n);
	return ERR_OK;
}

/* The rest of the line is lost to an open quote, and no further. */
static enum err
quoted_word(struct lexer *l, struct arena *memory, struct statement *s,
    struct word *w)
{
	bool has_escape = false;
	struct span raw;
	const uint8_t *from;

	(void)next(l);
	w->is_quoted = true;
	from = l->rest.p;
	while (more(l) && l->rest.p[0] != '"' && l->rest.p[0] != '\n') {
		struct place at = l->at;
		uint8_t c = next(l);

		if (is_control(c))
			fail(s, at, "a control character");
		if (c != '\\')
			continue;
		has_escape = true;
		if (!more(l) || (l->rest.p[0] != '"' && l->rest.p[0] != '\\'))
			fail(s, at, "after a backslash comes \" or \\");
		else
			(void)next(l);
	}
	raw = span_of(from, (size_t)(l->rest.p - from));
	w->text = raw;
	if (!more(l) || l->rest.p[0] != '"') {
		fail(s, w->at, "this quote is not closed on its line");
		return ERR_OK;
	}
	(void)next(l);
	if (more(l) && is_word(l->rest.p[0]))
		fail(s, l->at, "a space is missing after the closing quote");
	return has_escape && s->error == NULL ?
	    unescape(memory, raw, &w->text) : ERR_OK;
}

/* A word that ends in a comma goes on, over the line's end too. */
static bool
goes_on(const struct statement *s)
{
	const struct word *last;

	if (s->n == 0)
		return false;
	last = &s->words[s->n - 1];
	return !last->is_quoted && last->text.n > 0 &&
	    last->text.p[last->text.n - 1] == ',';
}

static bool
is_brace(const struct word *w, uint8_t brace)
{
	return !w->is_quoted && w->text.n == 1 && w->text.p[0] == brace;
}

/* Past spaces and comments; false at the statement's end. */
static bool
skip_to_word(struct lexer *l, const struct statement *s)
{
	while (more(l)) {
		uint8_t c = l->rest.p[0];

		if (c == '#')
			skip_comment(l);
		else if (c == '\n' && s->n > 0 && !goes_on(s))
			return false;
		else if (c == '\n' || is_space(c))
			(void)next(l);
		else
			return true;
	}
	return false;
}

static void
keep(struct statement *s, const struct word *w)
{
	if (w->text.n > CONFIG_WORD_MAX)
		fail(s, w->at, "a word of more than 1024 octets");
	if (s->n == CONFIG_WORDS_MAX)
		fail(s, w->at, "more than 64 words in one statement");
	else
		s->words[s->n++] = *w;
}

/* True: w is a brace that ends the statement. */
static bool
ends(struct lexer *l, struct statement *s, const struct word *w,
    const struct lexer *before)
{
	if (is_brace(w, '{')) {
		s->end = STATEMENT_OPEN;
		return true;
	}
	if (!is_brace(w, '}'))
		return false;
	if (s->n > 0)
		*l = *before;	/* it closes the block after this statement */
	else
		s->end = STATEMENT_CLOSE;
	return true;
}

enum err
lexer_next(struct lexer *l, struct arena *memory, struct statement *s)
{
	s->n = 0;
	s->end = STATEMENT_LINE;
	s->error = NULL;
	s->file = l->file;
	while (skip_to_word(l, s)) {
		struct lexer before = *l;
		struct word w = { .at = l->at };
		enum err e = ERR_OK;

		s->end_at = l->at;
		if (l->rest.p[0] == '"')
			e = quoted_word(l, memory, s, &w);
		else
			plain_word(l, s, &w);
		if (e != ERR_OK)
			return e;
		if (ends(l, s, &w, &before))
			return ERR_OK;
		keep(s, &w);
		s->end_at = l->at;
	}
	return s->n > 0 ? ERR_OK : ERR_NONE;
}

bool
lexer_is_plain(struct span word)
{
	if (word.n == 0 || word.p[0] == '#' || has_loose_brace(word) ||
	    word.p[word.n - 1] == ',')
		return false;
	for (size_t i = 0; i < word.n; i++)
		if (!is_word(word.p[i]) || is_control(word.p[i]))
			return false;
	return true;
}
