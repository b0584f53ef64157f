/*
 * received.c - our own trace field, with others' words made harmless.
 */
#include "mail/received.h"

#include "mail/address.h"
#include "mail/date.h"

#include <stdio.h>

#define HELO_SHOWN_MAX	255u

/* The words of a stranger: what could matter in a field or comment is `?`. */
static enum err
add_harmless(struct buf *to, struct span s)
{
	enum err e = ERR_OK;

	s.n = MIN(s.n, (size_t)HELO_SHOWN_MAX);
	for (size_t i = 0; i < s.n && e == ERR_OK; i++) {
		uint8_t c = s.p[i];
		bool is_plain = ascii_is_alpha(c) || ascii_is_digit(c) ||
		    (c != 0 && strchr("-._:[]", c) != NULL);

		e = buf_addc(to, is_plain ? c : '?');
	}
	return e;
}

/* One per message: no format string is interpreted. */
static enum err
add_all(struct buf *to, const struct span *parts, size_t n)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = buf_add(to, parts[i]);
	return e;
}

/* RFC 5321 4.4: TCP-info is an address literal, a name may stand before it. */
static enum err
add_client(struct buf *to, struct span client, struct span name)
{
	bool is_v6 = span_find(client, ':') < client.n;
	bool is_address = is_v6 || span_find(client, '.') < client.n;
	const struct span words[] = { client, SPAN(")") };
	const struct span literal[] = { is_v6 ? SPAN("[IPv6:") : SPAN("["),
		client, SPAN("])") };
	enum err e;

	if (client.n == 0)
		return ERR_OK;
	e = buf_add(to, SPAN(" ("));
	if (e == ERR_OK)
		e = add_harmless(to, name);
	if (e == ERR_OK && name.n > 0)
		e = buf_add(to, name.n > 24 ? SPAN("\r\n\t ") : SPAN(" "));
	if (e != ERR_OK)
		return e;
	return is_address ? add_all(to, literal, COUNT(literal)) :
	    add_all(to, words, COUNT(words));
}

/* RFC 3848, RFC 6531 4.3: "ESMTPSA", "UTF8LMTP" ... */
static struct span
with(const struct received *r, char to[16])
{
	/* HELO behind STARTTLS has no word of its own: ESMTP came before it. */
	bool has_more = r->is_esmtp || r->tls.n > 0;
	const char *name = r->is_lmtp ? "LMTP" : r->is_utf8 ? "SMTP" :
	    has_more ? "ESMTP" : "SMTP";
	int n = snprintf(to, 16, "%s%s%s%s", r->is_utf8 ? "UTF8" : "", name,
	    has_more && r->tls.n > 0 ? "S" : "",
	    has_more && r->is_authenticated ? "A" : "");

	return span_of(to, (size_t)n);
}

/* RFC 6710 section 7: one of the Additional-Registered-Clauses. */
static enum err
add_priority(struct buf *to, int8_t priority)
{
	return priority == 0 ? ERR_OK : buf_addf(to, " PRIORITY %d", priority);
}

enum err
received_write(const struct received *r, struct buf *to)
{
	char id[MSG_ID_LETTERS + 1], date[DATE_MAX], protocol[16];
	struct span helo = r->helo.n > 0 ? r->helo : SPAN("unknown");
	enum err e;
	const struct span by[] = { SPAN("\r\n\tby "), r->by,
		SPAN(" (Posthorse)\r\n\twith "), with(r, protocol),
		SPAN(" id "), span_of(id, MSG_ID_LETTERS) };
	const struct span tls[] = { SPAN("\r\n\t("), r->tls, SPAN(")") };
	const struct span rcpt[] = { SPAN("\r\n\tfor <"), r->only_rcpt,
		SPAN(">") };

	msg_id_print(&r->id, id);
	date_print(r->wall_ms, date);
	if ((e = buf_add(to, SPAN("Received: from "))) != ERR_OK ||
	    (e = add_harmless(to, helo)) != ERR_OK ||
	    (helo.n + r->name.n > 24 && (e = buf_add(to, SPAN("\r\n\t"))) != ERR_OK) ||
	    (e = add_client(to, r->client, r->name)) != ERR_OK ||
	    (e = add_all(to, by, COUNT(by))) != ERR_OK ||
	    (r->tls.n > 0 && (e = add_all(to, tls, COUNT(tls))) != ERR_OK) ||
	    (r->only_rcpt.n > 0 &&
		(e = add_all(to, rcpt, COUNT(rcpt))) != ERR_OK) ||
	    (e = add_priority(to, r->priority)) != ERR_OK)
		return e;
	if ((e = buf_add(to, SPAN(";\r\n\t"))) != ERR_OK ||
	    (e = buf_add(to, span_str(date))) != ERR_OK)
		return e;
	return buf_add(to, SPAN("\r\n"));
}
