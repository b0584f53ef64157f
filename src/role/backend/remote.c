#include "role/backend/remote.h"

#include "io/dial.h"
#include "io/tls.h"
#include "os/clock.h"
#include "os/file.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool
take_secret(struct backend *b, int fd)
{
	struct buf text = buf_make(sizeof b->secret - 1);
	enum err e = file_read_all(fd, &text);
	size_t n = span_find(buf_span(&text), '\n');

	(void)close(fd);
	if (e == ERR_OK && span_find(span_of(text.p, n), '\0') == n) {
		memcpy(b->secret, text.p, n);
		b->secret[n] = '\0';
	}
	buf_wipe(&text);
	buf_free(&text);
	return e == ERR_OK && b->secret[0] != '\0';
}

bool
remote_file(struct backend *b, struct span what, int fd)
{
	if (span_eq(what, SPAN("secret")))
		return take_secret(b, fd) || backend_complain(b, "its password "
		    "is one line of 1 to 1,024 octets");
	if (span_eq(what, SPAN("ca")) && b->fd <= 0) {
		b->fd = fd;
		return true;
	}
	(void)close(fd);
	return false;
}

bool
remote_load(struct backend *b)
{
	const struct config_at *at = &b->config->at;

	if (b->config->tls_name[0] != '\0' && tls_warm_up() != ERR_OK)
		return false;
	if (at->address.n > 0 && role_reach_port(b->role, at->port) != ERR_OK)
		return false;
	return b->fd <= 0 || role_reach_dir(b->role, b->fd, false) == ERR_OK;
}

bool
remote_wait(int fd, short events, uint64_t until_ms)
{
	for (;;) {
		uint64_t now = clock_mono_ms();
		struct pollfd p = { .fd = fd, .events = events };

		if (now >= until_ms)
			return false;
		if (poll(&p, 1, (int)MIN(until_ms - now, (uint64_t)1000)) > 0)
			return true;
	}
}

static enum err
dial_path(const char *path, int *fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	ASSERT(strlen(path) < sizeof to.sun_path);
	memcpy(to.sun_path, path, strlen(path));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return ERR_IO;
	if (connect(*fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return ERR_OK;
	(void)close(*fd);
	return ERR_IO;
}

enum err
remote_connect(const struct backend *b, uint64_t until_ms, int *fd)
{
	const struct config_at *at = &b->config->at;
	int error = 0;
	socklen_t n = sizeof error;
	enum err e;

	if (at->address.n == 0)
		return dial_path(at->path, fd);
	e = dial_tcp(address_span(&at->address), at->port, fd);
	if (e != ERR_OK)
		return e;
	if (!remote_wait(*fd, POLLOUT, until_ms))
		e = ERR_AGAIN;
	else if (getsockopt(*fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 ||
	    error != 0)
		e = ERR_IO;
	if (e == ERR_OK)
		return ERR_OK;
	(void)close(*fd);
	errno = error != 0 ? error : errno;
	return e;
}
