/*
 * files.c - the one place that knows of interrupted calls and short writes.
 */
#include "spool/files.h"

#include "spool/plant.h"

#include <errno.h>

#define FILES_PARTS_MAX	64	/* parts of one call: less than any IOV_MAX */

/* Take n written octets off the front of the parts. */
static void
parts_skip(struct iovec **parts, size_t *nparts, size_t n)
{
	while (*nparts > 0 && n >= (*parts)->iov_len) {
		n -= (*parts)->iov_len;
		(*parts)++;
		(*nparts)--;
	}
	if (n == 0)
		return;
	(*parts)->iov_base = (uint8_t *)(*parts)->iov_base + n;
	(*parts)->iov_len -= n;
}

enum err
spool_write_at(const struct spool_files *f, int fd, struct iovec *parts,
    size_t nparts, uint64_t at)
{
	parts_skip(&parts, &nparts, 0);
	while (nparts > 0) {
		ssize_t n = f->pwritev(f->self, fd, parts,
		    (int)MIN(nparts, (size_t)FILES_PARTS_MAX), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0) {
			errno = ENOSPC;
			return ERR_IO;
		}
		parts_skip(&parts, &nparts, (size_t)n);
		at += (uint64_t)n;
	}
	return ERR_OK;
}

enum err
spool_read_at(const struct spool_files *f, int fd, void *to, size_t n,
    uint64_t at, size_t *got)
{
	size_t have = 0;

	while (have < n) {
		ssize_t more = f->pread(f->self, fd, (uint8_t *)to + have,
		    n - have, at + have);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return ERR_IO;
		if (more == 0)
			break;
		have += (size_t)more;
	}
	*got = have;
	return ERR_OK;
}

enum err
spool_sync(const struct spool_files *f, int fd)
{
	int got;

	if (PLANTED(PLANT_NO_SYNC))
		return ERR_OK;
	do
		got = f->sync(f->self, fd);
	while (got < 0 && errno == EINTR);
	if (PLANTED(PLANT_SYNC_RETRIED) && got < 0)
		got = f->sync(f->self, fd);
	return got < 0 ? ERR_IO : ERR_OK;
}

enum err
spool_sync_dir(const struct spool_files *f, int dir)
{
	int got;

	if (PLANTED(PLANT_NO_DIRECTORY_SYNC))
		return ERR_OK;
	do
		got = f->sync_dir(f->self, dir);
	while (got < 0 && errno == EINTR);
	return got < 0 ? ERR_IO : ERR_OK;
}
