#include "config/users.h"

#include "base/utf8.h"

bool
users_is_name(struct span name)
{
	if (name.n == 0 || name.n > USERS_NAME_MAX || name.p[0] == '-' ||
	    name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alpha(name.p[i]) && !ascii_is_digit(name.p[i]) &&
		    name.p[i] != '-' && name.p[i] != '_' &&
		    name.p[i] != '.' && name.p[i] < 0x80)
			return false;
	/* RFC 6531: a mailbox may have a name beyond ASCII. */
	return utf8_is_clean(name);
}

/* crypt(5): the letters of a hash's salt and sum. */
static bool
is_hash_text(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
		    s.p[i] != '.' && s.p[i] != '/' && s.p[i] != '$' &&
		    s.p[i] != '=')
			return false;
	return s.n > 0;
}

/*
 * yescrypt: flavour `j`, then log2 of the blocks and the block size as
 * letters.  crypt_gensalt writes these for its costs 1 to 8 (1 to 128 MiB).
 */
static bool
is_yescrypt(struct span rest)
{
	static const char *const costs[] = { "j75$", "j85$", "j7T$", "j8T$",
		"j9T$", "jAT$", "jBT$", "jCT$" };

	for (size_t i = 0; i < COUNT(costs); i++)
		if (span_starts(rest, span_str(costs[i])))
			return true;
	return false;
}

/* bcrypt: two digits, log2 of the rounds. */
static bool
is_bcrypt(struct span rest)
{
	uint64_t cost;

	return rest.n > 3 && rest.p[2] == '$' &&
	    span_u64(span_take(&rest, 2), 12, &cost) == ERR_OK;
}

/* sha512crypt, sha256crypt: 5,000 rounds, or as many as it says. */
static bool
is_sha(struct span rest)
{
	uint64_t rounds;

	if (!span_starts(rest, SPAN("rounds=")))
		return true;
	rest = span_skip(rest, strlen("rounds="));
	return span_u64(span_take(&rest, span_find(rest, '$')), 1000000,
	    &rounds) == ERR_OK;
}

static const struct {
	const char	*prefix;
	bool		(*is_bounded)(struct span rest);
} kinds[] = {
	{ "$y$", is_yescrypt }, { "$2a$", is_bcrypt }, { "$2b$", is_bcrypt },
	{ "$2y$", is_bcrypt }, { "$6$", is_sha }, { "$5$", is_sha },
};

bool
users_is_hash(struct span hash)
{
	if (span_eq(hash, SPAN("*")))
		return true;
	if (hash.n > USERS_HASH_MAX || !is_hash_text(hash))
		return false;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct span prefix = span_str(kinds[i].prefix);

		if (span_starts(hash, prefix))
			return kinds[i].is_bounded(span_skip(hash, prefix.n));
	}
	return false;
}

/* HASH, or HASH:VERIFIER: a verifier is of a password, so of a hash. */
static bool
read_secret(struct users_line *line)
{
	struct span rest = line->secret;
	struct verifier v;
	enum err e;

	line->hash = span_take(&rest, span_find(rest, ':'));
	line->verifier = span_skip(rest, 1);
	if (!users_is_hash(line->hash))
		return false;
	if (rest.n == 0)
		return true;
	if (span_eq(line->hash, SPAN("*")))
		return false;
	e = verifier_parse(line->verifier, &v);
	explicit_bzero(&v, sizeof v);
	return e == ERR_OK;
}

enum err
users_secret(struct span text, struct users_line *line)
{
	*line = (struct users_line){ .secret = text };
	return read_secret(line) ? ERR_OK : ERR_SYNTAX;
}

enum err
users_next(struct span *rest, struct users_line *line)
{
	while (rest->n > 0) {
		struct span text = span_take(rest, span_find(*rest, '\n'));
		size_t colon;

		if (rest->n > 0)
			*rest = span_skip(*rest, 1);
		if (text.n > 0 && text.p[text.n - 1] == '\r')
			text.n--;
		text = span_trim(text);
		if (text.n == 0 || text.p[0] == '#')
			continue;
		colon = span_find(text, ':');
		*line = (struct users_line){ .name = { text.p, colon } };
		if (colon == text.n || !users_is_name(line->name))
			return ERR_SYNTAX;
		line->secret = span_skip(text, colon + 1);
		return read_secret(line) ? ERR_OK : ERR_SYNTAX;
	}
	return ERR_NONE;
}
