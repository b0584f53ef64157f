/*
 * day.c - records and slots of one day's files.
 */
#include "role/admin/day.h"

#include "base/siphash.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC		UINT64_C(0x3158444e49534850)	/* "PHSINDX1" */
#define RECORD_HEAD	8u		/* length and check */
#define SLOT_OCTETS	sizeof(uint64_t)
#define INDEX_OCTETS	(HISTORY_SLOTS * SLOT_OCTETS)

void
day_name(uint64_t day, const char *suffix, char name[EVENT_TIME_MAX])
{
	size_t n;

	event_day(day, name);
	n = strlen(name);
	(void)snprintf(name + n, EVENT_TIME_MAX - n, ".%s", suffix);
}

bool
day_slot(struct span text, uint32_t *slot)
{
	struct msg_id id;

	if (!event_id(text, &id))
		return false;
	*slot = (uint32_t)id.octets[14] << 8 | id.octets[15];
	return true;
}

/* Against torn writes, not against enemies: the key is known. */
static uint32_t
check_of(struct span s)
{
	static const struct siphash_key key = { 0x706f737468, 0x6f727365 };

	return (uint32_t)siphash(&key, s);
}

/* Records */

enum err
day_encode(const struct event *e, uint64_t prev, struct buf *to)
{
	struct pack w = { .to = to };
	size_t begin = to->n;
	uint32_t check;

	pack_u32(&w, (uint32_t)(8 + 8 + 1 + 1 + 4 + 4 + e->text.n));
	pack_u32(&w, 0);
	pack_u64(&w, prev);
	pack_u64(&w, e->wall_ms);
	pack_u8(&w, e->level);
	pack_u8(&w, e->role);
	pack_u32(&w, e->index);
	pack_octets(&w, e->text);
	if (w.error != ERR_OK) {
		buf_cut(to, begin);
		return w.error;
	}
	check = check_of(span_of(to->p + begin + RECORD_HEAD,
	    to->n - begin - RECORD_HEAD));
	for (size_t i = 0; i < sizeof check; i++)
		to->p[begin + 4 + i] = (uint8_t)(check >> 8 * i);
	return ERR_OK;
}

static enum err
record_decode(struct span in, struct event *e, uint64_t *prev, uint64_t *size)
{
	struct unpack r = { .in = in };
	uint32_t length = unpack_u32(&r), check = unpack_u32(&r);
	struct span body = unpack_raw(&r, length);

	if (r.is_bad || check != check_of(body))
		return ERR_CORRUPT;
	r = (struct unpack){ .in = body };
	*prev = unpack_u64(&r);
	e->wall_ms = unpack_u64(&r);
	e->level = unpack_u8(&r);
	e->role = unpack_u8(&r);
	e->index = unpack_u32(&r);
	e->text = unpack_octets(&r, LOG_LINE_MAX);
	if (!unpack_is_done(&r) || e->role >= IPC_ROLE_COUNT ||
	    e->level >= LOG_LEVEL_COUNT)
		return ERR_CORRUPT;
	*size = RECORD_HEAD + (uint64_t)length;
	return ERR_OK;
}

static size_t
read_at(int fd, void *to, size_t n, uint64_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, (uint8_t *)to + got, n - got,
		    (off_t)(at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

static bool
write_at(int fd, const void *from, size_t n, uint64_t at)
{
	size_t put = 0;

	while (put < n) {
		ssize_t r = pwrite(fd, (const uint8_t *)from + put, n - put,
		    (off_t)(at + put));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		put += (size_t)r;
	}
	return true;
}

enum err
day_read(const struct day *d, uint64_t at, uint8_t room[DAY_RECORD_MAX],
    struct event *e, uint64_t *prev, uint64_t *size)
{
	size_t n = read_at(d->events, room, DAY_RECORD_MAX, at);

	return record_decode(span_of(room, n), e, prev, size);
}

/* Index */

/* An index that does not fit its events is none. */
static void
head_read(struct day *d)
{
	uint8_t head[16] = { 0 };
	struct unpack r = { .in = span_of(head, sizeof head) };
	uint64_t covered;

	d->covered = 0;
	if (d->index < 0 ||
	    read_at(d->index, head, sizeof head, 0) != sizeof head ||
	    unpack_u64(&r) != MAGIC)
		return;
	covered = unpack_u64(&r);
	if (covered <= d->end)
		d->covered = covered;
}

uint64_t
day_newest(const struct day *d, uint32_t slot)
{
	uint64_t newest;

	if (d->slots != NULL)
		return d->slots[slot];
	if (d->covered == 0 || read_at(d->index, &newest, sizeof newest,
	    HISTORY_HEAD + slot * SLOT_OCTETS) != sizeof newest)
		return 0;
	return newest;
}

void
day_save_index(struct day *d)
{
	uint8_t head[16];
	struct buf b = { .p = head, .room = sizeof head, .limit = sizeof head };
	struct pack w = { .to = &b };

	if (d->index < 0 || d->slots == NULL || d->covered == d->end)
		return;
	pack_u64(&w, MAGIC);
	pack_u64(&w, d->end);
	/* Slots first: a head never claims what is not there. */
	if (write_at(d->index, d->slots, INDEX_OCTETS, HISTORY_HEAD) &&
	    write_at(d->index, head, sizeof head, 0))
		d->covered = d->end;
}

/* Go on behind what the index covers, up to the first event that is torn. */
static void
catch_up(struct day *d)
{
	uint8_t room[DAY_RECORD_MAX];
	struct event e;
	uint64_t prev, size, at = d->covered;
	uint32_t slot;

	while (day_read(d, at, room, &e, &prev, &size) == ERR_OK) {
		if (day_slot(e.text, &slot))
			d->slots[slot] = at + 1;
		at += size;
	}
	d->end = at;
}

/* Files */

static enum err
files_open(int dir, struct day *d, int flags)
{
	char name[EVENT_TIME_MAX];
	struct stat st;
	enum err e;

	day_name(d->day, "events", name);
	e = file_open_at(dir, name, flags, 0600, &d->events);
	if (e != ERR_OK)
		return e;
	if (fstat(d->events, &st) != 0 || !S_ISREG(st.st_mode))
		return ERR_IO;
	d->end = (uint64_t)st.st_size;
	day_name(d->day, "index", name);
	/* Without an index all is read: slow, and right. */
	if (file_open_at(dir, name, flags, 0600, &d->index) != ERR_OK)
		d->index = -1;
	return ERR_OK;
}

enum err
day_open_read(int dir, uint64_t day, struct day *d)
{
	enum err e;

	*d = (struct day){ .events = -1, .index = -1, .day = day };
	e = files_open(dir, d, O_RDONLY);
	if (e != ERR_OK) {
		day_close(d);
		return e;
	}
	head_read(d);
	return ERR_OK;
}

static enum err
slots_read(struct day *d)
{
	d->slots = calloc(HISTORY_SLOTS, SLOT_OCTETS);
	if (d->slots == NULL)
		return ERR_NOMEM;
	if (d->covered > 0 && read_at(d->index, d->slots, INDEX_OCTETS,
	    HISTORY_HEAD) != INDEX_OCTETS) {
		memset(d->slots, 0, INDEX_OCTETS);
		d->covered = 0;
	}
	return ERR_OK;
}

enum err
day_open_write(int dir, uint64_t day, struct day *d)
{
	uint64_t size;
	enum err e;

	*d = (struct day){ .events = -1, .index = -1, .day = day };
	e = files_open(dir, d, O_RDWR | O_CREAT);
	if (e == ERR_OK) {
		head_read(d);
		e = slots_read(d);
	}
	if (e != ERR_OK) {
		day_close(d);
		return e;
	}
	size = d->end;
	catch_up(d);
	if (d->end < size && ftruncate(d->events, (off_t)d->end) != 0) {
		day_close(d);
		return ERR_IO;
	}
	return ERR_OK;
}

void
day_close(struct day *d)
{
	file_close(d->events);
	file_close(d->index);
	free(d->slots);
	*d = (struct day){ .events = -1, .index = -1, .day = d->day };
}
