/*
 * dsn.c - written from top to bottom; the first failure is kept.
 */
#include "mail/dsn.h"

#include "base/utf8.h"
#include "mail/date.h"
#include "mail/xtext.h"

#include <stdio.h>

#define LINE_SOFT	72u	/* fold at the next space behind it */
#define LINE_HARD	500u	/* fold in the middle of a word */
#define BOUNDARY_MAX	48u
#define BOUNDARIES	1000u	/* tried at most */

struct writer {
	const struct dsn	*d;
	struct buf		*to;
	enum err		 error;
	struct span		 copy;		/* of the original */
	enum dsn_action		 worst;
	bool			 is_8bit;	/* the whole */
	bool			 is_8bit_copy, is_8bit_words;
	bool			 is_full;
	bool			 is_brief;	/* else it did not fit */
	char			 boundary[BOUNDARY_MAX];
};

PRINTF(2, 3)
static void
put(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (w->error == ERR_OK)
		w->error = buf_vaddf(w->to, fmt, ap);
	va_end(ap);
}

static void
put_octet(struct writer *w, uint8_t octet)
{
	if (w->error == ERR_OK)
		w->error = buf_addc(w->to, octet);
}

/* Printable ASCII stays; ends of lines become spaces, all else `?`. */
static uint8_t
plain_octet(uint8_t c)
{
	if (c == '\n' || c == '\r' || c == '\t')
		return ' ';
	return c >= 32 && c <= 126 ? c : '?';
}

/* On one line, for what is short by its own grammar. */
static void
put_plain(struct writer *w, struct span s)
{
	s.n = MIN(s.n, DSN_TEXT_MAX / 2);
	for (size_t i = 0; i < s.n; i++)
		put_octet(w, plain_octet(s.p[i]));
}

static bool
is_beyond_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > 127)
			return true;
	return false;
}

/* Words for people, and To: UTF-8 as it is. */
static void
put_address(struct writer *w, struct span s)
{
	if (!is_beyond_ascii(s) || !utf8_is_clean(s)) {
		put_plain(w, s);
		return;
	}
	for (size_t i = 0; i < s.n; i++)
		put_octet(w, s.p[i]);
}

/* RFC 6533 section 3: what is beyond ASCII as \x{HEX}, `\` and `+` as well. */
static void
put_utf8_xtext(struct writer *w, struct span s)
{
	while (s.n > 0) {
		uint32_t point = s.p[0];
		size_t n = point < 0x80 ? 1 : utf8_take(s, &point);

		if (n == 0 || (n > 1 && utf8_is_hidden(point)))
			put(w, "?");
		else if (n > 1 || point == '\\' || point == '+' || point == '=')
			put(w, "\\x{%02X}", point);
		else
			put_octet(w, plain_octet((uint8_t)point));
		s = span_skip(s, MAX(n, (size_t)1));
	}
}

/* "rfc822; user@example.net" */
static void
put_typed(struct writer *w, struct span address)
{
	if (is_beyond_ascii(address)) {
		put(w, "utf-8; ");
		put_utf8_xtext(w, address);
	} else {
		put(w, "rfc822; ");
		put_plain(w, address);
	}
}

/* What was said in xtext (RFC 3461 6.3), or nothing. */
static void
put_decoded(struct writer *w, struct span xtext)
{
	uint8_t text[DSN_TEXT_MAX / 2];
	size_t n;

	if (xtext_decode(xtext, text, sizeof text, &n))
		put_plain(w, span_of(text, n));
}

/* A stranger's words; `at` columns are used, lines go on behind `indent`. */
static void
put_folded(struct writer *w, size_t at, const char *indent, struct span s)
{
	bool has_word = false;	/* an empty line would end a field */

	s = span_trim(span_of(s.p, MIN(s.n, DSN_TEXT_MAX)));
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = plain_octet(s.p[i]);

		if (has_word && ((c == ' ' && at >= LINE_SOFT) ||
		    at >= LINE_HARD)) {
			put(w, "\r\n%s", indent);
			at = strlen(indent);
			has_word = false;
		}
		if (c == ' ' && !has_word)
			continue;
		has_word = has_word || c != ' ';
		put_octet(w, c);
		at++;
	}
}

static bool
is_status(struct span s, char class)
{
	size_t ndots = 0, ndigits = 0;

	if (s.n < 5 || s.n > 9 || s.p[0] != class || s.p[1] != '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			ndots++;
			ndigits = 0;
		} else if (!ascii_is_digit(s.p[i]) || ++ndigits > 3)
			return false;
		if (s.p[i] == '.' && s.p[i - 1] == '.')
			return false;
	}
	return ndots == 2 && ndigits > 0;
}

static const struct {
	char		 class;
	const char	*action, *subject, *words;
} actions[] = {
	[DSN_FAILED] = { '5', "failed", "Undelivered mail",
	    "Your message could not be delivered to the recipients below.\r\n"
	    "It will not be tried again.\r\n" },
	[DSN_DELAYED] = { '4', "delayed", "Mail is delayed",
	    "Your message could not be delivered yet to the recipients\r\n"
	    "below. There is nothing to do: it will be tried again.\r\n" },
	[DSN_RELAYED] = { '2', "relayed", "Mail was passed on",
	    "Your message for the recipients below went to a server that\r\n"
	    "does not report what becomes of it.\r\n" },
	[DSN_DELIVERED] = { '2', "delivered", "Mail was delivered",
	    "Your message is in the mailboxes of the recipients below.\r\n" },
};
_Static_assert(COUNT(actions) == DSN_ACTION_COUNT, "every action has words");

static void
put_status(struct writer *w, const struct dsn_recipient *r)
{
	char class = actions[r->action].class;

	if (is_status(r->status, class))
		put_plain(w, r->status);
	else
		put(w, "%c.0.0", class);
}

static void
put_head(struct writer *w)
{
	const struct dsn *d = w->d;
	char date[DATE_MAX], id[MSG_ID_LETTERS + 1];

	date_print(d->now_ms, date);
	msg_id_print(&d->id, id);
	put(w, "From: Mail Delivery System <");
	if (d->from.n > 0)
		put_plain(w, d->from);
	else {
		put(w, "MAILER-DAEMON@");
		put_plain(w, d->hostname);
	}
	put(w, ">\r\nTo: <");
	put_address(w, d->reverse_path);
	put(w, ">\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@",
	    actions[w->worst].subject, date, id);
	put_plain(w, d->hostname);
	put(w, ">\r\n");
	if (d->is_tls_optional)
		put(w, "TLS-Required: No\r\n");
	/* RFC 3834 section 5: nobody should answer this by machine. */
	put(w, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n", w->boundary);
	put(w, "Content-Transfer-Encoding: %s\r\n\r\n"
	    "This is a report in several parts (RFC 3464).\r\n",
	    w->is_8bit ? "8bit" : "7bit");
}

static void
put_part(struct writer *w, const char *type, bool is_8bit)
{
	put(w, "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n", w->boundary, type,
	    is_8bit ? "8bit" : "7bit");
}

static void
put_recipient_words(struct writer *w, const struct dsn_recipient *r)
{
	put(w, "<");
	put_address(w, r->address);
	put(w, ">\r\n");
	if (w->is_brief)
		return;
	put(w, "    ");
	if (r->remote.n > 0 && r->code > 0) {
		put_plain(w, r->remote);
		put(w, " said %u:\r\n    ", r->code);
	}
	put_folded(w, 4, "    ", r->text);
	put(w, "\r\n\r\n");
}

/* Those of one kind, below what there is to say of them. */
static void
put_action_words(struct writer *w, enum dsn_action action)
{
	const struct dsn *d = w->d;
	bool is_said = false;

	for (size_t i = 0; i < d->nrecipients; i++) {
		if (d->recipients[i].action != action)
			continue;
		if (!is_said)
			put(w, "%s\r\n", actions[action].words);
		is_said = true;
		put_recipient_words(w, &d->recipients[i]);
	}
}

static void
put_words(struct writer *w)
{
	const struct dsn *d = w->d;
	char id[MSG_ID_LETTERS + 1];

	msg_id_print(&d->original_id, id);
	put_part(w, w->is_8bit_words ? "text/plain; charset=utf-8" :
	    "text/plain; charset=us-ascii", w->is_8bit_words);
	put(w, "This is the mail server ");
	put_plain(w, d->hostname);
	put(w, ".\r\n\r\n");
	for (unsigned int i = 0; i < DSN_ACTION_COUNT; i++)
		put_action_words(w, (enum dsn_action)i);
	put(w, "For the postmaster: the message was %s here.\r\n", id);
}

/* "dns; mx.example.net": the address behind the name is no part of it. */
static void
put_remote(struct writer *w, struct span remote)
{
	struct span name = span_of(remote.p, span_find(remote, ' '));

	if (name.n == 0)
		return;
	put(w, "Remote-MTA: dns; ");
	put_plain(w, name);
	put(w, "\r\n");
}

static void
put_diagnostic(struct writer *w, const struct dsn_recipient *r)
{
	if (r->code > 0) {
		put(w, "Diagnostic-Code: smtp; %u ", r->code);
		put_folded(w, 28, "\t", r->text);
	} else if (r->text.n > 0) {
		put(w, "Diagnostic-Code: x-posthorse; ");
		put_folded(w, 30, "\t", r->text);
	} else
		return;
	put(w, "\r\n");
}

/* RFC 3464 2.3.1: the type as it was said, the address decoded. */
static void
put_original_recipient(struct writer *w, struct span orcpt)
{
	struct span rest = orcpt, type = span_take(&rest, span_find(rest, ';'));

	if (rest.n < 2)
		return;
	put(w, "Original-Recipient: ");
	put_plain(w, type);
	put(w, "; ");
	rest = span_skip(rest, 1);
	if (is_beyond_ascii(rest))
		put_utf8_xtext(w, rest);
	else
		put_decoded(w, rest);
	put(w, "\r\n");
}

static void
put_recipient_status(struct writer *w, const struct dsn_recipient *r)
{
	put(w, "\r\n");
	if (!w->is_brief)
		put_original_recipient(w, r->orcpt);
	put(w, "Final-Recipient: ");
	put_typed(w, r->address);
	put(w, "\r\nAction: %s\r\nStatus: ", actions[r->action].action);
	put_status(w, r);
	put(w, "\r\n");
	if (w->is_brief)
		return;
	put_remote(w, r->remote);
	put_diagnostic(w, r);
}

static void
put_status_part(struct writer *w)
{
	char date[DATE_MAX];

	date_print(w->d->arrived_ms, date);
	put_part(w, "message/delivery-status", false);
	if (w->d->envid.n > 0) {
		put(w, "Original-Envelope-Id: ");
		put_decoded(w, w->d->envid);
		put(w, "\r\n");
	}
	put(w, "Reporting-MTA: dns; ");
	put_plain(w, w->d->hostname);
	put(w, "\r\nArrival-Date: %s\r\n", date);
	/* RFC 2852 section 5: before other fields that were added. */
	if (w->d->by_ms > 0) {
		date_print(w->d->by_ms, date);
		put(w, "Deliver-By-Date: %s\r\n", date);
	}
	if (w->d->hold_ms > 0) {
		/* RFC 4865 5.1.2 */
		date_print_utc(w->d->hold_ms, date);
		put(w, "Future-Release-Request: until;%s\r\n", date);
	}
	for (size_t i = 0; i < w->d->nrecipients; i++)
		put_recipient_status(w, &w->d->recipients[i]);
}

/* Whole lines with CRLF, whatever is in them. */
static void
put_copy(struct writer *w)
{
	struct span rest = w->copy;

	while (rest.n > 0 && w->error == ERR_OK) {
		struct span line = span_take(&rest, span_find(rest, '\n'));

		rest = span_skip(rest, 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		for (size_t i = 0; i < line.n; i++) {
			uint8_t c = line.p[i];

			put_octet(w, c == '\r' || c == '\0' ? '?' : c);
		}
		put(w, "\r\n");
	}
}

/* Of the header, whole lines within the limit; the empty line is left out. */
static struct span
header_of(struct span content, size_t limit)
{
	struct span rest = content;
	size_t n = 0;

	while (rest.n > 0) {
		size_t line = span_find(rest, '\n') + 1;

		if (line > rest.n || n + line > limit || rest.p[0] == '\n' ||
		    (rest.n > 1 && rest.p[0] == '\r' && rest.p[1] == '\n'))
			break;
		n += line;
		rest = span_skip(rest, line);
	}
	return span_of(content.p, n);
}

static void
choose_copy(struct writer *w)
{
	const struct dsn *d = w->d;
	size_t limit = d->original_max == 0 ? DSN_ORIGINAL_MAX :
	    d->original_max;

	w->is_full = d->is_full && d->original.n <= limit;
	w->copy = w->is_full ? d->original : header_of(d->original, limit);
	w->is_8bit_copy = is_beyond_ascii(w->copy);
	w->is_8bit = w->is_8bit_copy || is_beyond_ascii(d->reverse_path);
}

static void
look_at_recipients(struct writer *w)
{
	w->worst = DSN_DELIVERED;
	for (size_t i = 0; i < w->d->nrecipients; i++) {
		const struct dsn_recipient *r = &w->d->recipients[i];

		ASSERT(r->action < DSN_ACTION_COUNT);
		w->worst = MIN(w->worst, r->action);
		w->is_8bit_words = w->is_8bit_words ||
		    is_beyond_ascii(r->address);
	}
	w->is_8bit = w->is_8bit || w->is_8bit_words;
}

static bool
is_used(const struct writer *w, struct span boundary)
{
	for (size_t i = 0; i < w->d->nrecipients; i++)
		if (span_find_span(w->d->recipients[i].text, boundary) <
		    w->d->recipients[i].text.n)
			return true;
	return span_find_span(w->copy, boundary) < w->copy.n;
}

/*
 * The id is random and younger than the original, so the first one does; that
 * it does is looked at all the same.
 */
static bool
choose_boundary(struct writer *w)
{
	char id[MSG_ID_LETTERS + 1];

	msg_id_print(&w->d->id, id);
	for (unsigned int i = 0; i < BOUNDARIES; i++) {
		/* "=_" stands in no quoted-printable text. */
		(void)snprintf(w->boundary, sizeof w->boundary, "=_%s_%u_", id,
		    i);
		if (!is_used(w, span_str(w->boundary)))
			return true;
	}
	return false;
}

static void
put_report(struct writer *w)
{
	put_head(w);
	put_words(w);
	put_status_part(w);
	put_part(w, w->is_full ? "message/rfc822" : "text/rfc822-headers",
	    w->is_8bit_copy);
	put_copy(w);
	put(w, "\r\n--%s--\r\n", w->boundary);
}

static void
make_brief(struct writer *w)
{
	w->is_brief = true;
	w->is_full = w->is_8bit_copy = false;
	w->copy.n = 0;
	w->error = ERR_OK;
}

enum err
dsn_write(const struct dsn *d, struct buf *to)
{
	struct writer w = { .d = d, .to = to };
	size_t before = to->n;

	ASSERT(d->reverse_path.n > 0);
	ASSERT(d->nrecipients > 0 && d->nrecipients <= DSN_RECIPIENTS_MAX);
	choose_copy(&w);
	look_at_recipients(&w);
	if (!choose_boundary(&w))
		return ERR_CORRUPT;
	put_report(&w);
	if (w.error == ERR_FULL) {
		buf_cut(to, before);
		make_brief(&w);
		put_report(&w);
	}
	if (w.error != ERR_OK)
		buf_cut(to, before);
	return w.error;
}
