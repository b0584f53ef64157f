/*
 * received.c - our own trace field, with others' words made harmless.
 */
#include "mail/received.h"

#include "mail/address.h"
#include "mail/date.h"

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

static enum err
add_client(struct buf *to, struct span client)
{
	bool is_v6 = span_find(client, ':') < client.n;
	bool is_address = is_v6 || span_find(client, ' ') == client.n;
	const struct span words[] = { SPAN(" ("), client, SPAN(")") };
	const struct span literal[] = { is_v6 ? SPAN(" ([IPv6:") :
		SPAN(" (["), client, SPAN("])") };

	if (client.n == 0)
		return ERR_OK;
	return add_all(to, is_address ? literal : words, COUNT(words));
}

static const char *
with(const struct received *r)
{
	/* RFC 3848. */
	static const char *const names[2][2] = { { "ESMTP", "ESMTPA" },
		{ "ESMTPS", "ESMTPSA" } };

	/* HELO behind STARTTLS has no word of its own: ESMTP came before it. */
	return r->is_esmtp || r->tls.n > 0 ?
	    names[r->tls.n > 0][r->is_authenticated] : "SMTP";
}

enum err
received_write(const struct received *r, struct buf *to)
{
	char id[MSG_ID_LETTERS + 1], date[DATE_MAX];
	struct span helo = r->helo.n > 0 ? r->helo : SPAN("unknown");
	enum err e;
	const struct span by[] = { SPAN("\r\n\tby "), r->by,
		SPAN(" (Posthorse)\r\n\twith "), span_str(with(r)),
		SPAN(" id "), span_of(id, MSG_ID_LETTERS) };
	const struct span tls[] = { SPAN("\r\n\t("), r->tls, SPAN(")") };
	const struct span rcpt[] = { SPAN("\r\n\tfor <"), r->only_rcpt,
		SPAN(">") };

	msg_id_print(&r->id, id);
	date_print(r->wall_ms, date);
	if ((e = buf_add(to, SPAN("Received: from "))) != ERR_OK ||
	    (e = add_harmless(to, helo)) != ERR_OK ||
	    (helo.n > 24 && (e = buf_add(to, SPAN("\r\n\t"))) != ERR_OK) ||
	    (e = add_client(to, r->client)) != ERR_OK ||
	    (e = add_all(to, by, COUNT(by))) != ERR_OK ||
	    (r->tls.n > 0 && (e = add_all(to, tls, COUNT(tls))) != ERR_OK) ||
	    (r->only_rcpt.n > 0 &&
		(e = add_all(to, rcpt, COUNT(rcpt))) != ERR_OK))
		return e;
	if ((e = buf_add(to, SPAN(";\r\n\t"))) != ERR_OK ||
	    (e = buf_add(to, span_str(date))) != ERR_OK)
		return e;
	return buf_add(to, SPAN("\r\n"));
}
