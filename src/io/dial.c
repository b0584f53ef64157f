/*
 * dial.c - socket, bind, connect.
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

static enum err
dial(int fd, const union address *to, socklen_t nto, struct span from)
{
	static const int on = 1;
	union address own;
	socklen_t nown;

	/* Commands are short and answered: nothing to gain by waiting. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (from.n > 0) {
		nown = address_make(from, 0, &own);
		if (nown == 0 || own.any.sa_family != to->any.sa_family)
			return ERR_SYNTAX;
		if (bind(fd, &own.any, nown) != 0)
			return ERR_IO;
	}
	if (connect(fd, &to->any, nto) != 0 && errno != EINPROGRESS &&
	    errno != EINTR)
		return ERR_IO;
	return ERR_OK;
}

enum err
dial_tcp(struct span address, uint16_t port, struct span from, int *fd)
{
	union address to;
	socklen_t nto = address_make(address, port, &to);
	int f, error;
	enum err e;

	if (nto == 0)
		return ERR_SYNTAX;
	f = socket(to.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f < 0)
		return ERR_IO;
	e = dial(f, &to, nto, from);
	if (e != ERR_OK) {
		error = errno;
		(void)close(f);
		errno = error;
		return e;
	}
	*fd = f;
	return ERR_OK;
}
