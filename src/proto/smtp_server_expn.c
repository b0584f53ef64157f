/*
 * smtp_server_expn.c - EXPN (RFC 5321 3.5, 4.1.1.7): where the mail of an
 * address goes, for administrators of ours and nobody else (RFC 5321 7.3).
 *
 * It may stand inside of a transaction and changes nothing of it.
 */
#include "proto/smtp_server_private.h"

#define SHOWN_MAX	(ADDR_LOCAL_MAX + ADDR_DOMAIN_MAX + 3)
#define LINES_MAX	50u	/* of a list: replies lie in memory */

bool
smtp_server_may_expand(const struct smtp_server *s)
{
	struct span rest = s->policy->administrators;

	if (s->policy->listener != SMTP_SUBMISSION || s->user.n == 0)
		return false;
	while (rest.n > 0) {
		struct span one = span_take(&rest, span_find(rest, ','));

		if (span_eq_nocase(one, buf_span(&s->user)))
			return true;
		rest = span_skip(rest, 1);
	}
	return false;
}

/* An address, with brackets or without; RFC 6531 3.7.4.2: SMTPUTF8 behind it. */
static enum smtp_reply
read_address(struct span in, struct addr *path, bool *is_utf8)
{
	const struct span word = SPAN(" SMTPUTF8");
	bool is_path;
	enum err e;

	*is_utf8 = span_ends_nocase(in, word);
	if (*is_utf8)
		in.n -= word.n;
	in = span_trim(in);
	if (in.n == 0)
		return RE_ARGUMENT;
	is_path = in.p[0] == '<';
	e = is_path ? addr_parse_forward(&in, path) : addr_parse(in, path);
	if (e != ERR_OK || (is_path && in.n > 0))
		return RE_BAD_RCPT;
	return path->is_utf8 && !*is_utf8 ? RE_UTF8_RCPT : RE_NONE;
}

bool
smtp_do_expn(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	struct addr path;
	enum smtp_reply re = !smtp_server_may_expand(s) ? RE_NOT_DONE :
	    read_address(cmd->argument, &path, &s->tx.is_utf8_asked);

	if (re == RE_NONE && smtp_server_asked(s, &path) != ERR_OK)
		re = RE_NO_MEMORY;
	if (re != RE_NONE) {
		smtp_server_refuse(s, re, cmd->argument);
		return false;
	}
	smtp_server_ask(s, SMTP_DO_EXPN, s->tx.asked);
	return true;
}

/* From one octet up to another, and of a length that an address may have. */
static bool
is_within(struct span s, uint8_t low, uint8_t high, size_t most)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < low || s.p[i] > high)
			return false;
	return s.n <= most;
}

/* It comes from another process: nothing but an address gets into a reply. */
static enum smtp_reply
judge_mailbox(struct span domain, struct span key, bool is_utf8)
{
	if (!is_within(key, '!', 0xff, ADDR_LOCAL_MAX) ||
	    !is_within(domain, '!', '~', ADDR_DOMAIN_MAX))
		return RE_BAD_TABLE;
	return is_utf8 || is_within(key, '!', '~', ADDR_LOCAL_MAX) ? RE_EXPN :
	    RE_UTF8_REPLY;
}

static void
say_mailbox(struct smtp_server *s, struct span domain, struct span key)
{
	char text[SHOWN_MAX];
	const struct span parts[] = { SPAN("<"), key, SPAN("@"), domain,
		SPAN(">") };
	size_t n = 0;

	for (size_t i = 0; i < COUNT(parts); i++) {
		memcpy(text + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	smtp_server_reply_with(s, RE_EXPN, span_of(text, n));
}

static bool
may_show(const struct smtp_server *s, struct span address)
{
	return is_within(address, '!', s->tx.is_utf8_asked ? 0xff : '~',
	    ADDR_MAX);
}

/* Each on a line of its own (RFC 5321 3.5.2); of many, the first of them. */
static enum smtp_reply
say_members(struct smtp_server *s)
{
	struct span list = s->members.list;
	struct envelope_recipient r;
	size_t before = s->out.n;
	unsigned int n = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && n < LINES_MAX &&
	    envelope_next(&list, &r) == ERR_OK) {
		if (!may_show(s, r.address)) {
			buf_cut(&s->out, before);
			smtp_server_reply(s, RE_UTF8_REPLY);
			return RE_UTF8_REPLY;
		}
		e = buf_addf(&s->out, "250%c2.1.5 <%.*s>\r\n",
		    ++n == s->members.n ? ' ' : '-', SPAN_FMT(r.address));
	}
	if (e == ERR_OK && n < s->members.n)
		e = buf_addf(&s->out, "250 2.1.5 and %u more\r\n",
		    s->members.n - n);
	if (e == ERR_OK)
		return RE_EXPN;
	buf_cut(&s->out, before);
	smtp_server_reply(s, RE_NO_MEMORY);
	return RE_NO_MEMORY;
}

enum smtp_reply
smtp_server_expn(struct smtp_server *s, enum smtp_route route,
    struct span domain, struct span key)
{
	static const enum smtp_reply by_route[SMTP_ROUTE_COUNT] = {
		[SMTP_ROUTE_UNKNOWN] = RE_NO_USER,
		[SMTP_ROUTE_LOCAL] = RE_EXPN,
		[SMTP_ROUTE_REMOTE] = RE_VRFY,
		[SMTP_ROUTE_ALLOWED] = RE_VRFY,
		[SMTP_ROUTE_TEMPFAIL] = RE_BAD_TABLE,
		[SMTP_ROUTE_NO_MAIL] = RE_NO_MAIL_DOMAIN,
		[SMTP_ROUTE_ALIAS] = RE_EXPN,
		[SMTP_ROUTE_BAD_ALIAS] = RE_BAD_ALIAS,
	};
	enum smtp_reply re = by_route[route];

	ASSERT(s->is_waiting);
	s->is_waiting = false;
	if (route == SMTP_ROUTE_LOCAL)
		re = judge_mailbox(domain, key, s->tx.is_utf8_asked);
	if (route == SMTP_ROUTE_ALIAS)
		re = say_members(s);
	else if (re == RE_EXPN)
		say_mailbox(s, domain, key);
	else
		smtp_server_reply(s, re);
	s->tx.asked = span_of(NULL, 0);
	return re;
}
