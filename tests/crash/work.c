/*
 * work.c - the parts of a working system, and how each of them dies.
 */
#include "world.h"

#include <errno.h>
#include <stdlib.h>

static void
store_start(struct world *w, bool has_writers)
{
	struct store_options options = world_options;

	options.has_writers = has_writers;
	for (size_t i = 0; i < w->nentries; i++)
		w->entries[i].m = NULL;
	while (store_open(&w->files, DISK_ROOT, &options, &w->events,
	    &w->store) != ERR_OK) {
		/* Only what we made fail may fail, and only once. */
		if (!w->is_faulty)
			world_fail(w, "the store does not open");
		w->is_faulty = false;
		w->disk->full_after = 0;
		for (size_t i = 0; i < w->nentries; i++)
			w->entries[i].m = NULL;
	}
}

static void
receiver_start(struct world *w)
{
	struct world_receiver *r = world_receiver(w);

	*r = (struct world_receiver){ .owner = ++w->last_owner };
	if (spool_writer_new(&w->files, &r->writer) != ERR_OK)
		abort();
}

void
world_open(struct world *w)
{
	w->files = disk_table(w->disk);
	w->disk->before = world_cut;
	w->disk->losing = copies_losing;
	w->disk->arg = w->disk->losing_arg = w;
	store_start(w, false);
	for (w->at = w->nreceivers; w->at-- > 0;)
		receiver_start(w);
	w->at = 0;
}

/* One step of a job that began: it is run, or it ends. */
static bool
flight_goes_on(struct world_job *x)
{
	if (x->flight != FLIGHT_BEGUN)
		return false;
	spool_job_run(&x->job);
	x->flight = FLIGHT_RUN;
	return true;
}

static void
make_step(struct world *w)
{
	struct world_job *x = &w->making;

	if (flight_goes_on(x))
		return;
	if (x->flight == FLIGHT_RUN) {
		x->flight = FLIGHT_NONE;
		store_make_end(w->store, &x->job);
	} else if (store_make_wanted(w->store) &&
	    store_make_begin(w->store, &x->job)) {
		x->flight = FLIGHT_BEGUN;
	}
}

void
work_make(struct world *w)
{
	struct spool_job job;

	if (w->has_flights) {
		make_step(w);
		return;
	}
	for (unsigned int i = 0; i < 8 && store_make_wanted(w->store); i++) {
		if (!store_make_begin(w->store, &job))
			return;
		spool_job_run(&job);
		store_make_end(w->store, &job);
	}
}

void
work_supply(struct world *w)
{
	struct world_receiver *r = world_receiver(w);
	struct spool_grant g;
	uint64_t number;
	int fd;

	work_make(w);
	while (spool_writer_wants(r->writer) > 0 &&
	    store_take_segment(w->store, r->owner, &g) == ERR_OK)
		(void)!spool_writer_adopt(r->writer, &g);
	while (spool_writer_wants_large(r->writer) > 0 &&
	    store_take_large(w->store, r->owner, &number, &fd) == ERR_OK)
		(void)!spool_writer_adopt_large(r->writer, number, fd);
}

static struct entry *
entry_new(struct world *w, size_t size, uint32_t nslots)
{
	struct entry *e;
	struct msg_id id;

	if (w->nentries == WORLD_MESSAGES)
		return NULL;
	if (spool_new_id(&w->files, &id) != ERR_OK)
		abort();
	if (world_find(w, &id) != NULL)
		world_fail(w, "SPL-11: an id was drawn twice");
	e = &w->entries[w->nentries];
	*e = (struct entry){ .id = id, .seed = w->nentries, .size = size,
		.nslots = nslots };
	w->nentries++;
	return e;
}

static void
envelope_of(const struct entry *e, struct buf *to)
{
	struct buf list = buf_make(4096);
	struct envelope env = { .id = e->id, .reverse_path = SPAN("a@b.example"),
		.nrecipients = e->nslots };

	for (uint32_t i = 0; i < e->nslots; i++) {
		struct envelope_recipient r = { SPAN("c@d.example"),
			ENVELOPE_REMOTE, { 0 }, { 0 } };

		if (envelope_add_recipient(&list, &r) != ERR_OK)
			abort();
	}
	env.recipients = buf_span(&list);
	if (envelope_encode(&env, to) != ERR_OK)
		abort();
	buf_free(&list);
}

static enum err
large_fill(struct world *w, struct spool_large *large, struct span content)
{
	enum err e = spool_large_begin(world_receiver(w)->writer, large);

	while (e == ERR_OK && content.n > 0)
		e = spool_large_add(world_receiver(w)->writer, large,
		    span_take(&content, 3000));
	return e;
}

/* From end of data to the record: 451 at once when that fails. */
void
work_submit(struct world *w, bool is_large, uint32_t nslots)
{
	static uint8_t content[1 << 17];
	static const struct content_facts facts;
	struct world_receiver *r = world_receiver(w);
	struct entry *e = entry_new(w, 20 + world_chance(w, 3000), nslots);
	struct buf envelope = buf_make(4096);
	struct spool_large large = { .fd = -1 };
	struct spool_cut cuts[WORLD_CUTS];
	struct spool_message m = { .facts = &facts, .ncontent = 1,
		.cuts = cuts };
	struct span text;
	enum err error = ERR_OK;

	if (e == NULL)
		return;
	e->receiver = w->at;
	envelope_of(e, &envelope);
	world_content(e, content);
	text = span_of(content, e->size);
	m.id = &e->id;
	m.envelope = buf_span(&envelope);
	m.content = &text;
	m.ncuts = world_cuts(e, cuts);
	if (is_large) {
		m.ncontent = 0;
		m.large = &large;
		error = large_fill(w, &large, text);
	}
	if (error == ERR_OK)
		error = spool_append(r->writer, &m, &e->ticket);
	if (error != ERR_OK) {
		e->answer = ANSWER_REFUSED;
		if (is_large)
			spool_large_drop(r->writer, &large);
	}
	buf_free(&envelope);
}

static void
writer_notes(struct world *w)
{
	struct world_receiver *r = world_receiver(w);
	struct spool_note n;

	while (spool_writer_next_note(r->writer, &n)) {
		if (n.kind == SPOOL_NOTE_DURABLE)
			(void)!store_advance(w->store, r->owner, n.number,
			    n.generation, n.durable);
		else if (n.kind == SPOOL_NOTE_SEALED)
			(void)!store_sealed(w->store, r->owner, n.number,
			    n.generation, n.durable, n.is_bad);
		else
			(void)!store_large_used(w->store, r->owner, n.number,
			    n.is_bad);
	}
}

static void
answers_give(struct world *w, const struct spool_synced *s)
{
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[i];

		if (e->answer != ANSWER_NONE || e->is_ours ||
		    e->receiver != w->at || e->ticket == 0)
			continue;
		if (s->failed != 0 && e->ticket >= s->failed_from &&
		    e->ticket <= s->failed)
			e->answer = spool_writer_wants(
			    world_receiver(w)->writer) == 2
			    ? ANSWER_MAYBE : ANSWER_REFUSED;
		else if (e->ticket <= s->acked)
			e->answer = e->is_cancelled ? ANSWER_REFUSED
						    : ANSWER_KEPT;
	}
}

void
work_writer_sync(struct world *w, bool finish)
{
	struct world_receiver *r = world_receiver(w);
	struct spool_synced s;

	if (!r->is_syncing) {
		if (!spool_writer_wants_sync(r->writer))
			return;
		spool_writer_begin_sync(r->writer, &r->job);
		r->is_syncing = true;
	}
	if (!finish)
		return;
	spool_job_run(&r->job);
	r->is_syncing = false;
	s = spool_writer_end_sync(r->writer, &r->job);
	answers_give(w, &s);
	writer_notes(w);
}

void
work_writers_sync(struct world *w)
{
	for (w->at = w->nreceivers; w->at-- > 0;)
		work_writer_sync(w, true);
	w->at = 0;
}

static void
tickets_give(struct world *w, uint64_t acked)
{
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[i];

		if (e->is_ours && e->answer == ANSWER_NONE &&
		    e->ticket != 0 && e->ticket <= acked)
			e->answer = ANSWER_KEPT;
		for (uint32_t k = 0; k < e->nslots; k++)
			if (e->asked[k] == ASKED && e->asked_ticket[k] <= acked)
				e->asked[k] = ASKED_DURABLE;
	}
}

static void
sync_step(struct world *w)
{
	struct world_job *x = &w->syncing;

	if (flight_goes_on(x))
		return;
	if (x->flight == FLIGHT_RUN) {
		x->flight = FLIGHT_NONE;
		tickets_give(w, store_sync_end(w->store, &x->job).acked);
	} else if (store_sync_wanted(w->store) &&
	    store_sync_begin(w->store, &x->job)) {
		x->flight = FLIGHT_BEGUN;
	}
}

void
work_land(struct world *w)
{
	while (w->syncing.flight != FLIGHT_NONE)
		sync_step(w);
	while (w->making.flight != FLIGHT_NONE)
		make_step(w);
}

/* The queue dies: a thread of it may still have done its work. */
static void
flights_lose(struct world *w, bool may_run)
{
	struct world_job *all[] = { &w->syncing, &w->making };

	for (size_t i = 0; i < COUNT(all); i++) {
		if (all[i]->flight == FLIGHT_BEGUN && may_run &&
		    world_chance(w, 2) == 0)
			(void)flight_goes_on(all[i]);
		if (all[i]->flight == FLIGHT_RUN && all[i]->job.is_making &&
		    all[i]->job.write_fd >= 0)
			(void)w->files.close(w->files.self,
			    all[i]->job.write_fd);
		all[i]->flight = FLIGHT_NONE;
	}
}

void
work_store_sync(struct world *w)
{
	struct spool_job job;

	if (w->has_flights) {
		sync_step(w);
		return;
	}
	if (!store_sync_wanted(w->store) || !store_sync_begin(w->store, &job))
		return;
	spool_job_run(&job);
	tickets_give(w, store_sync_end(w->store, &job).acked);
}

static size_t
bounce(struct world *w)
{
	static uint8_t content[1 << 13];
	static const struct content_facts facts;
	struct entry *e = entry_new(w,
	    100 + world_chance(w, w->has_bounces ? 8000 : 300), 1);
	struct buf envelope = buf_make(4096);
	struct spool_cut cuts[WORLD_CUTS];
	struct spool_message m = { .facts = &facts, .ncontent = 1,
		.cuts = cuts };
	struct span text;
	enum err error;

	if (e == NULL)
		return 0;
	e->is_ours = true;
	envelope_of(e, &envelope);
	world_content(e, content);
	text = span_of(content, e->size);
	m.id = &e->id;
	m.envelope = buf_span(&envelope);
	m.content = &text;
	m.ncuts = world_cuts(e, cuts);
	error = store_append(w->store, &m, &e->ticket);
	buf_free(&envelope);
	if (error != ERR_OK) {
		e->answer = ANSWER_REFUSED;
		return 0;
	}
	return (size_t)(e - w->entries) + 1;
}

static bool
entry_is_open(const struct entry *e)
{
	for (uint32_t k = 0; k < e->nslots; k++)
		if (e->asked[k] == ASKED_NOTHING)
			return true;
	return false;
}

void
work_settle(struct world *w, struct entry *e, uint32_t slot, enum store_fate fate)
{
	struct store_outcome o = { .fate = fate,
		.next_ms = w->disk->clock + 60000, .attempts = 1,
		.words = SPAN("450 4.2.0 later") };
	enum asked was = e->asked[slot];

	if (fate == STORE_FAILED && !e->is_ours) {
		e->bounce[slot] = bounce(w);
		if (e->bounce[slot] == 0)
			return;
	}
	if (fate != STORE_RETRY)
		e->asked[slot] = ASKED;
	/* Known before the ticket is: a crash may come inside of the call. */
	e->asked_ticket[slot] = UINT64_MAX;
	if (store_settle(w->store, e->m, slot, &o, &e->asked_ticket[slot]) !=
	    ERR_OK)
		e->asked[slot] = was;
	if (!entry_is_open(e))
		e->m = NULL;
}

void
work_settle_any(struct world *w, enum store_fate fate)
{
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[i];

		for (uint32_t k = 0; e->m != NULL && k < e->nslots; k++)
			if (e->asked[k] == ASKED_NOTHING) {
				work_settle(w, e, k, fate);
				return;
			}
	}
}

/* I2 while we live; false: not now, a read failed. */
static bool
claim(struct world *w, struct entry *e)
{
	bool is_same = false;
	enum err error = claim_compare(w, w->store, e->m, e, &w->files,
	    &is_same);

	if (error == ERR_OK && !is_same)
		world_fail(w, "I2: other octets than were sent");
	if (error != ERR_OK && error != ERR_IO)
		world_fail(w, "I2: %s", err_name(error));
	return error == ERR_OK;
}

void
work_deliver(struct world *w)
{
	static const enum store_fate fates[] = { STORE_DONE, STORE_DONE,
		STORE_DONE, STORE_RETRY, STORE_FAILED, STORE_DELETED };
	size_t from = world_chance(w, w->nentries + 1);

	if (!store_may_deliver(w->store))
		return;
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[(from + i) % w->nentries];
		uint32_t slot = (uint32_t)world_chance(w, WORLD_SLOTS);

		/* Every ninth stays for long: a straggler. */
		if (e->m == NULL || slot >= e->nslots ||
		    e->asked[slot] != ASKED_NOTHING ||
		    (e->seed % 9 == 0 && world_chance(w, 20) != 0))
			continue;
		if (claim(w, e))
			work_settle(w, e, slot,
			    fates[world_chance(w, COUNT(fates))]);
		return;
	}
}

void
work_cancel(struct world *w)
{
	struct entry *e;

	if (w->nentries == 0)
		return;
	e = &w->entries[w->nentries - 1];
	if (e->answer == ANSWER_NONE && !e->is_ours && e->ticket != 0 &&
	    e->ticket != UINT64_MAX &&
	    spool_cancel(w->receivers[e->receiver].writer, e->ticket))
		e->is_cancelled = true;
}

/* What this recovery did not show is gone for good; what it showed stays. */
static void
reconcile(struct world *w)
{
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[i];

		e->ticket = UINT64_MAX;
		if (e->m != NULL) {
			e->answer = ANSWER_KEPT;
			for (uint32_t k = 0; k < e->nslots; k++)
				if (!store_slot_is_settled(e->m, k)) {
					e->asked[k] = ASKED_NOTHING;
					e->bounce[k] = 0;
				} else {
					e->asked[k] = ASKED_DURABLE;
				}
			continue;
		}
		if (e->answer != ANSWER_KEPT) {
			e->answer = ANSWER_REFUSED;
			continue;
		}
		for (uint32_t k = 0; k < e->nslots; k++)
			e->asked[k] = ASKED_DURABLE;
	}
}

/* Whatever a sync would have done is lost with the power. */
static void
receivers_end(struct world *w)
{
	for (size_t i = 0; i < w->nreceivers; i++) {
		struct world_receiver *r = &w->receivers[i];
		struct spool_job none = r->job;

		none.error = ERR_OK;
		if (r->is_syncing)
			(void)spool_writer_end_sync(r->writer, &none);
		spool_writer_free(r->writer);
	}
}

/* The machine loses power and comes back. */
void
work_restart(struct world *w)
{
	struct disk *next = disk_crash(w->disk,
	    (enum disk_image)world_chance(w, IMAGE_SUBSET),
	    world_chance(w, w->disk->nops + 1));

	w->disk->before = NULL;
	receivers_end(w);
	flights_lose(w, false);
	store_close(w->store);
	disk_free(w->disk);
	w->disk = next;
	w->is_faulty = false;
	w->is_judging = true;	/* judged already, as an image */
	world_open(w);
	w->is_judging = false;
	reconcile(w);
	if (disk_octets(w->disk, DISK_ROOT, "strange").n == 0 &&
	    disk_octets(w->disk, DISK_KEEP, "strange").n == 0)
		world_fail(w, "I8: an unknown file is gone");
}

/*
 * The queue was replaced: its memory is gone, files and receiver are as they
 * were.  What the receiver has not synced is still the receiver's.
 */
static void
reconcile_queue(struct world *w)
{
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[i];

		if (e->is_ours && e->answer == ANSWER_NONE && e->m == NULL)
			e->answer = ANSWER_MAYBE;
		if (e->is_ours)
			e->ticket = UINT64_MAX;
		if (e->m != NULL)
			e->answer = ANSWER_KEPT;
		if (e->answer != ANSWER_KEPT)
			continue;
		for (uint32_t k = 0; k < e->nslots; k++)
			if (e->m == NULL || store_slot_is_settled(e->m, k)) {
				e->asked[k] = ASKED_DURABLE;
			} else {
				e->asked[k] = ASKED_NOTHING;
				e->bounce[k] = 0;
			}
	}
}

void
work_queue_dies(struct world *w)
{
	w->disk->fail_at = w->disk->fail_read = 0;
	flights_lose(w, true);
	store_close(w->store);
	store_start(w, true);
	for (w->at = w->nreceivers; w->at-- > 0;) {
		spool_writer_announce(world_receiver(w)->writer);
		writer_notes(w);
	}
	w->at = 0;
	store_writers_known(w->store);
	reconcile_queue(w);
}

static void
second_alarm(void *arg, UNUSED const struct store_alarm *a)
{
	world_fail(arg, "SPL-11: a second queue looks at the files");
}

void
work_second(struct world *w)
{
	struct store_events events = w->events;
	uint64_t calls = w->disk->calls;
	struct store *second;

	events.alarm = second_alarm;
	if (store_open(&w->files, DISK_ROOT, &world_options, &events,
	    &second) != ERR_DENIED || w->disk->calls != calls)
		world_fail(w, "SPL-11: two queues on one spool");
}

/* The receiver alone dies. */
void
work_receiver_dies(struct world *w)
{
	struct world_receiver *r = world_receiver(w);

	if (r->is_syncing)
		work_writer_sync(w, true);
	spool_writer_free(r->writer);
	store_writer_ended(w->store, r->owner);
	for (size_t i = 0; i < w->nentries; i++) {
		struct entry *e = &w->entries[i];

		if (e->is_ours || e->answer != ANSWER_NONE ||
		    e->receiver != w->at)
			continue;
		/*
		 * Nobody heard an answer.  What was found will be carried, if
		 * no sync of it has failed.
		 */
		e->ticket = UINT64_MAX;
		e->answer = e->m == NULL || w->is_faulty ? ANSWER_MAYBE
							 : ANSWER_KEPT;
	}
	receiver_start(w);
}

void
work_illness(struct world *w)
{
	w->is_faulty = true;
	w->disk->full_after = w->disk->full_after == 0 ? 1 : 0;
	w->disk->full_why = EIO;
}

void
work_fault(struct world *w)
{
	static const int why[] = { EIO, EIO, ENOSPC, EDQUOT };

	w->is_faulty = true;
	if (world_chance(w, 5) == 0) {
		w->disk->fail_read = w->disk->reads + 1 + world_chance(w, 20);
		return;
	}
	w->disk->fail_at = w->disk->calls + 1 + world_chance(w, 12);
	w->disk->fail_why = why[world_chance(w, COUNT(why))];
}

void
work_drain(struct world *w)
{
	w->disk->fail_at = w->disk->fail_read = w->disk->full_after = 0;
	for (unsigned int turn = 0; turn < 400; turn++) {
		work_land(w);
		w->disk->clock += 2000;
		work_writers_sync(w);
		for (size_t i = 0; i < w->nentries; i++) {
			struct entry *e = &w->entries[i];

			for (uint32_t k = 0; e->m != NULL && k < e->nslots; k++)
				if (e->asked[k] == ASKED_NOTHING)
					work_settle(w, e, k, STORE_DONE);
		}
		work_store_sync(w);
		(void)store_tend(w->store, 1 << 20);
		work_make(w);
	}
	if (store_counts(w->store).messages != 0)
		world_fail(w, "I11: the queue does not drain");
	if (disk_count(w->disk, DISK_ROOT, "segment-") > 8)
		world_fail(w, "I11: %zu segments are left",
		    disk_count(w->disk, DISK_ROOT, "segment-"));
}

