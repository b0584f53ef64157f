/*
 * history.c - days in a row: the one that is written, those that are read.
 */
#include "role/admin/history.h"

#include "os/file.h"
#include "role/admin/day.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIDY_MS		UINT64_C(600000)	/* between looks at old days */
#define SECOND_MS	1000u

struct history {
	int			 dir;
	struct history_limits	 limits;
	struct day		 today;
	struct buf		 waiting;	/* will lie at today.end */
	uint64_t		 dropped;
	uint64_t		 size;		/* octets of the other days */
	uint64_t		 tidied_ms;
};

/* Old days */

/* Days since 1970 of `YYYY-MM-DD.events`; false: another name. */
static bool
day_of_name(const char *name, uint64_t today, uint64_t *day)
{
	char expected[EVENT_TIME_MAX];

	/* A few thousand tries at most, and only for names of this form. */
	if (strlen(name) != 17 || strcmp(name + 10, ".events") != 0)
		return false;
	for (uint64_t back = 0; back <= today && back < 4000; back++) {
		day_name(today - back, "events", expected);
		if (strcmp(name, expected) != 0)
			continue;
		*day = today - back;
		return true;
	}
	return false;
}

struct survey {
	uint64_t	oldest;		/* day; UINT64_MAX: none but today */
	uint64_t	size;		/* octets of all but today's */
};

static uint64_t
size_at(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ?
	    (uint64_t)st.st_size : 0;
}

static uint64_t
day_size(int dir, uint64_t day)
{
	char events[EVENT_TIME_MAX], index[EVENT_TIME_MAX];

	day_name(day, "events", events);
	day_name(day, "index", index);
	return size_at(dir, events) + size_at(dir, index);
}

static bool
survey_make(const struct history *h, struct survey *s)
{
	int fd = openat(h->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	uint64_t day;

	*s = (struct survey){ .oldest = UINT64_MAX };
	if (d == NULL) {
		file_close(fd);
		return false;
	}
	while ((entry = readdir(d)) != NULL) {
		if (!day_of_name(entry->d_name, h->today.day, &day) ||
		    day == h->today.day)
			continue;
		s->size += day_size(h->dir, day);
		s->oldest = MIN(s->oldest, day);
	}
	(void)closedir(d);
	return true;
}

static void
day_remove(const struct history *h, uint64_t day)
{
	char name[EVENT_TIME_MAX];

	day_name(day, "events", name);
	(void)unlinkat(h->dir, name, 0);
	day_name(day, "index", name);
	(void)unlinkat(h->dir, name, 0);
}

static bool
is_too_much(const struct history *h, const struct survey *s)
{
	uint64_t keep_days = h->limits.keep_s * SECOND_MS / EVENT_DAY_MS;

	if (s->oldest == UINT64_MAX)
		return false;
	return s->oldest + keep_days < h->today.day ||
	    s->size + h->today.end > h->limits.size;
}

static void
tidy(struct history *h, uint64_t now_ms)
{
	struct survey s;
	uint64_t last = UINT64_MAX;

	h->tidied_ms = now_ms;
	while (survey_make(h, &s) && is_too_much(h, &s) && s.oldest != last) {
		last = s.oldest;
		day_remove(h, last);
	}
	h->size = s.size;
}

/* Today */

enum err
history_open(int dir, struct history_limits limits, uint64_t now_ms,
    struct history **out)
{
	struct history *h = calloc(1, sizeof *h);
	enum err e;

	if (h == NULL)
		return ERR_NOMEM;
	h->dir = dir;
	h->limits = limits;
	h->waiting = buf_make(HISTORY_WAITING);
	e = day_open_write(dir, now_ms / EVENT_DAY_MS, &h->today);
	if (e != ERR_OK) {
		free(h);
		return e;
	}
	tidy(h, now_ms);
	*out = h;
	return ERR_OK;
}

void
history_close(struct history *h, uint64_t now_ms)
{
	if (h == NULL)
		return;
	history_flush(h, now_ms);
	history_save_index(h);
	day_close(&h->today);
	buf_free(&h->waiting);
	free(h);
}

void
history_add(struct history *h, const struct event *e)
{
	uint64_t at = h->today.end + h->waiting.n, prev = 0;
	uint32_t slot = 0;
	bool has_slot = day_slot(e->text, &slot);

	if (h->today.slots == NULL || h->size + at > h->limits.size) {
		h->dropped++;
		return;
	}
	if (has_slot)
		prev = h->today.slots[slot];
	if (day_encode(e, prev, &h->waiting) != ERR_OK) {
		h->dropped++;
		return;
	}
	if (has_slot)
		h->today.slots[slot] = at + 1;
}

/* What is not written stays and is tried again: a full disk may pass. */
static void
write_waiting(struct history *h)
{
	while (h->waiting.n > 0) {
		ssize_t n = pwrite(h->today.events, h->waiting.p,
		    h->waiting.n, (off_t)h->today.end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		h->today.end += (uint64_t)n;
		buf_drop(&h->waiting, (size_t)n);
	}
}

/* A clock that was set back goes on in the day it had. */
static void
turn_day(struct history *h, uint64_t now_ms)
{
	uint64_t day = now_ms / EVENT_DAY_MS;

	if (day <= h->today.day)
		return;
	/* What a full disk did not take of the old day ends with it. */
	h->dropped += h->waiting.n > 0;
	buf_cut(&h->waiting, 0);
	day_save_index(&h->today);
	day_close(&h->today);
	if (day_open_write(h->dir, day, &h->today) != ERR_OK)
		h->today.day = day - 1;		/* try again at the next flush */
	tidy(h, now_ms);
}

void
history_flush(struct history *h, uint64_t now_ms)
{
	if (h->today.events >= 0)
		write_waiting(h);
	turn_day(h, now_ms);
	if (now_ms > h->tidied_ms + TIDY_MS)
		tidy(h, now_ms);
}

void
history_save_index(struct history *h)
{
	if (h->waiting.n == 0)
		day_save_index(&h->today);
}

uint64_t
history_take_dropped(struct history *h)
{
	uint64_t n = h->dropped;

	h->dropped = 0;
	return n;
}

/* A trace */

struct trace {
	char		 id[MSG_ID_LETTERS + 1];
	uint32_t	 slot;
	uint64_t	 found[HISTORY_TRACE_MAX];	/* newest first */
	size_t		 n;
	uint64_t	 shown;
	bool		 is_enough;
	bool	       (*each)(void *ctx, const struct event *e);
	void		*ctx;
};

static bool
is_about(const struct trace *t, const struct event *e)
{
	return span_starts(e->text, span_of(t->id, MSG_ID_LETTERS));
}

/* Each step goes back in the file, whatever is written there. */
static void
walk_chain(struct trace *t, const struct day *d)
{
	uint8_t room[DAY_RECORD_MAX];
	uint64_t at = day_newest(d, t->slot), prev, size;
	struct event e;

	while (at > 0 && at <= d->end && t->n < HISTORY_TRACE_MAX) {
		if (day_read(d, at - 1, room, &e, &prev, &size) != ERR_OK)
			return;
		if (is_about(t, &e))
			t->found[t->n++] = at - 1;
		if (prev >= at)
			return;
		at = prev;
	}
}

static void
show_at(struct trace *t, const struct day *d, uint64_t at)
{
	uint8_t room[DAY_RECORD_MAX];
	uint64_t prev, size;
	struct event e;

	if (t->is_enough || day_read(d, at, room, &e, &prev, &size) != ERR_OK)
		return;
	t->shown++;
	t->is_enough = !t->each(t->ctx, &e);
}

/* Behind the index of a day that ended in a crash. */
static void
show_uncovered(struct trace *t, const struct day *d)
{
	uint8_t room[DAY_RECORD_MAX];
	uint64_t at = d->covered, prev, size;
	struct event e;

	while (day_read(d, at, room, &e, &prev, &size) == ERR_OK) {
		if (is_about(t, &e) && !t->is_enough) {
			t->shown++;
			t->is_enough = !t->each(t->ctx, &e);
		}
		at += size;
	}
}

static void
trace_day(struct trace *t, const struct day *d)
{
	t->n = 0;
	walk_chain(t, d);
	while (t->n > 0) {
		uint64_t at = t->found[--t->n];

		/* A slot may know more than its index claims. */
		if (d->slots != NULL || at < d->covered)
			show_at(t, d, at);
	}
	if (d->slots == NULL)
		show_uncovered(t, d);
}

static void
trace_old_day(const struct history *h, struct trace *t, uint64_t day)
{
	struct day d;

	if (day_open_read(h->dir, day, &d) != ERR_OK)
		return;
	trace_day(t, &d);
	day_close(&d);
}

uint64_t
history_trace(struct history *h, const struct msg_id *id, uint64_t now_ms,
    bool (*each)(void *ctx, const struct event *e), void *ctx)
{
	struct trace *t = calloc(1, sizeof *t);
	uint64_t ms = 0, shown, day;

	if (t == NULL)
		return 0;
	for (size_t i = 0; i < 6; i++)
		ms = ms << 8 | id->octets[i];
	history_flush(h, now_ms);
	msg_id_print(id, t->id);
	(void)day_slot(span_of(t->id, MSG_ID_LETTERS), &t->slot);
	t->each = each;
	t->ctx = ctx;
	day = ms / EVENT_DAY_MS;
	/* No older day is kept, whatever the id says. */
	day = MAX(day, h->today.day -
	    MIN(h->today.day, h->limits.keep_s / 86400 + 1));
	for (; day < h->today.day && !t->is_enough; day++)
		trace_old_day(h, t, day);
	if (h->today.slots != NULL && !t->is_enough)
		trace_day(t, &h->today);
	shown = t->shown;
	free(t);
	return shown;
}
