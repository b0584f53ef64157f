#include "cli/send_dialogue.h"
#include "mail/header.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define LINE_MAX_OCTETS	2048u	/* of a reply (section 19) */
#define LINES_MAX	100u
#define PIECE		16384u	/* content stuffed at a time */

struct dialogue {
	int		 fd;
	struct buf	 in;
	unsigned int	 code;		/* of the last reply; 0: none came */
	bool		 has_8bitmime, has_utf8;
	char		*said;
	size_t		 room;
};

static bool
send_all(struct dialogue *d, struct span s)
{
	while (s.n > 0) {
		ssize_t n = send(d->fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = span_skip(s, (size_t)n);
	}
	return true;
}

/* One line without its end, in d->in; the caller drops it. */
static bool
read_line(struct dialogue *d, size_t *n)
{
	while ((*n = span_find(buf_span(&d->in), '\n')) == d->in.n) {
		ssize_t got;

		if (buf_room(&d->in, 1) != ERR_OK)
			return false;
		got = read(d->fd, buf_end(&d->in), d->in.room - d->in.n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		buf_grew(&d->in, (size_t)got);
	}
	return true;
}

static bool
line_code(struct span line, unsigned int *code)
{
	uint64_t number;

	if (line.n < 3 || span_u64(span_of(line.p, 3), 599, &number) !=
	    ERR_OK || number < 200)
		return false;
	*code = (unsigned int)number;
	return true;
}

static void
keep_words(struct dialogue *d, struct span line)
{
	bool is_cut;
	size_t n = log_escape(span_trim(span_skip(line, MIN(line.n,
	    (size_t)4))), d->said, d->room - 1, &is_cut);

	d->said[n] = '\0';
}

/* A whole reply: lines of one code, the last with a space behind it. */
static bool
read_reply(struct dialogue *d)
{
	unsigned int code = 0, first = 0;

	d->code = 0;
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		struct span line;
		bool is_last;
		size_t n;

		if (!read_line(d, &n))
			return false;
		line = span_of(d->in.p, n);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!line_code(line, &code) || (i > 0 && code != first))
			return false;
		first = code;
		is_last = line.n == 3 || line.p[3] == ' ';
		d->has_8bitmime |= line.n > 4 &&
		    span_eq_nocase(span_skip(line, 4), SPAN("8BITMIME"));
		d->has_utf8 |= line.n > 4 &&
		    span_eq_nocase(span_skip(line, 4), SPAN("SMTPUTF8"));
		keep_words(d, line);
		buf_drop(&d->in, n + 1);
		if (is_last) {
			d->code = code;
			return true;
		}
	}
	return false;
}

static bool
command(struct dialogue *d, const char *verb, struct span argument,
    const char *tail)
{
	struct buf line = buf_make(LINE_MAX_OCTETS);
	bool is_sent = buf_add(&line, span_str(verb)) == ERR_OK &&
	    buf_add(&line, argument) == ERR_OK &&
	    buf_add(&line, span_str(tail)) == ERR_OK &&
	    buf_add(&line, SPAN("\r\n")) == ERR_OK &&
	    send_all(d, buf_span(&line));

	buf_free(&line);
	return is_sent && read_reply(d);
}

/* RFC 5321 4.5.2: a dot in front of each line that begins with one. */
static bool
send_content(struct dialogue *d, struct span content)
{
	struct buf out = buf_make(2u * PIECE);
	bool is_good = true;

	while (content.n > 0 && is_good) {
		struct span line = span_take(&content,
		    MIN(span_find(content, '\n') + 1, content.n));

		if (line.p[0] == '.')
			is_good = buf_addc(&out, '.') == ERR_OK;
		if (is_good && line.n < PIECE) {
			is_good = buf_add(&out, line) == ERR_OK;
		} else if (is_good) {
			is_good = send_all(d, buf_span(&out)) &&
			    send_all(d, line);
			buf_cut(&out, 0);
		}
		if (is_good && out.n >= PIECE) {
			is_good = send_all(d, buf_span(&out));
			buf_cut(&out, 0);
		}
	}
	is_good = is_good && buf_add(&out, SPAN(".\r\n")) == ERR_OK &&
	    send_all(d, buf_span(&out));
	buf_free(&out);
	return is_good && read_reply(d);
}

/* The status for a reply that is not the one we hoped for. */
static int
refused(const struct dialogue *d, int permanent)
{
	return d->code >= 500 ? permanent : EX_TEMPFAIL;
}

static int
recipients(struct dialogue *d, struct span list)
{
	while (list.n > 0) {
		struct span one = span_take(&list, span_find(list, '\0'));

		list = span_skip(list, 1);
		if (!command(d, "RCPT TO:<", one, ">") || d->code / 100 != 2)
			return refused(d, EX_NOUSER);
	}
	return EX_OK;
}

static bool
has_8bit(struct span content)
{
	for (size_t i = 0; i < content.n; i++)
		if (content.p[i] > 127)
			return true;
	return false;
}

/* RFC 6531 3.4: UTF-8 in the header, or in an address. */
static bool
needs_utf8(const struct send_message *m)
{
	struct span rest = m->content;
	struct header_event ev;
	struct header h;

	header_begin(&h);
	do
		ev = header_next(&h, &rest);
	while (ev.kind != HEADER_MORE && ev.kind != HEADER_END);
	while (ev.kind != HEADER_END)
		ev = header_end(&h);
	return has_8bit(span_of(m->content.p, (size_t)h.size)) ||
	    has_8bit(m->reverse_path) || has_8bit(m->recipients);
}

static int
dialogue(struct dialogue *d, const struct send_message *m)
{
	static const char *const tails[2][2] = {
		{ ">", "> SMTPUTF8" },
		{ "> BODY=8BITMIME", "> BODY=8BITMIME SMTPUTF8" },
	};
	bool is_8bit, is_utf8;
	int status;

	if (!read_reply(d) || d->code != 220 ||
	    !command(d, "EHLO ", m->hostname, "") || d->code != 250)
		return refused(d, EX_UNAVAILABLE);
	is_8bit = d->has_8bitmime && has_8bit(m->content);
	is_utf8 = d->has_utf8 && needs_utf8(m);
	if (!command(d, "MAIL FROM:<", m->reverse_path,
	    tails[is_8bit][is_utf8]) || d->code != 250)
		return refused(d, EX_UNAVAILABLE);
	status = recipients(d, m->recipients);
	if (status != EX_OK)
		return status;
	if (!command(d, "DATA", (struct span){ 0 }, "") || d->code != 354)
		return refused(d, EX_UNAVAILABLE);
	if (!send_content(d, m->content) || d->code != 250)
		return refused(d, EX_UNAVAILABLE);
	/* The message is taken: whatever QUIT brings changes nothing. */
	(void)send_all(d, SPAN("QUIT\r\n"));
	return EX_OK;
}

int
send_dialogue(int fd, const struct send_message *m, char *said, size_t room)
{
	struct dialogue d = { .fd = fd, .in = buf_make(LINE_MAX_OCTETS),
		.said = said, .room = room };
	int status;

	(void)snprintf(said, room, "the server has gone");
	status = dialogue(&d, m);
	buf_free(&d.in);
	return status;
}
