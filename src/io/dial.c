/*
 * dial.c - socket and connect.
 */
#include "io/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr		any;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

static socklen_t
address_make(struct span octets, uint16_t port, union address *a)
{
	*a = (union address){ 0 };
	if (octets.n == sizeof a->in.sin_addr) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		memcpy(&a->in.sin_addr, octets.p, octets.n);
		return sizeof a->in;
	}
	if (octets.n != sizeof a->in6.sin6_addr)
		return 0;
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(port);
	memcpy(&a->in6.sin6_addr, octets.p, octets.n);
	return sizeof a->in6;
}

enum err
dial_tcp(struct span address, uint16_t port, int *fd)
{
	static const int on = 1;
	union address to;
	socklen_t nto = address_make(address, port, &to);
	int f, error;

	if (nto == 0)
		return ERR_SYNTAX;
	f = socket(to.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f < 0)
		return ERR_IO;
	/* Commands are short and answered: nothing to gain by waiting. */
	(void)setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(f, &to.any, nto) != 0 && errno != EINPROGRESS &&
	    errno != EINTR) {
		error = errno;
		(void)close(f);
		errno = error;
		return ERR_IO;
	}
	*fd = f;
	return ERR_OK;
}
