/*
 * sink.c - where load ends: the least that can be called an SMTP server.
 *
 * One thread and epoll; takes everything, keeps nothing.  As a destination it
 * counts (-n: ends after so many) and may answer late (-w milliseconds behind
 * the content).  As a ceiling (-f FILE) it answers 250 only when the content
 * lies in a pre-written file and an fdatasync over it has returned; one sync
 * at a time, in a thread of its own, for all that came meanwhile.  Nothing is
 * ever read back from that file.  Ends on SIGTERM; prints one JSON object.
 */
#include "bench/net.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_MAX		65536
#define BATCH_MAX	(256u << 20)
#define PAGE		4096u
#define SITES_MAX	64

struct conn {
	struct conn	*next;		/* waiting for a sync or a moment */
	int		 fd;
	bool		 is_content, is_waiting, is_gone, is_quitting;
	uint64_t	 due;		/* microseconds: answer then */
	size_t		 have;
	uint8_t		 in[IN_MAX];
};

/* What one sync covers: content, and who waits for it. */
struct batch {
	struct buf	 content;
	struct conn	*waiting;
};

struct sink {
	int		 listeners[SITES_MAX];
	int		 poll, file, woken;
	uint64_t	 wait_us, most, first, last;
	uint64_t	 messages, octets, syncs, conns;
	struct conn	*late, **late_end;
	struct batch	 open, syncing;
	bool		 is_busy;
	uint64_t	 at, size;	/* in the file */
	pthread_mutex_t	 lock;
	pthread_cond_t	 wake;
	bool		 is_work;
};

static volatile sig_atomic_t is_over;

static void
on_signal(int signo)
{
	(void)signo;
	is_over = 1;
}

static void
say(struct conn *c, const char *text)
{
	/* Replies are short: a full socket means a peer that has died. */
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		c->is_quitting = true;
}

static void
drop(struct conn *c)
{
	(void)close(c->fd);
	c->fd = -1;
	if (c->is_waiting)
		c->is_gone = true;
	else
		free(c);
}

static void
count(struct sink *k)
{
	k->last = now_us();
	if (k->messages++ == 0)
		k->first = k->last;
	if (k->most > 0 && k->messages >= k->most)
		is_over = 1;
}

static void
keep(struct sink *k, struct span content)
{
	k->octets += content.n;
	if (k->file >= 0 && buf_add(&k->open.content, content) != ERR_OK)
		die("batch");
}

static void
content_ended(struct sink *k, struct conn *c)
{
	c->is_content = false;
	if (k->file >= 0) {
		c->is_waiting = true;
		c->next = k->open.waiting;
		k->open.waiting = c;
		return;
	}
	if (k->wait_us > 0) {
		c->is_waiting = true;
		c->due = now_us() + k->wait_us;
		c->next = NULL;
		*k->late_end = c;
		k->late_end = &c->next;
		return;
	}
	count(k);
	say(c, "250 2.0.0 kept\r\n");
}

/* Content up to its end, or all but what may be the start of the end. */
static size_t
eat_content(struct sink *k, struct conn *c, struct span in)
{
	static const struct span end = SPAN("\r\n.\r\n");
	size_t at = span_find_span(in, end);

	if (at < in.n) {
		keep(k, span_of(in.p, at + 2));
		content_ended(k, c);
		return at + end.n;
	}
	if (in.n < end.n)
		return 0;
	keep(k, span_of(in.p, in.n - end.n + 1));
	return in.n - end.n + 1;
}

static void
command(struct conn *c, struct span line)
{
	if (span_starts_nocase(line, SPAN("DATA"))) {
		say(c, "354 go on\r\n");
		c->is_content = true;
	} else if (span_starts_nocase(line, SPAN("EHLO"))) {
		say(c, "250-sink\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n"
		       "250 8BITMIME\r\n");
	} else if (span_starts_nocase(line, SPAN("QUIT"))) {
		say(c, "221 2.0.0 bye\r\n");
		c->is_quitting = true;
	} else {
		say(c, "250 2.0.0 ok\r\n");
	}
}

static void
eat(struct sink *k, struct conn *c)
{
	struct span in = span_of(c->in, c->have);
	size_t n;

	while (in.n > 0 && !c->is_waiting && !c->is_quitting) {
		if (c->is_content) {
			n = eat_content(k, c, in);
		} else {
			n = span_find(in, '\n') + 1;
			if (n <= in.n)
				command(c, span_of(in.p, n));
		}
		if (n == 0 || n > in.n)
			break;
		in = span_skip(in, n);
	}
	memmove(c->in, in.p, in.n);
	c->have = in.n;
}

static void
go_on(struct sink *k, struct conn *c)
{
	eat(k, c);
	if (c->is_quitting)
		drop(c);
}

/* The 250 of one that waited. */
static void
answer(struct sink *k, struct conn *c)
{
	c->is_waiting = false;
	count(k);
	if (c->is_gone) {
		free(c);
		return;
	}
	say(c, "250 2.0.0 kept\r\n");
	go_on(k, c);
}

static void
read_more(struct sink *k, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, sizeof c->in - c->have, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->have += (size_t)n;
	go_on(k, c);
}

static void
accept_all(struct sink *k, int listener)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct conn *c;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		no_delay(fd);
		c = malloc(sizeof *c);
		if (c == NULL)
			die("connection");
		memset(c, 0, offsetof(struct conn, in));
		c->fd = fd;
		e.data.ptr = c;
		if (epoll_ctl(k->poll, EPOLL_CTL_ADD, fd, &e) != 0)
			die("epoll_ctl");
		k->conns++;
		say(c, "220 sink ESMTP\r\n");
	}
}

/* The syncing thread: one batch, one write, one fdatasync. */
static void *
sync_batches(void *ctx)
{
	struct sink *k = ctx;
	uint64_t one = 1;

	for (;;) {
		struct buf *b = &k->syncing.content;

		(void)pthread_mutex_lock(&k->lock);
		while (!k->is_work)
			(void)pthread_cond_wait(&k->wake, &k->lock);
		k->is_work = false;
		(void)pthread_mutex_unlock(&k->lock);
		if (k->at + b->n > k->size)
			k->at = 0;
		for (size_t done = 0; done < b->n;) {
			ssize_t n = pwrite(k->file, b->p + done, b->n - done,
			    (off_t)(k->at + done));

			if (n <= 0)
				die("pwrite");
			done += (size_t)n;
		}
		if (fdatasync(k->file) != 0)
			die("fdatasync");
		/* A page that was synced is not written again. */
		k->at += (b->n + PAGE - 1) / PAGE * PAGE;
		k->syncs++;
		if (write(k->woken, &one, sizeof one) != sizeof one)
			die("eventfd");
	}
	return NULL;
}

static void
synced(struct sink *k)
{
	struct conn *c, *next;
	uint64_t n;

	if (read(k->woken, &n, sizeof n) != sizeof n)
		return;
	k->is_busy = false;
	c = k->syncing.waiting;
	k->syncing.waiting = NULL;
	buf_cut(&k->syncing.content, 0);
	for (; c != NULL; c = next) {
		next = c->next;
		answer(k, c);
	}
}

static void
start_sync(struct sink *k)
{
	struct batch b = k->syncing;

	if (k->file < 0 || k->is_busy || k->open.waiting == NULL)
		return;
	k->syncing = k->open;
	k->open = b;
	k->is_busy = true;
	(void)pthread_mutex_lock(&k->lock);
	k->is_work = true;
	(void)pthread_cond_signal(&k->wake);
	(void)pthread_mutex_unlock(&k->lock);
}

/* Milliseconds until the next late answer is due. */
static int
answer_late(struct sink *k)
{
	struct conn *c;

	while ((c = k->late) != NULL) {
		uint64_t now = now_us();

		if (c->due > now)
			return (int)((c->due - now + 999) / 1000);
		k->late = c->next;
		if (k->late == NULL)
			k->late_end = &k->late;
		answer(k, c);
	}
	return 500;
}

static void
open_file(struct sink *k, const char *path)
{
	static const uint8_t zeros[1 << 20];
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &k->woken };
	pthread_t thread;

	k->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (k->file < 0)
		die(path);
	for (uint64_t at = 0; at < k->size; at += sizeof zeros)
		if (pwrite(k->file, zeros, sizeof zeros, (off_t)at) !=
		    (ssize_t)sizeof zeros)
			die("pre-writing");
	k->woken = eventfd(0, EFD_NONBLOCK);
	if (fsync(k->file) != 0 || k->woken < 0 ||
	    epoll_ctl(k->poll, EPOLL_CTL_ADD, k->woken, &e) != 0 ||
	    pthread_create(&thread, NULL, sync_batches, k) != 0)
		die("log");
}

static bool
is_listener(const struct sink *k, const void *what)
{
	return what >= (const void *)k->listeners &&
	    what < (const void *)(k->listeners + SITES_MAX);
}

static void
listen_at(struct sink *k, int *listener, const char *where)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = listener };

	*listener = listen_on(where);
	if (epoll_ctl(k->poll, EPOLL_CTL_ADD, *listener, &e) != 0)
		die(where);
}

static void
serve(struct sink *k)
{
	struct epoll_event events[256];

	while (!is_over) {
		int n = epoll_wait(k->poll, events, COUNT(events),
		    answer_late(k));

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (is_listener(k, what))
				accept_all(k, *(const int *)what);
			else if (what == &k->woken)
				synced(k);
			else
				read_more(k, what);
		}
		start_sync(k);
	}
}

int
main(int argc, char **argv)
{
	static struct sink k = { .file = -1, .size = 512u << 20,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.wake = PTHREAD_COND_INITIALIZER };
	const char *path = NULL;
	int c;

	while ((c = getopt(argc, argv, "n:w:f:")) != -1)
		switch (c) {
		case 'n': k.most = (uint64_t)number(optarg, "-n"); break;
		case 'w':
			k.wait_us = (uint64_t)number(optarg, "-w") * 1000;
			break;
		case 'f': path = optarg; break;
		default: optind = argc;
		}
	if (optind >= argc || argc - optind > SITES_MAX) {
		(void)fprintf(stderr, "usage: bench-sink [-n messages] "
		    "[-w milliseconds] [-f file] [ADDRESS:]PORT...\n");
		return 64;
	}
	raise_descriptors();
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGINT, on_signal);
	k.late_end = &k.late;
	k.open.content = buf_make(BATCH_MAX);
	k.syncing.content = buf_make(BATCH_MAX);
	k.poll = epoll_create1(0);
	if (k.poll < 0)
		die("start");
	for (int i = 0; optind + i < argc; i++)
		listen_at(&k, &k.listeners[i], argv[optind + i]);
	if (path != NULL)
		open_file(&k, path);
	(void)fprintf(stderr, "ready\n");
	serve(&k);
	(void)printf("{\"messages\":%llu,\"octets\":%llu,\"syncs\":%llu,"
	    "\"connections\":%llu,\"first_us\":%llu,\"last_us\":%llu,"
	    "\"cpu_s\":%.3f}\n", (unsigned long long)k.messages,
	    (unsigned long long)k.octets, (unsigned long long)k.syncs,
	    (unsigned long long)k.conns, (unsigned long long)k.first,
	    (unsigned long long)k.last, cpu_seconds());
	return 0;
}
