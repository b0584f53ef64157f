/*
 * file.c - descriptors and files, each call looked after.
 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define READ_PIECE	2048u

/* Which failures a caller can tell apart; all others are ERR_IO. */
static enum err
file_error(void)
{
	static const struct {
		int		number;
		enum err	error;
	} rows[] = {
		{ ENOENT, ERR_NONE },	{ EACCES, ERR_DENIED },
		{ EPERM, ERR_DENIED },	{ ELOOP, ERR_DENIED },
		{ ENOSPC, ERR_FULL },	{ EDQUOT, ERR_FULL },
		{ ENOMEM, ERR_NOMEM },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].number == errno)
			return rows[i].error;
	return ERR_IO;
}

enum err
file_open_at(int dir, const char *name, int flags, mode_t mode, int *fd)
{
	int f;

	do
		f = openat(dir, name,
		    flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
	while (f < 0 && errno == EINTR);
	if (f < 0)
		return file_error();
	*fd = f;
	return ERR_OK;
}

/* Files first by offset; what cannot be (a pipe) as it comes. */
static ssize_t
read_at(int fd, void *to, size_t room, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, to, room, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n >= 0 || errno != ESPIPE)
		return n;
	do
		n = read(fd, to, room);
	while (n < 0 && errno == EINTR);
	return n;
}

enum err
file_read_all(int fd, struct buf *to)
{
	uint8_t piece[READ_PIECE];
	uint64_t at = 0;
	enum err e;
	ssize_t n;

	for (;;) {
		n = read_at(fd, piece, sizeof piece, at);
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return ERR_OK;
		e = buf_add(to, span_of(piece, (size_t)n));
		/* What was read may be a key. */
		explicit_bzero(piece, sizeof piece);
		if (e != ERR_OK)
			return e;
		at += (uint64_t)n;
	}
}

enum err
file_write_all(int fd, struct span octets)
{
	while (octets.n > 0) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n > 0)
			octets = span_skip(octets, (size_t)n);
		else if (n == 0)
			return ERR_IO;
		else if (errno != EINTR)
			return file_error();
	}
	return ERR_OK;
}

enum err
file_copy(int to, int from, uint64_t offset, uint64_t size)
{
	off_t at = (off_t)offset;

	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return ERR_SHORT;
	while (size > 0) {
		ssize_t n = sendfile(to, from, &at,
		    (size_t)MIN(size, (uint64_t)1 << 30));

		if (n == 0)
			return ERR_SHORT;
		if (n < 0 && errno != EINTR)
			return file_error();
		if (n > 0)
			size -= (uint64_t)n;
	}
	return ERR_OK;
}

enum err
file_memfd(const char *name, int *fd)
{
	int f = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (f < 0)
		return file_error();
	*fd = f;
	return ERR_OK;
}

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum err
file_seal(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) != 0)
		return file_error();
	return ERR_OK;
}

bool
file_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}

void
file_close(int fd)
{
	/* Linux has closed it whatever close() says; nothing to try again. */
	if (fd >= 0)
		(void)close(fd);
}
