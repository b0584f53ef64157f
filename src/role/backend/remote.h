/*
 * remote.h - what back ends have that talk to a server: its address, a password
 * for it, and who vouches for its certificate.
 */
#ifndef POSTHORSE_ROLE_BACKEND_REMOTE_H
#define POSTHORSE_ROLE_BACKEND_REMOTE_H

#include "role/backend/backend.h"

/* A kind's file and load: "secret", one line, and "ca", a file in reach. */
bool remote_file(struct backend *b, struct span what, int fd);
bool remote_load(struct backend *b);
/*
 * A socket that is connected to the server, non-blocking, until
 * clock_mono_ms() has passed until_ms.  ERR_AGAIN: that; ERR_IO: errno.
 */
MUST_USE enum err remote_connect(const struct backend *b, uint64_t until_ms,
    int *fd);
/* POLLIN or POLLOUT of fd; false: until_ms has passed. */
bool remote_wait(int fd, short events, uint64_t until_ms);

#endif
