/*
 * listen.c - listening sockets: opened once, kept over every replacement.
 *
 * Each receiver has a socket of its own for each `listen` row (SO_REUSEPORT),
 * so that what waits at a dead receiver is served by the one that replaces it.
 */
#include "role/supervisor/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG		1024

struct where {
	struct sockaddr_storage	to;
	socklen_t		n;
	char			text[80];	/* "[::1]:25" */
};

static void
where_of(const struct config_listen *l, bool is_v4_only, struct where *w)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&w->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&w->to;
	char text[INET6_ADDRSTRLEN];

	memset(w, 0, sizeof *w);
	if (l->address.n == 4 || is_v4_only) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(l->port);
		if (l->address.n == 4)
			memcpy(&v4->sin_addr, l->address.octets, 4);
		w->n = sizeof *v4;
		(void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
		(void)snprintf(w->text, sizeof w->text, "%s:%u", text, l->port);
		return;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(l->port);
	memcpy(&v6->sin6_addr, l->address.octets, 16);
	w->n = sizeof *v6;
	(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
	(void)snprintf(w->text, sizeof w->text, "[%s]:%u", text, l->port);
}

/* A socket bound to w, or -1 and errno. */
static int
socket_at(const struct where *w, bool is_shared, bool is_any)
{
	int one = 1, zero = 0;
	int fd = socket(w->to.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	/* Replies are gathered by us: the kernel need not wait for more.  Each
	 * connection has it from here. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (is_shared)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one,
		    sizeof one);
	if (w->to.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
		    is_any ? &zero : &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)&w->to, w->n) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static bool
complain_bind(const struct where *w)
{
	if (errno == EADDRINUSE)
		return sup_complain("%s is taken by another program; "
		    "`ss -ltnp` shows which", w->text);
	if (errno == EACCES)
		return sup_complain("%s needs root (ports below 1024 do)",
		    w->text);
	return sup_complain("cannot listen on %s: %s", w->text,
	    strerror(errno));
}

/*
 * With SO_REUSEPORT a second server of the same user would share the port in
 * silence: first see that nobody else has it.
 */
static bool
listen_row(struct supervisor *s, size_t row)
{
	const struct config_listen *l = &s->config->listens[row];
	bool is_any = l->address.n == 0;
	struct where w;
	int probe;

	where_of(l, false, &w);
	probe = socket_at(&w, false, is_any);
	if (probe < 0 && errno == EAFNOSUPPORT && is_any) {
		where_of(l, true, &w);
		probe = socket_at(&w, false, is_any);
	}
	if (probe < 0)
		return complain_bind(&w);
	(void)close(probe);
	for (size_t i = 0; i < s->config->receivers; i++) {
		int fd = socket_at(&w, true, is_any);

		if (fd < 0)
			return complain_bind(&w);
		s->listeners[i * s->nlisteners + row] = fd;
	}
	return true;
}

/* --- UNIX sockets ------------------------------------------------------ */

static bool
unix_address(const char *path, struct sockaddr_un *to)
{
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof to->sun_path)
		return sup_complain("%s is too long for a socket: %zu octets "
		    "at most", path, sizeof to->sun_path - 1);
	memcpy(to->sun_path, path, strlen(path) + 1);
	return true;
}

static bool
does_answer(const struct sockaddr_un *to, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	bool is_there = fd >= 0 &&
	    connect(fd, (const struct sockaddr *)to, sizeof *to) == 0;

	if (fd >= 0)
		(void)close(fd);
	return is_there;
}

/* Only a socket of an earlier start is removed, nothing else. */
static bool
remove_old(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode))
		return sup_complain("%s is there and is no socket", path);
	return unlink(path) == 0 ||
	    sup_complain("cannot remove the old %s: %s", path, strerror(errno));
}

static int
unix_listen(const char *path, int type, mode_t mode)
{
	struct sockaddr_un to;
	int fd;

	if (!unix_address(path, &to))
		return -1;
	if (does_answer(&to, type)) {
		(void)sup_complain("already runs: somebody answers at %s", path);
		return -1;
	}
	if (!remove_old(path))
		return -1;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
	    chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
		(void)sup_complain("cannot listen at %s: %s", path,
		    strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	return fd;
}

/* root, admin's own user, and the group of operators (ADM-1). */
static bool
own_control(const struct supervisor *s)
{
	const char *path = s->config->control_socket;
	uid_t uid = s->ids[IPC_ROLE_ADMIN].uid;

	if (uid == UINT32_MAX && s->control_gid == UINT32_MAX)
		return true;
	return chown(path, uid, s->control_gid) == 0 ||
	    sup_complain("cannot give %s away: %s", path, strerror(errno));
}

bool
sup_listen(struct supervisor *s)
{
	const struct config *c = s->config;
	size_t last = c->nlistens, n;

	s->nlisteners = c->nlistens + 1;
	n = s->nlisteners * c->receivers;
	s->listeners = malloc(n * sizeof *s->listeners);
	if (s->listeners == NULL)
		return sup_complain("no memory");
	for (size_t i = 0; i < n; i++)
		s->listeners[i] = -1;
	s->control_socket = unix_listen(c->control_socket, SOCK_SEQPACKET, 0660);
	if (s->control_socket < 0 || !own_control(s))
		return false;
	for (size_t i = 0; i < c->nlistens; i++)
		if (!listen_row(s, i))
			return false;
	/* Any program on this host may hand in mail; the kernel says whose. */
	s->listeners[last] = unix_listen(c->submission_socket, SOCK_STREAM,
	    0666);
	for (size_t i = 1; i < c->receivers; i++)
		s->listeners[i * s->nlisteners + last] = s->listeners[last];
	return s->listeners[last] >= 0;
}

void
sup_unlink_sockets(const struct supervisor *s)
{
	(void)unlink(s->config->control_socket);
	(void)unlink(s->config->submission_socket);
}
