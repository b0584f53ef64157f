/*
 * writer_large.c - large files of a writer, and what it tells the queue.
 */
#include "spool/writer_priv.h"

unsigned int
spool_writer_wants_large(const struct spool_writer *w)
{
	return (unsigned int)(w->nempty < 2 ? 2 - w->nempty : 0);
}

enum err
spool_writer_adopt_large(struct spool_writer *w, uint64_t number, int fd)
{
	if (w->nempty == COUNT(w->empty)) {
		(void)w->files->close(w->files->self, fd);
		return ERR_FULL;
	}
	w->empty[w->nempty++] = (struct writer_empty){ number, fd };
	return ERR_OK;
}

enum err
spool_large_begin(struct spool_writer *w, struct spool_large *large)
{
	struct spool_hasher *h;

	if (w->nempty == 0)
		return ERR_FULL;
	h = spool_hasher_new();
	if (h == NULL)
		return ERR_NOMEM;
	w->nempty--;
	*large = (struct spool_large){
		.number = w->empty[w->nempty].number,
		.fd = w->empty[w->nempty].fd,
		.hasher = h,
	};
	spool_hasher_begin(h, large->number);
	return ERR_OK;
}

enum err
spool_large_add(struct spool_writer *w, struct spool_large *large,
    struct span piece)
{
	struct iovec part = { (void *)(uintptr_t)piece.p, piece.n };
	enum err e;

	if (large->is_spoilt)
		return ERR_IO;
	e = spool_write_at(w->files, large->fd, &part, 1, large->size);
	if (e != ERR_OK) {
		large->is_spoilt = true;
		return e;
	}
	spool_hasher_add(large->hasher, piece);
	large->size += piece.n;
	return ERR_OK;
}

void
spool_large_drop(struct spool_writer *w, struct spool_large *large)
{
	struct spool_note note = { .kind = SPOOL_NOTE_LARGE,
		.number = large->number, .is_bad = true };

	if (large->hasher == NULL)
		return;
	spool_hasher_free(large->hasher);
	if (large->size == 0 && !large->is_spoilt &&
	    w->nempty < COUNT(w->empty)) {
		w->empty[w->nempty++] =
		    (struct writer_empty){ large->number, large->fd };
	} else {
		(void)w->files->close(w->files->self, large->fd);
		writer_note(w, &note);
	}
	*large = (struct spool_large){ .fd = -1 };
}

void
spool_writer_announce(struct spool_writer *w)
{
	for (size_t i = 0; i < COUNT(w->parts); i++)
		w->is_dirty[i] = w->parts[i].is_held;
	/*
	 * What failed, too: reads of it may show what its disk has lost, and
	 * the new queue's own sync of it would succeed.
	 */
	for (size_t i = 0; i < w->npoison; i++) {
		const struct spool_note note = {
			.kind = SPOOL_NOTE_SEALED,
			.number = w->poison[i].number,
			.generation = w->poison[i].generation,
			.durable = w->poison[i].last_good,
			.is_bad = true,
		};

		writer_note(w, &note);
	}
}

/* Sealed segments first: what they hold is older. */
bool
spool_writer_next_note(struct spool_writer *w, struct spool_note *note)
{
	for (size_t i = 0; i < COUNT(w->parts); i++) {
		const struct spool_part *p = &w->parts[i];

		if (!w->is_dirty[i] || !p->is_held)
			continue;
		w->is_dirty[i] = false;
		*note = (struct spool_note){
			.kind = SPOOL_NOTE_DURABLE,
			.number = p->grant.number,
			.generation = p->grant.generation,
			.durable = p->durable,
		};
		return true;
	}
	if (w->nnotes == 0)
		return false;
	*note = w->notes[0];
	w->nnotes--;
	memmove(w->notes, w->notes + 1, w->nnotes * sizeof *w->notes);
	return true;
}
