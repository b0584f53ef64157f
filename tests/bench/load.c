/*
 * load.c - many sessions that send one message after another.
 *
 * One thread, epoll.  A session says EHLO once, then MAIL, RCPT, DATA, content
 * over and over on the same connection, each after the reply to the one
 * before it (or with -p MAIL to DATA in one go).  Ends after -n messages or -t
 * seconds and prints one JSON object; latency is from MAIL to the 250 behind
 * the content.  With -i the sessions only greet and stay until a signal.  With
 * -D N recipients are at d0 to dN-1 of the domain in turn.
 */
#include "bench/net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX	8192	/* octets of replies that wait to be read */

enum step {
	STEP_GREETING,
	STEP_EHLO,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_CONTENT,
	STEP_QUIT,
	STEP_IDLE,
	STEP_COUNT
};

struct session {
	int		fd;
	enum step	step;
	uint64_t	began;		/* of this message */
	uint64_t	messages;
	size_t		sent;		/* of out */
	struct buf	out;
	size_t		have;
	char		in[REPLY_MAX];
};

struct load {
	const char	*where, *to;
	long		 sessions, messages, least, seconds, size, users, sites;
	bool		 is_pipelined, is_idle;
	int		 poll;
	uint64_t	 started, until, first, last;
	uint64_t	 begun, ok, refused, lost, again;
	size_t		 open;
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

	if (epoll_ctl(l->poll, op, s->fd, &e) != 0)
		die("epoll_ctl");
}

static void
drop(struct load *l, struct session *s, bool is_lost)
{
	if (s->fd < 0)
		return;
	(void)close(s->fd);
	s->fd = -1;
	l->open--;
	l->lost += is_lost;
}

static void
flush(struct load *l, struct session *s)
{
	ssize_t n;

	while (s->sent < s->out.n) {
		n = send(s->fd, s->out.p + s->sent, s->out.n - s->sent,
		    MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			want(l, s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			return;
		}
		if (n <= 0) {
			drop(l, s, true);
			return;
		}
		s->sent += (size_t)n;
	}
	buf_cut(&s->out, 0);
	s->sent = 0;
}

static void
must(enum err e)
{
	if (e != ERR_OK)
		die(err_name(e));
}

static void
say_mail(struct load *l, struct session *s)
{
	bool is_done = is_over ||
	    (l->until != 0 && l->begun >= (uint64_t)l->least &&
	    now_us() >= l->until) ||
	    (l->messages != 0 && l->begun >= (uint64_t)l->messages);

	if (is_done) {
		s->step = STEP_QUIT;
		must(buf_add(&s->out, SPAN("QUIT\r\n")));
		return;
	}
	l->begun++;
	s->began = now_us();
	s->step = STEP_MAIL;
	must(buf_add(&s->out, SPAN("MAIL FROM:<bench@example.net>\r\n")));
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
	(void)close(s->fd);
	l->begun--;
	l->again++;
	s->step = STEP_GREETING;
	s->messages = 0;
	s->have = s->sent = 0;
	buf_cut(&s->out, 0);
	s->fd = connect_to(l->where);
	want(l, s, EPOLLIN, EPOLL_CTL_ADD);
}

/* The reply to each step, and what is said next. */
static void
advance(struct load *l, struct session *s, int code)
{
	static const int wanted[STEP_COUNT] = { [STEP_GREETING] = 2,
		[STEP_EHLO] = 2, [STEP_MAIL] = 2, [STEP_RCPT] = 2,
		[STEP_DATA] = 3, [STEP_CONTENT] = 2, [STEP_QUIT] = 2 };

	if (code == 421 && s->step == STEP_MAIL && s->messages > 0) {
		come_again(l, s);
		return;
	}
	if (s->step == STEP_IDLE || code / 100 != wanted[s->step]) {
		l->refused++;
		drop(l, s, false);
		return;
	}
	switch (s->step) {
	case STEP_GREETING:
		s->step = STEP_EHLO;
		must(buf_add(&s->out, SPAN("EHLO bench.example.net\r\n")));
		break;
	case STEP_EHLO:
		if (l->is_idle) {
			s->step = STEP_IDLE;
			return;
		}
		say_mail(l, s);
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
		drop(l, s, false);
		return;
	}
	if (l->is_pipelined && s->step == STEP_MAIL) {
		say_rcpt(l, s);
		must(buf_add(&s->out, SPAN("DATA\r\n")));
	}
}

static void
read_replies(struct load *l, struct session *s)
{
	ssize_t n = recv(s->fd, s->in + s->have, sizeof s->in - s->have, 0);
	char *line = s->in, *end;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(l, s, s->step != STEP_QUIT && s->step != STEP_IDLE);
		return;
	}
	s->have += (size_t)n;
	/* Nothing is left of a session that came again. */
	while (s->fd >= 0 && s->have > 0 &&
	    (end = memchr(line, '\n',
		 s->have - (size_t)(line - s->in))) != NULL) {
		if (end - line >= 4 && line[3] != '-')
			advance(l, s, atoi(line));
		line = end + 1;
	}
	if (s->fd < 0 || s->have == 0)
		return;
	s->have -= (size_t)(line - s->in);
	memmove(s->in, line, s->have);
	if (s->out.n > 0)
		flush(l, s);
}

static void
make_content(struct load *l)
{
	static const char line[] = "abcdefghijklmnopqrstuvwxyz0123456789 "
				   "abcdefghijklmnopqrstuvwxyz0123456789\r\n";

	l->content = buf_make((size_t)l->size + 1024);
	must(buf_addf(&l->content,
	    "From: <bench@example.net>\r\nTo: <user@%s>\r\n"
	    "Subject: load\r\nMessage-ID: <1@bench.example.net>\r\n"
	    "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\n", l->to));
	while (l->content.n + sizeof line < (size_t)l->size)
		must(buf_add(&l->content, SPAN(line)));
	must(buf_add(&l->content, SPAN(".\r\n")));
}

static void
options(struct load *l, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "s:n:a:t:l:u:d:D:pi")) != -1)
		switch (c) {
		case 's': l->sessions = number(optarg, "-s"); break;
		case 'n': l->messages = number(optarg, "-n"); break;
		case 'a': l->least = number(optarg, "-a"); break;
		case 't': l->seconds = number(optarg, "-t"); break;
		case 'l': l->size = number(optarg, "-l"); break;
		case 'u': l->users = MAX(number(optarg, "-u"), 1); break;
		case 'd': l->to = optarg; break;
		case 'D': l->sites = MAX(number(optarg, "-D"), 1); break;
		case 'p': l->is_pipelined = true; break;
		case 'i': l->is_idle = true; break;
		default: optind = argc;
		}
	if (optind + 1 != argc) {
		(void)fprintf(stderr, "usage: bench-load [-s sessions] "
		    "[-n messages] [-t seconds] [-a least] [-l octets] "
		    "[-u users] [-d domain] [-D domains] [-p] [-i] "
		    "[ADDRESS:]PORT\n");
		exit(64);
	}
	l->where = argv[optind];
}

static void
print(const struct load *l)
{
	double s = (double)(l->last - l->started) / 1e6;

	(void)printf("{\"ok\":%llu,\"refused\":%llu,\"lost\":%llu,"
	    "\"again\":%llu,"
	    "\"seconds\":%.3f,\"per_s\":%.1f,\"p50_us\":%llu,"
	    "\"p99_us\":%llu,\"max_us\":%llu,\"cpu_s\":%.3f,"
	    "\"started_us\":%llu}\n",
	    (unsigned long long)l->ok, (unsigned long long)l->refused,
	    (unsigned long long)l->lost, (unsigned long long)l->again,
	    s, s > 0 ? (double)l->ok / s : 0,
	    (unsigned long long)histogram_at(&l->latency, 0.5),
	    (unsigned long long)histogram_at(&l->latency, 0.99),
	    (unsigned long long)l->latency.greatest, cpu_seconds(),
	    (unsigned long long)l->started);
}

int
main(int argc, char **argv)
{
	static struct load l = { .sessions = 10, .size = 10240, .users = 1,
		.sites = 1,
		.to = "example.org" };
	struct session *sessions;
	struct epoll_event events[256];

	options(&l, argc, argv);
	raise_descriptors();
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGINT, on_signal);
	make_content(&l);
	l.poll = epoll_create1(0);
	sessions = calloc((size_t)l.sessions, sizeof *sessions);
	if (l.poll < 0 || sessions == NULL)
		die("start");
	l.started = l.last = now_us();
	if (l.seconds > 0)
		l.until = l.started + (uint64_t)l.seconds * 1000000;
	for (size_t i = 0; i < (size_t)l.sessions; i++) {
		sessions[i].out = buf_make(l.content.n + 4096);
		sessions[i].fd = connect_to(l.where);
		want(&l, &sessions[i], EPOLLIN, EPOLL_CTL_ADD);
		l.open++;
	}
	while (l.open > 0 && !(l.is_idle && is_over)) {
		int n = epoll_wait(l.poll, events, COUNT(events), 1000);

		for (int i = 0; i < n; i++) {
			struct session *s = events[i].data.ptr;

			if (events[i].events & EPOLLOUT) {
				want(&l, s, EPOLLIN, EPOLL_CTL_MOD);
				flush(&l, s);
			}
			if (s->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
				read_replies(&l, s);
		}
	}
	print(&l);
	return l.lost + l.refused > 0 ? 1 : 0;
}
