/*
 * rig.h - a store in a scratch directory, a writer for it, and what it told us.
 */
#ifndef POSTHORSE_TESTS_SPOOL_RIG_H
#define POSTHORSE_TESTS_SPOOL_RIG_H

#include "check.h"

#include "spool/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIG_SEGMENT	(1u << 20)
#define RIG_OWNER	7u
#define RIG_MESSAGES	64u

struct rig {
	struct spool_files	 files;
	struct store_events	 events;
	struct store_options	 options;
	struct store		*store;
	struct spool_writer	*writer;
	char			 path[64];
	int			 dir;
	struct store_message	*messages[RIG_MESSAGES];
	struct msg_id		 ids[RIG_MESSAGES];
	size_t			 nmessages;
	unsigned int		 outcomes, lost, alarms[STORE_ALARM_COUNT];
	struct store_outcome	 last;
};

static inline void
rig_message(void *arg, struct store_message *m, const struct envelope *e,
    const struct content_facts *facts, uint64_t size)
{
	struct rig *r = arg;

	(void)facts;
	(void)size;
	assert_true(r->nmessages < RIG_MESSAGES);
	r->ids[r->nmessages] = e->id;
	r->messages[r->nmessages++] = m;
}

static inline void
rig_outcome(void *arg, struct store_message *m, uint32_t slot,
    const struct store_outcome *o)
{
	struct rig *r = arg;

	(void)m;
	(void)slot;
	r->outcomes++;
	r->last = *o;
	r->last.words = (struct span){ 0 };
}

static inline void
rig_lost(void *arg, struct store_message *m)
{
	(void)m;
	((struct rig *)arg)->lost++;
}

static inline void
rig_alarm(void *arg, const struct store_alarm *a)
{
	((struct rig *)arg)->alarms[a->kind]++;
}

static inline enum err
rig_open_store(struct rig *r)
{
	r->nmessages = 0;
	r->outcomes = r->lost = 0;
	memset(r->alarms, 0, sizeof r->alarms);
	return store_open(&r->files, r->dir, &r->options, &r->events,
	    &r->store);
}

static inline void
rig_begin(struct rig *r)
{
	*r = (struct rig){ .files = spool_files_posix(),
		.options = { .segment_size = RIG_SEGMENT },
		.path = "/tmp/posthorse-spool-XXXXXX" };
	r->events = (struct store_events){ r, rig_message, rig_outcome,
		rig_lost, rig_alarm };
	assert_non_null(mkdtemp(r->path));
	r->dir = open(r->path, O_RDONLY | O_DIRECTORY);
	assert_true(r->dir >= 0);
	assert_int_equal(rig_open_store(r), ERR_OK);
	assert_int_equal(spool_writer_new(&r->files, &r->writer), ERR_OK);
}

static inline void
rig_remove_all(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		int sub;

		if (e->d_name[0] == '.')
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0)
			continue;
		sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY);
		if (sub >= 0) {
			rig_remove_all(sub);
			(void)close(sub);
		}
		(void)unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

static inline void
rig_end(struct rig *r)
{
	store_close(r->store);
	spool_writer_free(r->writer);
	rig_remove_all(r->dir);
	(void)close(r->dir);
	(void)rmdir(r->path);
}

/* The process dies: memory is gone, files stay as they are. */
static inline void
rig_restart(struct rig *r)
{
	store_close(r->store);
	spool_writer_free(r->writer);
	r->store = NULL;
	r->writer = NULL;
	assert_int_equal(spool_writer_new(&r->files, &r->writer), ERR_OK);
	assert_int_equal(rig_open_store(r), ERR_OK);
}

/* Make, hand out, adopt, until the writer wants nothing. */
static inline void
rig_supply(struct rig *r)
{
	struct spool_grant g;
	struct spool_job job;
	uint64_t number;
	int fd;

	for (unsigned int i = 0; i < 32; i++) {
		if (store_make_wanted(r->store) &&
		    store_make_begin(r->store, &job)) {
			spool_job_run(&job);
			assert_int_equal(job.error, ERR_OK);
			store_make_end(r->store, &job);
		}
		if (spool_writer_wants(r->writer) > 0 &&
		    store_take_segment(r->store, RIG_OWNER, &g) == ERR_OK)
			assert_int_equal(spool_writer_adopt(r->writer, &g),
			    ERR_OK);
		if (spool_writer_wants_large(r->writer) > 0 &&
		    store_take_large(r->store, RIG_OWNER, &number, &fd) ==
			ERR_OK)
			assert_int_equal(spool_writer_adopt_large(r->writer,
			    number, fd), ERR_OK);
	}
	assert_int_equal(spool_writer_wants(r->writer), 0);
}

/* What the writer says reaches the store. */
static inline void
rig_notes(struct rig *r)
{
	struct spool_note n;
	enum err e;

	while (spool_writer_next_note(r->writer, &n)) {
		if (n.kind == SPOOL_NOTE_DURABLE)
			e = store_advance(r->store, RIG_OWNER, n.number,
			    n.generation, n.durable);
		else if (n.kind == SPOOL_NOTE_SEALED)
			e = store_sealed(r->store, RIG_OWNER, n.number,
			    n.generation, n.durable, n.is_bad);
		else
			e = store_large_used(r->store, RIG_OWNER, n.number,
			    n.is_bad);
		assert_int_equal(e, ERR_OK);
	}
}

static inline struct spool_synced
rig_sync_writer(struct rig *r)
{
	struct spool_job job;

	assert_true(spool_writer_wants_sync(r->writer));
	spool_writer_begin_sync(r->writer, &job);
	spool_job_run(&job);
	return spool_writer_end_sync(r->writer, &job);
}

static inline uint64_t
rig_sync_store(struct rig *r)
{
	struct spool_job job;

	if (!store_sync_wanted(r->store) ||
	    !store_sync_begin(r->store, &job))
		return 0;
	spool_job_run(&job);
	return store_sync_end(r->store, &job).acked;
}

/* An envelope of n recipients into *to. */
static inline void
rig_envelope(struct rig *r, unsigned int n, struct msg_id *id, struct buf *to)
{
	struct buf list = buf_make(65536);
	struct envelope e = { .reverse_path = SPAN("a@example.org"),
		.nrecipients = n };

	assert_int_equal(spool_new_id(&r->files, id), ERR_OK);
	e.id = *id;
	for (unsigned int i = 0; i < n; i++) {
		struct envelope_recipient one = { SPAN("b@example.net"),
			ENVELOPE_REMOTE, { 0 }, { 0 } };

		assert_int_equal(envelope_add_recipient(&list, &one), ERR_OK);
	}
	e.recipients = buf_span(&list);
	assert_int_equal(envelope_encode(&e, to), ERR_OK);
	buf_free(&list);
}

static inline enum err
rig_append(struct rig *r, unsigned int nrecipients, struct span content,
    struct msg_id *id, uint64_t *ticket)
{
	static const struct content_facts facts;
	struct buf envelope = buf_make(ENVELOPE_MAX);
	struct spool_message m = { .id = id, .added = SPAN("X: y\r\n"),
		.content = &content, .ncontent = 1, .facts = &facts };
	enum err e;

	rig_envelope(r, nrecipients, id, &envelope);
	m.envelope = buf_span(&envelope);
	e = spool_append(r->writer, &m, ticket);
	buf_free(&envelope);
	return e;
}

/* One message all the way to the store. */
static inline struct msg_id
rig_receive(struct rig *r, unsigned int nrecipients, const char *content)
{
	struct msg_id id;
	uint64_t ticket;

	assert_int_equal(rig_append(r, nrecipients, span_str(content), &id,
	    &ticket), ERR_OK);
	assert_true(rig_sync_writer(r).acked >= ticket);
	rig_notes(r);
	return id;
}

static inline void
rig_settle(struct rig *r, struct store_message *m, uint32_t slot,
    enum store_fate fate, const char *words)
{
	struct store_outcome o = { fate, 12345, 3, span_str(words) };
	uint64_t ticket;

	assert_int_equal(store_settle(r->store, m, slot, &o, &ticket), ERR_OK);
}

/* The octets that would be sent, as a C string. */
static inline void
rig_text(struct rig *r, struct store_message *m, char *to, size_t room)
{
	struct store_piece pieces[16];
	size_t n, at = 0;

	assert_int_equal(store_claim(r->store, m, pieces, COUNT(pieces), &n),
	    ERR_OK);
	for (size_t i = 0; i < n; i++) {
		assert_true(at + pieces[i].n < room);
		assert_int_equal(pread(pieces[i].fd, to + at, pieces[i].n,
		    (off_t)pieces[i].at), pieces[i].n);
		at += pieces[i].n;
	}
	to[at] = '\0';
}

#endif
