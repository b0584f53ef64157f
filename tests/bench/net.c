/*
 * net.c - sockets, clocks, a histogram.
 */
#include "bench/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void
die(const char *what)
{
	perror(what);
	exit(2);
}

uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

double
cpu_seconds(void)
{
	struct rusage r;

	(void)getrusage(RUSAGE_SELF, &r);
	return seconds(r.ru_utime) + seconds(r.ru_stime);
}

void
raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		die("getrlimit");
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		die("setrlimit");
}

long
number(const char *text, const char *option)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 0) {
		(void)fprintf(stderr, "%s: a number is wanted\n", option);
		exit(64);
	}
	return n;
}

static struct sockaddr_in
address(const char *where)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strrchr(where, ':');
	char host[64] = "127.0.0.1";

	if (colon != NULL)
		(void)snprintf(host, sizeof host, "%.*s", (int)(colon - where),
		    where);
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die(where);
	a.sin_port = htons((uint16_t)number(
	    colon == NULL ? where : colon + 1, "port"));
	return a;
}

int
listen_on(const char *where)
{
	struct sockaddr_in a = address(where);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(fd, 4096) != 0)
		die(where);
	return fd;
}

static int
socket_new(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static int
connect_socket(int fd, const char *where)
{
	struct sockaddr_in a = address(where);

	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0 &&
	    errno != EINPROGRESS)
		die(where);
	no_delay(fd);
	return fd;
}

int
connect_to(const char *where)
{
	return connect_socket(socket_new(), where);
}

int
connect_from(const char *from, const char *where)
{
	struct sockaddr_in a = address(from);
	int one = 1, fd = socket_new();

	/* The port is chosen at connect(), where both ends are known. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
	    sizeof one) != 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
		die(from);
	return connect_socket(fd, where);
}

void
no_delay(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static size_t
slot_of(uint64_t us)
{
	unsigned int top;

	if (us < 32)
		return (size_t)us;
	top = 63 - (unsigned int)__builtin_clzll(us);
	return (size_t)(top - 4) * 32 + (size_t)(us >> (top - 5) & 31);
}

void
histogram_add(struct histogram *h, uint64_t us)
{
	h->n++;
	h->greatest = MAX(h->greatest, us);
	h->slots[slot_of(us)]++;
}

uint64_t
histogram_at(const struct histogram *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->n), seen = 0, us = 0;

	for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
		if (h->slots[i] == 0)
			continue;
		us = i < 32 ? i : (uint64_t)(32 + i % 32) << (i / 32 - 1);
		seen += h->slots[i];
		if (seen > want)
			return us;
	}
	return us;
}
