/*
 * load.c - many sessions that send one message after another.
 *
 * One thread, epoll.  A session says EHLO once (with -e behind STARTTLS, with
 * -E in TLS from the first octet; with -A NAME:PASSWORD it logs in), then
 * MAIL, RCPT, DATA, content over and over on the same connection, each after
 * the reply to the one before it (or with -p MAIL to DATA in one go).  Ends
 * after -n messages or -t seconds and prints one JSON object; latency is from
 * MAIL to the 250 behind the content.  With -D N recipients are at d0 to dN-1
 * of the domain in turn, with -m N a connection carries so many messages.
 *
 * With -q there is no mail: sessions are what is counted, from the connection
 * to the reply to QUIT.  With -i the sessions only greet and stay until a
 * signal; a line {"idle":N} says that all have.  -o N: so many are being opened
 * at a time.  -x N: from so many addresses.  -r MS: who is refused comes again
 * so much later, and is counted by what it was told.
 */
#include "bench/wire.h"

#include "base/base64.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define REPLY_MAX	8192	/* octets of replies that wait to be read */

enum step {
	STEP_GREETING,
	STEP_EHLO,
	STEP_STARTTLS,
	STEP_AUTH,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_CONTENT,
	STEP_QUIT,
	STEP_IDLE,
	STEP_COUNT
};

struct session {
	struct wire	wire;
	enum step	step;
	bool		is_opening, is_leaving;
	uint64_t	began;		/* of this message, or the session */
	uint64_t	messages;
	size_t		sent;		/* of out */
	struct buf	out;
	size_t		have;
	char		in[REPLY_MAX];
	uint64_t	due;		/* comes again then */
	struct session	*later;
};

struct load {
	const char	*where, *to, *from;
	long		 sessions, messages, least, seconds, size, users, sites;
	long		 opening_max, addresses, mails, pause_ms;
	bool		 is_pipelined, is_idle, is_brief, has_tls, is_implicit;
	SSL_CTX		*tls;
	struct buf	 auth;		/* the line; empty: nobody logs in */
	int		 poll;
	uint64_t	 started, until, last;
	uint64_t	 begun, ok, refused, lost, again, opened;
	uint64_t	 told_421, told_45x;
	size_t		 open, opening, next;	/* of all sessions */
	struct session	*all, *late, **late_end;
	struct buf	 content;
	struct histogram latency;
};

static volatile sig_atomic_t is_over;

static void
on_signal(int signo)
{
	(void)signo;
	is_over = 1;
}

static void
want(const struct load *l, struct session *s, uint32_t events, int op)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->poll, op, s->wire.fd, &e) != 0)
		die("epoll_ctl");
}

static void
must(enum err e)
{
	if (e != ERR_OK)
		die(err_name(e));
}

static void
connection_begin(struct load *l, struct session *s)
{
	s->step = STEP_GREETING;
	s->messages = 0;
	s->have = s->sent = 0;
	s->is_leaving = false;
	buf_cut(&s->out, 0);
	wire_open(&s->wire, l->where, (unsigned long)l->opened++,
	    (unsigned long)l->addresses);
	if (l->is_implicit)
		wire_secure(&s->wire, l->tls);
	if (l->is_brief) {
		s->began = now_us();
		l->begun++;
	}
	/* The first word of TLS is ours. */
	want(l, s, l->is_implicit ? EPOLLIN | EPOLLOUT : EPOLLIN,
	    EPOLL_CTL_ADD);
}

static void
open_more(struct load *l)
{
	while (l->next < (size_t)l->sessions &&
	    l->opening < (size_t)l->opening_max) {
		struct session *s = &l->all[l->next++];

		s->is_opening = true;
		l->opening++;
		l->open++;
		s->out = buf_make(l->content.n + 4096);
		connection_begin(l, s);
	}
}

/* Greeted, or gone: the next one may come. */
static void
opened(struct load *l, struct session *s)
{
	l->opening -= s->is_opening;
	s->is_opening = false;
	open_more(l);
}

static void
drop(struct load *l, struct session *s)
{
	if (s->wire.fd < 0)
		return;
	wire_close(&s->wire);
	l->open--;
	opened(l, s);
}

static bool
is_done(const struct load *l)
{
	return is_over ||
	    (l->until != 0 && l->begun >= (uint64_t)l->least &&
	    now_us() >= l->until) ||
	    (l->messages != 0 && l->begun >= (uint64_t)l->messages);
}

/* Refused, or cut off: once more in a while, if anything is left to do. */
static void
come_later(struct load *l, struct session *s)
{
	if (s->wire.fd < 0)
		return;
	if (l->pause_ms == 0 || is_done(l)) {
		drop(l, s);
		return;
	}
	wire_close(&s->wire);
	s->due = now_us() + (uint64_t)l->pause_ms * 1000;
	s->later = NULL;
	*l->late_end = s;
	l->late_end = &s->later;
}

static void
late_begin(struct load *l)
{
	struct session *s;

	while ((s = l->late) != NULL && (s->due <= now_us() || is_over)) {
		l->late = s->later;
		if (l->late == NULL)
			l->late_end = &l->late;
		if (is_done(l))
			l->open--;
		else
			connection_begin(l, s);
	}
}

static void
lose(struct load *l, struct session *s)
{
	l->lost++;
	come_later(l, s);
}

static void
refuse(struct load *l, struct session *s, int code)
{
	l->refused++;
	l->told_421 += code == 421;
	l->told_45x += code / 10 == 45;
	come_later(l, s);
}

static void
flush(struct load *l, struct session *s)
{
	ssize_t n;

	while (s->sent < s->out.n) {
		n = wire_send(&s->wire, s->out.p + s->sent,
		    s->out.n - s->sent);
		if (n < 0 && errno == EAGAIN) {
			if (wire_wants_room(&s->wire))
				want(l, s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			return;
		}
		if (n <= 0) {
			lose(l, s);
			return;
		}
		s->sent += (size_t)n;
	}
	buf_cut(&s->out, 0);
	s->sent = 0;
}

static void
say_hello(struct session *s)
{
	s->step = STEP_EHLO;
	must(buf_add(&s->out, SPAN("EHLO bench.example.net\r\n")));
}

static void
say_quit(struct session *s)
{
	s->step = STEP_QUIT;
	must(buf_add(&s->out, SPAN("QUIT\r\n")));
}

static void
say_mail(struct load *l, struct session *s)
{
	bool is_enough = l->mails != 0 && s->messages >= (uint64_t)l->mails;

	if (is_enough || is_done(l)) {
		s->is_leaving = is_enough;
		say_quit(s);
		return;
	}
	l->begun++;
	s->began = now_us();
	s->step = STEP_MAIL;
	must(buf_addf(&s->out, "MAIL FROM:<%s>\r\n", l->from));
}

static void
say_rcpt(struct load *l, struct session *s)
{
	unsigned long user = (unsigned long)(l->begun % (uint64_t)l->users);

	unsigned long site = (unsigned long)(l->begun % (uint64_t)l->sites);

	if (l->sites > 1)
		must(buf_addf(&s->out, "RCPT TO:<user%lu@d%lu.%s>\r\n", user,
		    site, l->to));
	else
		must(buf_addf(&s->out, "RCPT TO:<user%lu@%s>\r\n", user,
		    l->to));
}

/* Sent away in good order after some messages: a connection of its own again. */
static void
come_again(struct load *l, struct session *s)
{
	wire_close(&s->wire);
	l->again++;
	connection_begin(l, s);
}

/* Behind EHLO: in TLS or about to be, logged in or about to be. */
static void
greeted(struct load *l, struct session *s)
{
	if (l->has_tls && s->wire.ssl == NULL) {
		s->step = STEP_STARTTLS;
		must(buf_add(&s->out, SPAN("STARTTLS\r\n")));
	} else if (l->auth.n > 0 && s->step != STEP_AUTH) {
		s->step = STEP_AUTH;
		must(buf_add(&s->out, buf_span(&l->auth)));
	} else if (l->is_idle) {
		s->step = STEP_IDLE;
		opened(l, s);
	} else if (l->is_brief) {
		say_quit(s);
	} else {
		opened(l, s);
		say_mail(l, s);
	}
}

/* After the reply to QUIT. */
static void
leave(struct load *l, struct session *s)
{
	if (l->is_brief) {
		l->ok++;
		l->last = now_us();
		histogram_add(&l->latency, l->last - s->began);
	}
	if ((l->is_brief && !is_done(l)) || s->is_leaving)
		come_again(l, s);
	else
		drop(l, s);
}

/* The reply to each step, and what is said next. */
static void
advance(struct load *l, struct session *s, int code)
{
	static const int wanted[STEP_COUNT] = { [STEP_GREETING] = 2,
		[STEP_EHLO] = 2, [STEP_STARTTLS] = 2, [STEP_AUTH] = 2,
		[STEP_MAIL] = 2, [STEP_RCPT] = 2, [STEP_DATA] = 3,
		[STEP_CONTENT] = 2, [STEP_QUIT] = 2 };

	if (code == 421 && s->step == STEP_MAIL && s->messages > 0) {
		l->begun--;
		come_again(l, s);
		return;
	}
	if (s->step == STEP_IDLE || code / 100 != wanted[s->step]) {
		refuse(l, s, code);
		return;
	}
	switch (s->step) {
	case STEP_GREETING:
		say_hello(s);
		break;
	case STEP_STARTTLS:
		wire_secure(&s->wire, l->tls);
		say_hello(s);
		break;
	case STEP_EHLO:
	case STEP_AUTH:
		greeted(l, s);
		break;
	case STEP_MAIL:
		s->step = STEP_RCPT;
		if (!l->is_pipelined)
			say_rcpt(l, s);
		break;
	case STEP_RCPT:
		s->step = STEP_DATA;
		if (!l->is_pipelined)
			must(buf_add(&s->out, SPAN("DATA\r\n")));
		break;
	case STEP_DATA:
		s->step = STEP_CONTENT;
		must(buf_add(&s->out, buf_span(&l->content)));
		break;
	case STEP_CONTENT:
		l->ok++;
		s->messages++;
		l->last = now_us();
		histogram_add(&l->latency, l->last - s->began);
		say_mail(l, s);
		break;
	default:
		leave(l, s);
		return;
	}
	if (l->is_pipelined && s->step == STEP_MAIL) {
		say_rcpt(l, s);
		must(buf_add(&s->out, SPAN("DATA\r\n")));
	}
}

/* Whole lines of what has come; the last one of a reply counts. */
static void
take_replies(struct load *l, struct session *s)
{
	char *line = s->in, *end;

	/* Nothing is left of a session that came again. */
	while (s->wire.fd >= 0 && s->have > 0 &&
	    (end = memchr(line, '\n',
		 s->have - (size_t)(line - s->in))) != NULL) {
		if (end - line >= 4 && line[3] != '-')
			advance(l, s, atoi(line));
		line = end + 1;
	}
	if (s->wire.fd < 0 || s->have == 0)
		return;
	s->have -= (size_t)(line - s->in);
	memmove(s->in, line, s->have);
}

static void
read_replies(struct load *l, struct session *s)
{
	ssize_t n = wire_recv(&s->wire, s->in + s->have,
	    sizeof s->in - s->have);

	if (n < 0 && errno == EAGAIN) {
		/* A handshake may have ended, and the next word is ours. */
		if (s->wire.ssl != NULL)
			flush(l, s);
		return;
	}
	if (n <= 0) {
		if (s->step != STEP_QUIT && s->step != STEP_IDLE)
			lose(l, s);
		else
			drop(l, s);
		return;
	}
	s->have += (size_t)n;
	take_replies(l, s);
	if (s->wire.fd >= 0 && s->out.n > 0)
		flush(l, s);
}

static void
make_content(struct load *l)
{
	static const char line[] = "abcdefghijklmnopqrstuvwxyz0123456789 "
				   "abcdefghijklmnopqrstuvwxyz0123456789\r\n";

	l->content = buf_make((size_t)l->size + 1024);
	must(buf_addf(&l->content,
	    "From: <%s>\r\nTo: <user@%s>\r\n"
	    "Subject: load\r\nMessage-ID: <1@bench.example.net>\r\n"
	    "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\n", l->from,
	    l->to));
	while (l->content.n + sizeof line < (size_t)l->size)
		must(buf_add(&l->content, SPAN(line)));
	must(buf_add(&l->content, SPAN(".\r\n")));
}

/* RFC 4616: nobody's rights but one's own. */
static void
make_auth(struct load *l, const char *who)
{
	struct span all = span_str(who);
	size_t name = span_find(all, ':');
	struct buf plain = buf_make(512);

	must(buf_addc(&plain, 0));
	must(buf_add(&plain, span_take(&all, name)));
	must(buf_addc(&plain, 0));
	must(buf_add(&plain, span_skip(all, 1)));
	l->auth = buf_make(1024);
	must(buf_add(&l->auth, SPAN("AUTH PLAIN ")));
	must(base64_encode(buf_span(&plain), &l->auth));
	must(buf_add(&l->auth, SPAN("\r\n")));
	buf_free(&plain);
}

static void
options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv,
	    "s:n:a:t:l:u:d:D:pieEA:qo:x:m:r:f:")) != -1)
		switch (c) {
		case 's': l->sessions = number(optarg, "-s"); break;
		case 'n': l->messages = number(optarg, "-n"); break;
		case 'a': l->least = number(optarg, "-a"); break;
		case 't': l->seconds = number(optarg, "-t"); break;
		case 'l': l->size = number(optarg, "-l"); break;
		case 'u': l->users = MAX(number(optarg, "-u"), 1); break;
		case 'd': l->to = optarg; break;
		case 'f': l->from = optarg; break;
		case 'D': l->sites = MAX(number(optarg, "-D"), 1); break;
		case 'p': l->is_pipelined = true; break;
		case 'i': l->is_idle = true; break;
		case 'q': l->is_brief = true; break;
		case 'e': l->has_tls = true; break;
		case 'E': l->has_tls = l->is_implicit = true; break;
		case 'A': make_auth(l, optarg); break;
		case 'o': l->opening_max = MAX(number(optarg, "-o"), 1); break;
		case 'x': l->addresses = number(optarg, "-x"); break;
		case 'm': l->mails = number(optarg, "-m"); break;
		case 'r': l->pause_ms = number(optarg, "-r"); break;
		default: optind = argc;
		}
	if (optind + 1 != argc) {
		(void)fprintf(stderr, "usage: bench-load [-s sessions] "
		    "[-n messages] [-t seconds] [-a least] [-l octets] "
		    "[-u users] [-d domain] [-D domains] [-f sender] [-p] "
		    "[-i] [-q] [-e | -E] [-A name:password] [-o opening] "
		    "[-x addresses] [-m mails] [-r ms] [ADDRESS:]PORT\n");
		exit(64);
	}
	l->where = argv[optind];
}

static void
print(const struct load *l)
{
	double s = (double)(l->last - l->started) / 1e6;

	(void)printf("{\"ok\":%llu,\"refused\":%llu,\"told_421\":%llu,"
	    "\"told_45x\":%llu,\"lost\":%llu,\"again\":%llu,"
	    "\"seconds\":%.3f,\"per_s\":%.1f,\"p50_us\":%llu,"
	    "\"p99_us\":%llu,\"max_us\":%llu,\"cpu_s\":%.3f,"
	    "\"started_us\":%llu}\n",
	    (unsigned long long)l->ok, (unsigned long long)l->refused,
	    (unsigned long long)l->told_421, (unsigned long long)l->told_45x,
	    (unsigned long long)l->lost, (unsigned long long)l->again,
	    s, s > 0 ? (double)l->ok / s : 0,
	    (unsigned long long)histogram_at(&l->latency, 0.5),
	    (unsigned long long)histogram_at(&l->latency, 0.99),
	    (unsigned long long)l->latency.greatest, cpu_seconds(),
	    (unsigned long long)l->started);
}

static void
tell_idle(const struct load *l, bool *is_told)
{
	if (*is_told || l->opening > 0 || l->next < (size_t)l->sessions)
		return;
	(void)printf("{\"idle\":%zu}\n", l->open);
	(void)fflush(stdout);
	*is_told = true;
}

static void
serve(struct load *l, struct session *s, uint32_t events)
{
	if (events & EPOLLOUT) {
		want(l, s, EPOLLIN, EPOLL_CTL_MOD);
		/* A word of TLS only, where there is nothing to send yet. */
		if (s->out.n == 0)
			events |= EPOLLIN;
		flush(l, s);
	}
	if (s->wire.fd >= 0 && events & ~(uint32_t)EPOLLOUT)
		read_replies(l, s);
}

int
main(int argc, char **argv)
{
	static struct load l = { .sessions = 10, .size = 10240, .users = 1,
		.sites = 1, .opening_max = 1000000, .from = "bench@example.net",
		.to = "example.org" };
	struct epoll_event events[256];
	bool is_told = false;

	options(&l, argc, argv);
	raise_descriptors();
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGINT, on_signal);
	(void)signal(SIGPIPE, SIG_IGN);
	make_content(&l);
	l.tls = wire_context();
	l.late_end = &l.late;
	l.poll = epoll_create1(0);
	l.all = calloc((size_t)l.sessions, sizeof *l.all);
	if (l.poll < 0 || l.all == NULL)
		die("start");
	l.started = l.last = now_us();
	if (l.seconds > 0)
		l.until = l.started + (uint64_t)l.seconds * 1000000;
	open_more(&l);
	while (l.open > 0 && !(l.is_idle && is_over)) {
		int n = epoll_wait(l.poll, events, COUNT(events),
		    l.late != NULL ? 10 : 1000);

		for (int i = 0; i < n; i++)
			serve(&l, events[i].data.ptr, events[i].events);
		late_begin(&l);
		if (l.is_idle)
			tell_idle(&l, &is_told);
	}
	print(&l);
	return l.lost + l.refused > 0 ? 1 : 0;
}
