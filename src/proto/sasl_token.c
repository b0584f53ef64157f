#include "proto/sasl_token.h"

#define KVSEP	0x01

/* RFC 6750 2.1: b64token. */
static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ',')
			return false;
	return s.n > 0;
}

/* `Bearer`, in any case (RFC 9110 11.1), spaces, and the token. */
static bool
read_auth(struct span value, struct span *token)
{
	if (!span_starts_nocase(value, SPAN("Bearer ")))
		return false;
	*token = span_trim(span_skip(value, strlen("Bearer ")));
	return is_token(*token);
}

/*
 * key=value, each ended by KVSEP, and another KVSEP at the end of all.  auth
 * must be there, once; others are passed over (RFC 7628 3.1).
 */
static bool
read_pairs(struct span in, struct span *token)
{
	token->n = 0;
	while (in.n > 1) {
		struct span pair = span_take(&in, span_find(in, KVSEP));
		size_t eq = span_find(pair, '=');

		if (span_take(&in, 1).n == 0 || eq == 0 || eq == pair.n)
			return false;
		if (!span_eq(span_of(pair.p, eq), SPAN("auth")))
			continue;
		if (token->n > 0 || !read_auth(span_skip(pair, eq + 1), token))
			return false;
	}
	return in.n == 1 && in.p[0] == KVSEP && token->n > 0;
}

enum err
sasl_token_bearer(struct span said, struct buf *user, struct span *token)
{
	struct span flag = span_take(&said, span_find(said, ',')), name;
	enum err e = ERR_OK;

	if ((!span_eq(flag, SPAN("n")) && !span_eq(flag, SPAN("y"))) ||
	    span_take(&said, 1).n == 0)
		return ERR_SYNTAX;
	name = span_take(&said, span_find(said, ','));
	if (span_take(&said, 1).n == 0)
		return ERR_SYNTAX;
	if (name.n > 0)
		e = !span_starts(name, SPAN("a=")) ? ERR_SYNTAX :
		    scram_read_name(span_skip(name, 2), user);
	if (e != ERR_OK)
		return e;
	if (said.n == 0 || span_take(&said, 1).p[0] != KVSEP)
		return ERR_SYNTAX;
	return read_pairs(said, token) ? ERR_OK : ERR_SYNTAX;
}

enum err
sasl_token_xoauth2(struct span said, struct buf *user, struct span *token)
{
	struct span name = span_take(&said, span_find(said, KVSEP));
	enum err e;

	if (span_take(&said, 1).n == 0 || !span_starts(name, SPAN("user=")))
		return ERR_SYNTAX;
	name = span_skip(name, strlen("user="));
	if (name.n == 0 || span_find(name, 0) < name.n)
		return ERR_SYNTAX;
	e = buf_add(user, name);
	if (e != ERR_OK)
		return e == ERR_FULL ? ERR_SYNTAX : e;
	return read_pairs(said, token) ? ERR_OK : ERR_SYNTAX;
}
