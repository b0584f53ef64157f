/*
 * dsn.c - written from top to bottom; the first failure is kept.
 */
#include "mail/dsn.h"
#include "mail/date.h"

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
	bool			 is_8bit;
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

static void
put_status(struct writer *w, const struct dsn_recipient *r)
{
	char class = w->d->action == DSN_FAILED ? '5' : '4';

	if (is_status(r->status, class))
		put_plain(w, r->status);
	else
		put(w, "%c.0.0", class);
}

static const struct {
	const char *action, *subject, *words;
} actions[] = {
	[DSN_FAILED] = { "failed", "Undelivered mail",
	    "Your message could not be delivered to the recipients below.\r\n"
	    "It will not be tried again.\r\n" },
	[DSN_DELAYED] = { "delayed", "Mail is delayed",
	    "Your message could not be delivered yet to the recipients\r\n"
	    "below. There is nothing to do: it will be tried again.\r\n" },
};
_Static_assert(COUNT(actions) == DSN_ACTION_COUNT, "every action has words");

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
	put_plain(w, d->reverse_path);
	put(w, ">\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@",
	    actions[d->action].subject, date, id);
	put_plain(w, d->hostname);
	/* RFC 3834 section 5: nobody should answer this by machine. */
	put(w, ">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
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
put_words(struct writer *w)
{
	const struct dsn *d = w->d;
	char id[MSG_ID_LETTERS + 1];

	msg_id_print(&d->original_id, id);
	put_part(w, "text/plain; charset=us-ascii", false);
	put(w, "This is the mail server ");
	put_plain(w, d->hostname);
	put(w, ".\r\n\r\n%s\r\n", actions[d->action].words);
	for (size_t i = 0; i < d->nrecipients; i++) {
		const struct dsn_recipient *r = &d->recipients[i];

		put(w, "<");
		put_plain(w, r->address);
		put(w, ">\r\n    ");
		if (r->remote.n > 0 && r->code > 0) {
			put_plain(w, r->remote);
			put(w, " said %u:\r\n    ", r->code);
		}
		put_folded(w, 4, "    ", r->text);
		put(w, "\r\n\r\n");
	}
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
put_recipient_status(struct writer *w, const struct dsn_recipient *r)
{
	put(w, "\r\nFinal-Recipient: rfc822; ");
	put_plain(w, r->address);
	put(w, "\r\nAction: %s\r\nStatus: ", actions[w->d->action].action);
	put_status(w, r);
	put(w, "\r\n");
	put_remote(w, r->remote);
	if (r->code > 0) {
		put(w, "Diagnostic-Code: smtp; %u ", r->code);
		put_folded(w, 28, "\t", r->text);
	} else {
		put(w, "Diagnostic-Code: x-posthorse; ");
		put_folded(w, 30, "\t", r->text);
	}
	put(w, "\r\n");
}

static void
put_status_part(struct writer *w)
{
	char date[DATE_MAX];

	date_print(w->d->arrived_ms, date);
	put_part(w, "message/delivery-status", false);
	put(w, "Reporting-MTA: dns; ");
	put_plain(w, w->d->hostname);
	put(w, "\r\nArrival-Date: %s\r\n", date);
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

	w->copy = header_of(d->original, limit);
	for (size_t i = 0; i < w->copy.n; i++)
		w->is_8bit = w->is_8bit || w->copy.p[i] > 127;
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

enum err
dsn_write(const struct dsn *d, struct buf *to)
{
	struct writer w = { .d = d, .to = to };
	size_t before = to->n;

	ASSERT(d->reverse_path.n > 0);
	ASSERT(d->nrecipients > 0 && d->nrecipients <= DSN_RECIPIENTS_MAX);
	ASSERT(d->action < DSN_ACTION_COUNT);
	choose_copy(&w);
	if (!choose_boundary(&w))
		return ERR_CORRUPT;
	put_head(&w);
	put_words(&w);
	put_status_part(&w);
	put_part(&w, "text/rfc822-headers", w.is_8bit);
	put_copy(&w);
	put(&w, "\r\n--%s--\r\n", w.boundary);
	if (w.error != ERR_OK)
		buf_cut(to, before);
	return w.error;
}
