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

static enum err
add_client(struct buf *to, struct span client)
{
	bool is_v6 = span_find(client, ':') < client.n;
	bool is_address = is_v6 || span_find(client, ' ') == client.n;

	if (client.n == 0)
		return ERR_OK;
	if (!is_address)
		return buf_addf(to, " (%.*s)", SPAN_FMT(client));
	return buf_addf(to, " ([%s%.*s])", is_v6 ? "IPv6:" : "",
	    SPAN_FMT(client));
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

	msg_id_print(&r->id, id);
	date_print(r->wall_ms, date);
	if ((e = buf_add(to, SPAN("Received: from "))) != ERR_OK ||
	    (e = add_harmless(to, helo)) != ERR_OK ||
	    (helo.n > 24 && (e = buf_add(to, SPAN("\r\n\t"))) != ERR_OK) ||
	    (e = add_client(to, r->client)) != ERR_OK ||
	    (e = buf_addf(to, "\r\n\tby %.*s (Posthorse)\r\n\twith %s id %s",
		SPAN_FMT(r->by), with(r), id)) != ERR_OK)
		return e;
	if (r->tls.n > 0 && (e = buf_addf(to, "\r\n\t(%.*s)",
		SPAN_FMT(r->tls))) != ERR_OK)
		return e;
	if (r->only_rcpt.n > 0 && (e = buf_addf(to, "\r\n\tfor <%.*s>",
		SPAN_FMT(r->only_rcpt))) != ERR_OK)
		return e;
	return buf_addf(to, ";\r\n\t%s\r\n", date);
}
