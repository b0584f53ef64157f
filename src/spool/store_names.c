/*
 * store_names.c - what lies in the spool's folder, and what each file says that
 * it is.
 *
 * First only looked at, so that a newer format or a strange file is found before
 * anything has been changed; then tidied.
 */
#include "spool/recover_priv.h"

#include <errno.h>

enum name_kind {
	NAME_STRANGE,
	NAME_OURS,		/* lock, reserve, journal, quarantine */
	NAME_FRESH,		/* *.new: was never in use */
	NAME_SEGMENT,
	NAME_LARGE
};

static bool
name_number(const char *name, const char *prefix, uint64_t *number)
{
	size_t n = strlen(prefix);
	uint64_t v = 0;

	if (strncmp(name, prefix, n) != 0 || strlen(name) != n + 16)
		return false;
	for (const char *p = name + n; *p != '\0'; p++) {
		const char *digits = "0123456789abcdef";
		const char *at = strchr(digits, *p);

		if (at == NULL)
			return false;
		v = v << 4 | (uint64_t)(at - digits);
	}
	*number = v;
	return v != 0;
}

static bool
name_is_fresh(const char *name)
{
	size_t n = strlen(name);
	char stem[SPOOL_NAME_MAX];
	uint64_t number;

	if (n < 5 || n >= sizeof stem || strcmp(name + n - 4, ".new") != 0)
		return false;
	memcpy(stem, name, n - 4);
	stem[n - 4] = '\0';
	return strcmp(stem, "journal") == 0 ||
	    name_number(stem, "segment-", &number) ||
	    name_number(stem, "large-", &number);
}

static enum name_kind
name_classify(const char *name, uint64_t *number)
{
	static const char *const ours[] = { "lock", "reserve", "journal",
		"quarantine" };

	for (size_t i = 0; i < COUNT(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return NAME_OURS;
	if (name_number(name, "segment-", number))
		return NAME_SEGMENT;
	if (name_number(name, "large-", number))
		return NAME_LARGE;
	return name_is_fresh(name) ? NAME_FRESH : NAME_STRANGE;
}

void
listing_add(void *arg, const char *name)
{
	struct listing *l = arg;

	if (l->error == ERR_OK)
		l->error = buf_add(&l->names, span_of(name, strlen(name) + 1));
}

/* --- segments ------------------------------------------------------------ */

enum err
front_read(struct store *s, int fd, size_t n)
{
	size_t got;
	enum err e;

	buf_cut(&s->bulk, 0);
	e = buf_room(&s->bulk, n);
	if (e == ERR_OK)
		e = spool_read_at(s->files, fd, s->bulk.p, n, 0, &got);
	if (e == ERR_OK)
		buf_grew(&s->bulk, got);
	return e;
}

/* ERR_CORRUPT: no head holds. */
static enum err
segment_open(struct store *s, const char *name, uint64_t number)
{
	struct spool_segment_head head;
	struct segment *g;
	uint64_t size;
	enum err e;
	int fd = s->files->open(s->files->self, s->dir, name,
	    SPOOL_READ | SPOOL_WRITE);

	if (fd < 0)
		return errno == EPERM || errno == ELOOP ? ERR_CORRUPT : ERR_IO;
	e = front_read(s, fd, SPOOL_FIRST);
	if (e == ERR_OK)
		e = spool_segment_head_decode(buf_span(&s->bulk), number,
		    &head);
	if (e == ERR_OK && s->files->size(s->files->self, fd, &size) < 0)
		e = ERR_IO;
	if (e == ERR_OK && (head.number != number || head.size > size ||
	    head.size < STORE_SEGMENT_SIZE_MIN ||
	    head.size % SPOOL_BLOCK != 0))
		e = ERR_CORRUPT;
	g = e == ERR_OK ? segment_new(number, head.generation, head.size, fd)
			: NULL;
	if (e == ERR_OK && g == NULL)
		e = ERR_NOMEM;
	if (e != ERR_OK) {
		(void)s->files->close(s->files->self, fd);
		return e;
	}
	g->state = SEGMENT_HELD;
	return store_segment_add(s, g);
}

/*
 * A queue may have died over a new head.  Which of the two counts is to be sure
 * before the journal is renewed, for that speaks of one generation: it is synced
 * and read from the disk once more.
 */
static enum err
head_settle(struct store *s, struct segment *g)
{
	struct spool_segment_head head;
	enum err e;

	store_syncing(s);
	if (spool_sync(s->files, g->fd) != ERR_OK) {
		g->is_poisoned = true;
		store_alarm(s, STORE_ALARM_SYNC, g, SPOOL_FIRST, 0, NULL);
	}
	s->files->forget(s->files->self, g->fd, 0, SPOOL_FIRST);
	e = front_read(s, g->fd, SPOOL_FIRST);
	if (e == ERR_OK && spool_segment_head_decode(buf_span(&s->bulk),
	    g->number, &head) == ERR_OK && head.size == g->size) {
		g->generation = head.generation;
		g->seal = spool_seal_of(head.number, head.generation);
	}
	return e;
}

enum err
heads_settle(struct store *s)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < store_segment_count(s) && e == ERR_OK; i++)
		e = head_settle(s, store_segment_at(s, i));
	return e;
}

enum err
names_look(struct store *s, const struct listing *l, struct buf *strange)
{
	for (size_t at = 0; at < l->names.n;) {
		const char *name = (const char *)l->names.p + at;
		uint64_t number = 0;
		enum err e = ERR_OK;

		at += strlen(name) + 1;
		switch (name_classify(name, &number)) {
		case NAME_SEGMENT:
			e = segment_open(s, name, number);
			s->next_segment = MAX(s->next_segment, number + 1);
			break;
		case NAME_LARGE:
			s->next_large = MAX(s->next_large, number + 1);
			e = store_large_add(s, &(struct store_large){
			    .number = number, .state = LARGE_HANDED });
			break;
		case NAME_STRANGE:
			e = ERR_CORRUPT;
			break;
		case NAME_OURS:
		case NAME_FRESH:
			break;
		}
		if (e == ERR_CORRUPT)
			e = buf_add(strange, span_of(name, strlen(name) + 1));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err
names_tidy(struct store *s, const struct listing *l, const struct buf *strange)
{
	for (size_t at = 0; at < strange->n;) {
		const char *name = (const char *)strange->p + at;
		enum err e = quarantine_file(s, name);

		if (e != ERR_OK)
			return e;
		at += strlen(name) + 1;
	}
	for (size_t at = 0; at < l->names.n;) {
		const char *name = (const char *)l->names.p + at;
		uint64_t number;

		at += strlen(name) + 1;
		if (name_classify(name, &number) == NAME_FRESH)
			(void)s->files->unlink(s->files->self, s->dir, name);
		if (strcmp(name, "reserve") == 0)
			s->has_reserve = true;
	}
	return ERR_OK;
}
