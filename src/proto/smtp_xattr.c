/*
 * smtp_xattr.c - a row an attribute: how it is called, and what it may be.
 */
#include "proto/smtp_xattr.h"

#include "mail/xtext.h"

#include "base/ip.h"
#include "proto/sasl.h"
#include "proto/smtp_command.h"

/* A value, decoded; for each command its own rules. */

static bool
read_name(struct span v, struct smtp_xattrs *x)
{
	(void)x;
	return smtp_is_name(v) && v.p[0] != '[';
}

static bool
read_helo(struct span v, struct smtp_xattrs *x)
{
	(void)x;
	return smtp_is_name(v);
}

static bool
read_ip(struct span v, uint8_t octets[IP_OCTETS_MAX], size_t *n)
{
	const struct span v6 = SPAN("IPV6:");
	bool is_v6 = span_starts_nocase(v, v6);

	return ip_parse(is_v6 ? span_skip(v, v6.n) : v, octets, n) == ERR_OK &&
	    (*n == 16) == is_v6;
}

static bool
read_addr(struct span v, struct smtp_xattrs *x)
{
	return read_ip(v, x->address, &x->naddress);
}

static bool
read_destaddr(struct span v, struct smtp_xattrs *x)
{
	uint8_t octets[IP_OCTETS_MAX];
	size_t n;

	(void)x;
	return read_ip(v, octets, &n);
}

static bool
read_port(struct span v, struct smtp_xattrs *x)
{
	uint64_t port;

	(void)x;
	return span_u64(v, UINT16_MAX, &port) == ERR_OK;
}

static bool
read_proto(struct span v, struct smtp_xattrs *x)
{
	(void)x;
	return span_eq_nocase(v, SPAN("SMTP")) ||
	    span_eq_nocase(v, SPAN("ESMTP"));
}

static bool
read_login(struct span v, struct smtp_xattrs *x)
{
	(void)x;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~')
			return false;
	return v.n <= SASL_USER_MAX;
}

static bool
read_source(struct span v, struct smtp_xattrs *x)
{
	(void)x;
	return span_eq_nocase(v, SPAN("LOCAL")) ||
	    span_eq_nocase(v, SPAN("REMOTE"));
}

/* For the log alone, which escapes what it has to. */
static bool
read_text(struct span v, struct smtp_xattrs *x)
{
	(void)v;
	(void)x;
	return true;
}

#define LATER	true	/* [TEMPUNAVAIL] may be said */
#define HIDDEN	true	/* taken, but it changes nothing: not announced */

typedef bool read_value(struct span v, struct smtp_xattrs *x);
static const struct row {
	const char	*name;
	/* NULL: the command does not have it. */
	read_value	*read[XCOMMAND_COUNT];
	bool		 may_be_later, is_hidden;
} rows[XATTR_COUNT] = {
	[XATTR_NAME] = { "NAME", { read_name, read_text }, LATER, false },
	[XATTR_ADDR] = { "ADDR", { read_addr, read_text }, false, false },
	[XATTR_PORT] = { "PORT", { read_port, read_text }, false, false },
	[XATTR_PROTO] = { "PROTO", { read_proto, read_text }, false, false },
	[XATTR_HELO] = { "HELO", { read_helo, read_text }, false, false },
	[XATTR_LOGIN] = { "LOGIN", { read_login, NULL }, false, false },
	[XATTR_DESTADDR] = { "DESTADDR", { read_destaddr, NULL }, false,
	    HIDDEN },
	[XATTR_DESTPORT] = { "DESTPORT", { read_port, NULL }, false, HIDDEN },
	[XATTR_IDENT] = { "IDENT", { NULL, read_text }, false, false },
	[XATTR_SOURCE] = { "SOURCE", { NULL, read_source }, false, false },
};

static enum err
read_said(const struct row *row, enum smtp_xcommand command, struct span value,
    struct arena *room, struct smtp_xattrs *x, struct smtp_xvalue *to)
{
	struct span text;
	size_t n;
	void *p;
	enum err e;

	if (!xtext_is(value))
		return ERR_SYNTAX;
	e = arena_get(room, value.n, &p);
	if (e != ERR_OK)
		return e;
	if (!xtext_decode(value, p, value.n, &n))
		return ERR_SYNTAX;
	text = span_of(p, n);
	if (n > XATTR_VALUE_MAX || !row->read[command](text, x))
		return ERR_SYNTAX;
	*to = (struct smtp_xvalue){ XSTATE_SAID, text };
	return ERR_OK;
}

static enum err
read_value_of(const struct row *row, enum smtp_xcommand command,
    struct span value, struct arena *room, struct smtp_xattrs *x)
{
	struct smtp_xvalue *to = &x->of[row - rows];
	bool is_never = span_eq_nocase(value, SPAN("[UNAVAILABLE]"));
	bool is_later = span_eq_nocase(value, SPAN("[TEMPUNAVAIL]"));

	if (is_later && !row->may_be_later)
		return ERR_SYNTAX;
	if (!is_never && !is_later)
		return read_said(row, command, value, room, x, to);
	*to = (struct smtp_xvalue){ .state = is_never ? XSTATE_UNAVAILABLE :
	    XSTATE_TEMPUNAVAIL };
	return ERR_OK;
}

static const struct row *
find(struct span name, enum smtp_xcommand command)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].read[command] != NULL &&
		    span_eq_nocase(name, span_str(rows[i].name)))
			return &rows[i];
	return NULL;
}

enum err
smtp_xattrs_parse(struct span in, enum smtp_xcommand command,
    struct arena *room, struct smtp_xattrs *x)
{
	struct smtp_xattrs got = *x;
	unsigned int said = 0;

	for (in = span_trim(in); in.n > 0; in = span_trim(in)) {
		struct span word = span_take(&in, span_find(in, ' '));
		struct span name = span_take(&word, span_find(word, '='));
		const struct row *row = find(name, command);
		enum err e;

		if (row == NULL || word.n < 2 ||
		    (said & 1u << (row - rows)) != 0)
			return ERR_SYNTAX;
		said |= 1u << (row - rows);
		e = read_value_of(row, command, span_skip(word, 1), room,
		    &got);
		if (e != ERR_OK)
			return e;
	}
	if (said == 0)
		return ERR_SYNTAX;
	*x = got;
	return ERR_OK;
}

enum err
smtp_xattrs_names(enum smtp_xcommand command, bool has_login, struct buf *to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < COUNT(rows) && e == ERR_OK; i++)
		if (rows[i].read[command] != NULL && !rows[i].is_hidden &&
		    (i != XATTR_LOGIN || has_login))
			e = buf_addf(to, " %s", rows[i].name);
	return e;
}
