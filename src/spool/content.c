/*
 * content.c - the content of a large file, looked at in a thread: nothing of the
 * store is touched, and the hasher and the window are its own.
 */
#include "spool/plant.h"
#include "spool/record.h"
#include "spool/store.h"

#include <stdlib.h>

#define WINDOW	(256u * 1024)	/* octets read at once */

static enum err
hash_file(const struct store_content *c, struct spool_hasher *h, uint8_t *window)
{
	uint64_t at = 0;

	spool_hasher_begin(h, c->seed);
	while (at < c->size) {
		size_t one = (size_t)MIN(c->size - at, (uint64_t)WINDOW), got;
		enum err e = spool_read_at(c->files, c->fd, window, one, at,
		    &got);

		if (e != ERR_OK)
			return e;
		if (got == 0)
			return ERR_CORRUPT;
		spool_hasher_add(h, span_of(window, got));
		at += got;
	}
	if (PLANTED(PLANT_HASH_IGNORED))
		return ERR_OK;
	return spool_hasher_end(h) == c->hash ? ERR_OK : ERR_CORRUPT;
}

enum err
store_content_check(const struct store_content *c)
{
	struct spool_hasher *h = spool_hasher_new();
	uint8_t *window = malloc(WINDOW);
	uint64_t size;
	enum err e = ERR_NOMEM;

	if (h == NULL || window == NULL)
		goto out;
	e = ERR_IO;
	if (c->files->size(c->files->self, c->fd, &size) < 0)
		goto out;
	e = size != c->size ? ERR_CORRUPT : hash_file(c, h, window);
out:
	spool_hasher_free(h);
	free(window);
	return e;
}

void
store_content_close(struct store_content *c)
{
	(void)c->files->close(c->files->self, c->fd);
	c->fd = -1;
}
