/*
 * net.h - what load and sink share: sockets, clocks, a histogram.
 *
 * Both are measuring instruments on loopback and end with a message where a
 * server would go on.
 */
#ifndef POSTHORSE_BENCH_NET_H
#define POSTHORSE_BENCH_NET_H

#include "base/buf.h"

NORETURN void die(const char *what);
uint64_t now_us(void);
double cpu_seconds(void);
/* All descriptors that the system lets us have. */
void raise_descriptors(void);

/* "PORT" or "ADDRESS:PORT", IPv4. */
int listen_on(const char *where);
int connect_to(const char *where);
/* From a local address; port 0 is any. */
int connect_from(const char *from, const char *where);
void no_delay(int fd);
long number(const char *text, const char *option);

/* Latencies in microseconds, within 1/32. */
#define HISTOGRAM_SLOTS	(64 * 32)
struct histogram {
	uint64_t	n, greatest;
	uint64_t	slots[HISTOGRAM_SLOTS];
};
void histogram_add(struct histogram *h, uint64_t us);
/* The value that q of all (0..1) do not exceed. */
uint64_t histogram_at(const struct histogram *h, double q);

#endif
