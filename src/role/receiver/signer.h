/*
 * signer.h - a receiver's lines to keys, and the threads that wait there.
 */
#ifndef POSTHORSE_ROLE_RECEIVER_SIGNER_H
#define POSTHORSE_ROLE_RECEIVER_SIGNER_H

#include "io/tls.h"
#include "ipc/keys.h"

#include <pthread.h>

#define SIGNER_WITHIN_MS	5000u	/* then the handshake ends */

struct line {
	int	fd, next;	/* -1: none; next: when nobody uses it */
	bool	is_busy;
};
/* Touched by several threads: what is below the lock, only under it. */
struct signer {
	struct tls_signer	seam;
	pthread_mutex_t		lock;
	struct line		lines[KEYS_LINES];
	uint64_t		last_tag;
};

void signer_begin(struct signer *s);
/* A new line for a thread, of a new keys; fd is taken over. */
void signer_line(struct signer *s, size_t i, int fd);

#endif
