/*
 * sched.c - the compiled core through days of virtual time.
 */
#include "check.h"

#include "base/rand.h"
#include "sched/sched.h"

#include <malloc.h>

#define MINUTE	60000u
#define HOUR	(60u * MINUTE)
#define DAY	((uint64_t)24 * HOUR)
#define START	(100 * DAY)	/* monotonic now at first: any number */

/* --- a world around the core: sites that answer or do not --------------- */

struct world {
	struct sched	*s;
	uint64_t	 now;
	/* site "sN" answers unless down[N]; items of it then finish. */
	bool		 down[8];
	uint32_t	 resolved, started, expired, unrouted, finished;
	uint32_t	 attempts[4];		/* per message, first few */
	uint64_t	 tried_ms[128];		/* of message 1 */
	bool		 is_dns_down;
	bool		 is_unanswered;		/* leave jobs running */
	uint32_t	 order[64], norder;	/* messages as they started */
	uint32_t	 last_batch;
	uint32_t	 sites[64], nsites;	/* of unanswered jobs */
};

static struct sched_limits
limits(void)
{
	return (struct sched_limits){
		.retry = RETRY_DEFAULT, .start = 5, .most = 20,
		.jobs = 100, .job_size = 4u << 20, .idle_max = 1000, .seed = 7,
		.key = { 1, 2 },
	};
}

static void
world_open_with(struct world *w, const struct sched_limits *l)
{
	*w = (struct world){ .now = START };
	CHECK(sched_new(l, &w->s) == ERR_OK, "new");
}

static void
world_open(struct world *w)
{
	const struct sched_limits l = limits();

	world_open_with(w, &l);
}

static uint32_t
add_of(struct world *w, uint64_t message, const char *dest, uint32_t user)
{
	uint32_t item;
	const struct sched_entry e = {
		.message = message, .destination = span_str(dest),
		.originator = user, .size = 10240,
	};

	CHECK(sched_add(w->s, w->now, &e, &item) == ERR_OK, "add");
	return item;
}

/* "dN.example" is at site "sN"; what begins with l is local. */
static void
answer_route(struct world *w, uint32_t dest)
{
	struct span name = sched_dest_name(w->s, dest);
	char site[3] = { 's', (char)name.p[1], 0 };
	const struct sched_route r = {
		.site = span_str(site), .hosts = SPAN("hosts"),
		.until = w->now + HOUR,
		.class = name.p[0] == 'l' ? SCHED_GULP : SCHED_SPREAD,
	};

	w->resolved++;
	if (w->is_dns_down)
		sched_unrouted(w->s, dest, w->now + MINUTE,
		    SPAN("SERVFAIL"));
	else
		CHECK(sched_routed(w->s, dest, &r) == ERR_OK, "routed");
}

static void
note_attempt(struct world *w, uint64_t message)
{
	if (w->norder < COUNT(w->order))
		w->order[w->norder++] = (uint32_t)message;
	if (message >= COUNT(w->attempts))
		return;
	if (message == 1)
		w->tried_ms[w->attempts[1] & 127] = w->now;
	w->attempts[message]++;
}

static void
run_job(struct world *w, const struct sched_decision *d)
{
	struct span site = sched_site_name(w->s, d->site);
	bool is_down = w->down[site.p[1] - '0'];
	uint64_t wait;

	w->started++;
	w->last_batch = d->nitems;
	for (uint32_t i = 0; i < d->nitems; i++)
		note_attempt(w, sched_message(w->s, d->items[i]));
	if (w->is_unanswered) {
		w->sites[w->nsites++ & 63] = d->site;
		return;
	}
	for (uint32_t i = 0; i < d->nitems; i++) {
		if (is_down &&
		    sched_defer(w->s, w->now, d->items[i], false, &wait))
			continue;
		w->expired += is_down;
		w->finished += !is_down;
		sched_finish(w->s, d->items[i]);
	}
	sched_job_end(w->s, w->now, d->site,
	    is_down ? SCHED_END_BAD : SCHED_END_OK);
}

static void
give_up(struct world *w, uint32_t item)
{
	w->expired++;
	sched_finish(w->s, item);
}

/* Everything that is due now.  Bounded: a core that spins fails the test. */
static void
world_turn(struct world *w)
{
	struct sched_decision d;
	uint64_t wait;

	for (unsigned int n = 0; n < 1000000; n++) {
		sched_next(w->s, w->now, &d);
		switch (d.what) {
		case SCHED_IDLE:
			return;
		case SCHED_MORE:
			break;
		case SCHED_RESOLVE:
			answer_route(w, d.dest);
			break;
		case SCHED_START:
			run_job(w, &d);
			break;
		case SCHED_UNROUTED:
			w->unrouted++;
			if (!sched_defer(w->s, w->now, d.items[0], false,
			    &wait))
				give_up(w, d.items[0]);
			break;
		case SCHED_EXPIRE:
			give_up(w, d.items[0]);
			break;
		}
	}
	CHECK(false, "the core never becomes idle");
}

static void
world_run(struct world *w, uint64_t until)
{
	for (unsigned int n = 0; n < 1000000; n++) {
		uint64_t due;

		world_turn(w);
		due = sched_due(w->s);
		if (due > until)
			break;
		w->now = MAX(w->now, due);
	}
	w->now = until;
	world_turn(w);
}

static void
world_close(struct world *w)
{
	sched_free(w->s);
}

/* --- retries ------------------------------------------------------------- */

static void
test_five_days(void **state)
{
	struct world w;
	uint64_t plain = 300000;

	(void)state;
	world_open(&w);
	w.down[1] = true;
	(void)add_of(&w, 1, "d1.example", 1);
	world_run(&w, START + 4 * DAY);
	/* RFC 5321 4.5.4.1: the give-up time is at least 4-5 days. */
	CHECK_NUM(w.expired, 0, "after four days");
	world_run(&w, START + 6 * DAY);
	CHECK_NUM(w.expired, 1, "after six days");
	CHECK(w.attempts[1] > 50 && w.attempts[1] < 100, "attempts %u",
	    w.attempts[1]);
	for (uint32_t i = 1; i < w.attempts[1]; i++) {
		uint64_t gap = w.tried_ms[i] - w.tried_ms[i - 1];

		/* The site's own wait runs beside the item's. */
		CHECK(gap >= plain * 79 / 100 && gap <= plain * 121 / 100,
		    "gap %u: %llu of %llu", i, (unsigned long long)gap,
		    (unsigned long long)plain);
		plain = MIN(plain * 3 / 2, (uint64_t)7200000);
	}
	CHECK_NUM(sched_counts(w.s).items, 0, "nothing left");
	world_close(&w);
}

static void
test_bounce_lives_shorter(void **state)
{
	struct world w;
	uint32_t item;
	const struct sched_entry e = {
		.message = 1, .destination = SPAN("d1.example"),
		.size = 1, .is_bounce = true,
	};

	(void)state;
	world_open(&w);
	w.down[1] = true;
	CHECK(sched_add(w.s, w.now, &e, &item) == ERR_OK, "add");
	world_run(&w, START + 2 * DAY - HOUR);
	CHECK_NUM(w.expired, 0, "before two days");
	world_run(&w, START + 2 * DAY + 3 * HOUR);
	CHECK_NUM(w.expired, 1, "after two days");
	world_close(&w);
}

static void
test_comes_back(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.down[1] = true;
	(void)add_of(&w, 1, "d1.example", 1);
	world_run(&w, START + DAY);
	w.down[1] = false;
	world_run(&w, START + DAY + 3 * HOUR);
	CHECK_NUM(w.finished, 1, "delivered");
	CHECK_NUM(w.expired, 0, "not expired");
	world_close(&w);
}

static void
test_dns_away(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.is_dns_down = true;
	for (uint64_t m = 0; m < 500; m++)
		(void)add_of(&w, m, "d1.example", 1);
	world_turn(&w);
	CHECK_NUM(w.resolved, 1, "one question for all");
	CHECK_NUM(w.unrouted, 500, "each deferred");
	w.is_dns_down = false;
	world_run(&w, START + HOUR);
	CHECK_NUM(w.finished, 500, "all delivered");
	world_close(&w);
}

/* DNS-4: an hour without DNS while mail comes: nothing is given up. */
static void
test_dns_away_for_an_hour(void **state)
{
	struct world w;
	uint64_t m = 0;

	(void)state;
	world_open(&w);
	w.is_dns_down = true;
	for (uint64_t minute = 1; minute <= 60; minute++) {
		for (unsigned int i = 0; i < 10; i++)
			(void)add_of(&w, m++, "d1.example", 1);
		world_run(&w, START + minute * MINUTE);
	}
	CHECK_NUM(w.finished, 0, "none has gone");
	w.is_dns_down = false;
	/* The oldest have waited 300 s x 1.5 ...: their next try is near. */
	world_run(&w, START + 3 * HOUR);
	CHECK_NUM(w.finished, 600, "all delivered");
	CHECK_NUM(w.expired, 0, "nothing was given up");
	world_close(&w);
}

/* Four days of waiting in an earlier life count; a late one gets a try. */
static void
test_recovered(void **state)
{
	struct world w;
	uint32_t item;
	struct sched_entry e = {
		.message = 1, .destination = SPAN("d1.example"), .size = 1,
		.age_ms = 6 * DAY, .attempts = 60, .wait_ms = 1000,
	};

	(void)state;
	world_open(&w);
	CHECK(sched_add(w.s, w.now, &e, &item) == ERR_OK, "add");
	world_run(&w, START + 10 * MINUTE);
	CHECK_NUM(w.finished, 1, "tried before it is given up");
	w.down[1] = true;
	CHECK(sched_add(w.s, w.now, &e, &item) == ERR_OK, "add");
	world_run(&w, START + HOUR);
	CHECK_NUM(w.expired, 1, "then given up");
	world_close(&w);
}

/* --- sites ---------------------------------------------------------------- */

static void
test_slow_start(void **state)
{
	struct world w;
	uint32_t finished = 0;

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	for (uint64_t m = 0; m < 8000; m++)
		(void)add_of(&w, m, "d1.example", 1);
	world_turn(&w);
	CHECK_NUM(sched_counts(w.s).running_jobs, 5, "five at first");
	for (unsigned int i = 0; i < 30; i++) {
		sched_job_end(w.s, w.now, w.sites[finished++], SCHED_END_OK);
		world_turn(&w);
		CHECK_NUM(sched_counts(w.s).running_jobs, MIN(6u + i, 20u),
		    "after %u ends", i + 1);
	}
	CHECK_NUM(w.last_batch, 64, "full batches");
	world_close(&w);
}

static void
test_halved_and_waits_as_a_whole(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	for (uint64_t m = 0; m < 4000; m++)
		(void)add_of(&w, m, "d1.example", 1);
	world_turn(&w);
	sched_job_end(w.s, w.now, w.sites[0], SCHED_END_BAD);
	(void)add_of(&w, 5000, "d2.example", 1);
	w.started = 0;
	world_turn(&w);
	CHECK_NUM(w.started, 1, "only the other site's");
	CHECK_NUM(sched_counts(w.s).sites_waiting, 1, "it waits");
	for (unsigned int i = 1; i < 5; i++)
		sched_job_end(w.s, w.now, w.sites[i], SCHED_END_BAD);
	world_run(&w, START + 4 * MINUTE - 1);
	CHECK_NUM(w.started, 1, "not before 0.8 x 300 s");
	world_run(&w, START + 6 * MINUTE);
	CHECK_NUM(w.started, 2, "5, 2, 1: one job to try again");
	world_close(&w);
}

/* 10,000 letters to a dead site cost it a job now and then, not one each. */
static void
test_dead_site_is_cheap(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.down[1] = true;
	for (uint64_t m = 0; m < 10000; m++)
		(void)add_of(&w, m + 10, "d1.example", 1);
	world_run(&w, START + HOUR);
	CHECK(w.started < 20, "%u jobs in an hour", w.started);
	for (uint64_t m = 0; m < 100; m++)
		(void)add_of(&w, m + 50000, "d2.example", 1);
	world_turn(&w);
	CHECK_NUM(w.finished, 100, "the others pass at once");
	world_run(&w, START + 7 * DAY);
	CHECK_NUM(w.expired, 10000, "all end");
	CHECK_NUM(sched_counts(w.s).items, 0, "nothing left");
	world_close(&w);
}

static void
test_spread_over_jobs(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	for (uint64_t m = 0; m < 10; m++)
		(void)add_of(&w, m, "d1.example", 1);
	world_turn(&w);
	CHECK_NUM(w.started, 5, "ten letters on five connections");
	CHECK_NUM(w.norder, 2 + 2 + 2 + 1 + 1, "a fifth of the rest each");
	for (unsigned int i = 0; i < 2; i++)
		sched_job_end(w.s, w.now, w.sites[i], SCHED_END_LOST);
	world_turn(&w);
	CHECK_NUM(w.norder, 10, "the last two go to who is free first");
	world_close(&w);
}

/* The others that are busy now get what is ready as well. */
static void
test_free_job_takes_its_share(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	for (uint64_t m = 0; m < 5; m++) {
		(void)add_of(&w, m, "d1.example", 1);
		world_turn(&w);
	}
	for (uint64_t m = 0; m < 60; m++)
		(void)add_of(&w, 10 + m, "d1.example", 1);
	world_turn(&w);
	CHECK_NUM(w.started, 5, "all are busy");
	sched_job_end(w.s, w.now, w.sites[0], SCHED_END_LOST);
	world_turn(&w);
	CHECK_NUM(w.started, 6, "one is free");
	CHECK_NUM(w.last_batch, 12, "a fifth of them");
	world_close(&w);
}

static void
test_job_size(void **state)
{
	struct world w;
	uint32_t item;
	struct sched_entry e = {
		.destination = SPAN("d1.example"), .size = 3u << 20,
	};

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	for (e.message = 0; e.message < 20; e.message++)
		CHECK(sched_add(w.s, w.now, &e, &item) == ERR_OK, "add");
	world_turn(&w);
	CHECK_NUM(w.started, 5, "jobs");
	CHECK_NUM(w.last_batch, 1, "two would be over 4 MiB");
	world_close(&w);
}

static void
test_originators_take_turns(void **state)
{
	struct world w;
	uint32_t bulk = 0;

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	for (uint64_t m = 0; m < 1000; m++)
		(void)add_of(&w, 1000 + m, "d1.example", 1);
	for (uint64_t m = 0; m < 10; m++)
		(void)add_of(&w, 1 + m, "d1.example", 2);
	/* Sorting in comes in slices; the jobs seen are of a full queue. */
	world_turn(&w);
	w.norder = 0;
	sched_job_end(w.s, w.now, w.sites[0], SCHED_END_OK);
	world_turn(&w);
	for (uint32_t i = 0; i < w.norder && i < 20; i++)
		bulk += w.order[i] >= 1000;
	CHECK(bulk <= 10 + 1, "%u of the first 20 are bulk", bulk);
	world_close(&w);
}

static void
add_at(struct world *w, uint64_t message, enum sched_level level,
    uint64_t deadline_ms)
{
	uint32_t item;
	const struct sched_entry e = {
		.message = message, .destination = SPAN("d1.example"),
		.originator = (uint32_t)message % 3, .size = 10240,
		.level = level, .deadline_ms = deadline_ms,
	};

	CHECK(sched_add(w->s, w->now, &e, &item) == ERR_OK, "add");
}

/* RFC 6710 section 5; and one of eight is of those who would wait for ever. */
static void
test_urgent_first(void **state)
{
	static const enum sched_level levels[] = { SCHED_BULK, SCHED_NORMAL,
		SCHED_URGENT };
	struct world w;
	uint32_t n[3] = { 0 };

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	/* The route first, so that all are ready when jobs begin. */
	add_at(&w, 999, SCHED_NORMAL, 0);
	for (unsigned int k = 0; k < 6; k++)
		world_turn(&w);
	w.norder = 0;
	for (uint64_t m = 0; m < 300; m++)
		add_at(&w, m % 3 * 1000 + 1000 + m, levels[m % 3], 0);
	for (unsigned int k = 0; k < 20 && w.norder < 60; k++)
		world_turn(&w);
	w.norder = 0;
	sched_job_end(w.s, w.now, w.sites[0], SCHED_END_OK);
	world_turn(&w);
	CHECK(w.norder >= 16, "%u left", w.norder);
	for (uint32_t i = 0; i < 16; i++)
		n[w.order[i] / 1000 - 1]++;
	CHECK_NUM(n[0], 2, "bulk of sixteen");
	CHECK_NUM(n[1], 0, "normal of sixteen");
	CHECK_NUM(n[2], 14, "urgent of sixteen");
	world_close(&w);
}

/* RFC 2852 4.1.3: over to the second, wherever it waits, and never tried after. */
static void
test_deadline(void **state)
{
	static const struct {
		bool		is_down, is_dns_down, is_unanswered;
		uint64_t	deadline_ms;
	} rows[] = {
		{ true, false, false, 90000 },		/* the site waits */
		{ true, false, false, 3 * HOUR },	/* in between attempts */
		{ false, true, false, 90000 },		/* no route */
		{ true, false, false, 1 },
		{ true, false, false, 4 * DAY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t end = START + rows[i].deadline_ms;
		struct world w;
		uint32_t tried;

		world_open(&w);
		w.down[1] = rows[i].is_down;
		w.is_dns_down = rows[i].is_dns_down;
		add_at(&w, 1, SCHED_NORMAL, rows[i].deadline_ms);
		if (rows[i].deadline_ms > 2000) {
			world_run(&w, end - 1001);
			CHECK_NUM(w.expired, 0, "row %zu, before", i);
		}
		world_run(&w, end + 1000);
		CHECK_NUM(w.expired, 1, "row %zu, after", i);
		tried = w.attempts[1];
		world_run(&w, end + DAY);
		CHECK_NUM(w.attempts[1], tried, "row %zu, tried after", i);
		for (uint32_t k = 0; k < tried; k++)
			CHECK(w.tried_ms[k] <= end, "row %zu, attempt %u", i, k);
		CHECK_NUM(sched_counts(w.s).items, 0, "row %zu", i);
		world_close(&w);
	}
}

/* However many sites do not answer, local mail has jobs of its own. */
static void
test_jobs_to_all_sites(void **state)
{
	struct sched_limits l = limits();
	struct world w;
	char name[] = "d0.example";

	(void)state;
	l.jobs = 12;
	world_open_with(&w, &l);
	w.is_unanswered = true;
	for (uint64_t m = 0; m < 35; m++) {
		name[1] = (char)('0' + m % 7);
		(void)add_of(&w, 10 + m, name, 1);
	}
	world_turn(&w);
	CHECK_NUM(sched_counts(w.s).running_jobs, 12, "of 35 that would go");
	CHECK_NUM(w.resolved, 7, "the others' routes are known");
	CHECK(sched_due(w.s) > w.now + DAY, "only an end makes room");
	(void)add_of(&w, 1, "l7.example", 1);
	world_turn(&w);
	CHECK_NUM(w.attempts[1], 1, "local mail goes");
	CHECK_NUM(sched_counts(w.s).running_jobs, 13, "beyond them");
	sched_job_end(w.s, w.now, w.sites[w.nsites - 1], SCHED_END_OK);
	world_turn(&w);
	CHECK_NUM(w.started, 13, "its end makes room for no other site's");
	for (unsigned int i = 0; i < 3; i++)
		sched_job_end(w.s, w.now, w.sites[i], SCHED_END_LOST);
	world_turn(&w);
	CHECK_NUM(w.started, 16, "three ends, three jobs");
	world_close(&w);
}

/* --- orders ------------------------------------------------------------ */

static void
test_hurry_and_hold(void **state)
{
	struct world w;
	struct sched_view v;
	uint32_t item;

	(void)state;
	world_open(&w);
	w.down[1] = true;
	item = add_of(&w, 1, "d1.example", 1);
	world_turn(&w);
	CHECK(sched_view(w.s, item, &v), "there");
	CHECK(v.next_ms >= w.now + 4 * MINUTE, "waits");
	CHECK_NUM(v.state, SCHED_STATE_SCHEDULED, "state");
	w.down[1] = false;
	CHECK(sched_hurry(w.s, w.now, item), "hurry");
	world_turn(&w);
	CHECK_NUM(w.finished, 1, "at once, though the site was suspended");
	CHECK(!sched_view(w.s, item, &v), "gone");

	item = add_of(&w, 2, "d1.example", 1);
	CHECK(sched_hold(w.s, item), "taken out");
	CHECK(!sched_hold(w.s, item), "once");
	sched_finish(w.s, item);
	world_turn(&w);
	CHECK_NUM(w.finished, 1, "not tried");
	world_close(&w);
}

/*
 * A message goes while a job carries it, and its number is given to the next
 * one, for the same destination: that one is not taken for the old.
 */
static void
test_number_given_again(void **state)
{
	static const struct {
		const char	*name;
		bool		 has_sibling, is_first_disowned;
	} rows[] = {
		{ "alone", false, true },
		{ "the older of two", true, true },
		{ "the newer of two", true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t a, b, gone, again;
		struct world w;

		world_open(&w);
		w.is_unanswered = true;
		a = b = add_of(&w, 9, "d1.example", 1);
		if (rows[i].has_sibling)
			b = add_of(&w, 9, "d2.example", 1);
		world_turn(&w);
		gone = rows[i].is_first_disowned ? a : b;
		sched_disown(w.s, gone);
		CHECK_NUM(sched_message(w.s, gone), 0, "%s", rows[i].name);
		CHECK_NUM(sched_item_for(w.s, 9, gone == a ?
		    SPAN("d1.example") : SPAN("d2.example")), SCHED_NONE,
		    "%s", rows[i].name);
		again = add_of(&w, 9, "d3.example", 1);
		sched_finish(w.s, gone);
		CHECK_NUM(sched_item_for(w.s, 9, SPAN("d3.example")), again,
		    "%s", rows[i].name);
		CHECK_NUM(sched_first_of(w.s, 9), again, "%s", rows[i].name);
		CHECK_NUM(sched_next_of(w.s, again), !rows[i].has_sibling ?
		    SCHED_NONE : gone == a ? b : a, "%s", rows[i].name);
		world_close(&w);
	}
}

static void
test_items_of_a_message(void **state)
{
	struct world w;
	uint32_t a, b, c, other, n = 0;

	(void)state;
	world_open(&w);
	a = add_of(&w, 9, "d1.example", 1);
	b = add_of(&w, 9, "d2.example", 1);
	c = add_of(&w, 9, "d3.example", 1);
	other = add_of(&w, 10, "d1.example", 1);
	CHECK_NUM(sched_item_for(w.s, 9, SPAN("d2.example")), b, "find");
	CHECK_NUM(sched_item_for(w.s, 9, SPAN("d4.example")), SCHED_NONE,
	    "no such");
	sched_finish(w.s, b);
	for (uint32_t i = sched_first_of(w.s, 9); i != SCHED_NONE;
	    i = sched_next_of(w.s, i))
		n += i == a || i == c ? 1 : 100;
	CHECK_NUM(n, 2, "the two others");
	sched_finish(w.s, c);
	sched_finish(w.s, a);
	CHECK_NUM(sched_first_of(w.s, 9), SCHED_NONE, "none left");
	CHECK_NUM(sched_first_of(w.s, 10), other, "not touched");
	world_close(&w);
}

static void
test_worker_died(void **state)
{
	struct world w;
	struct sched_decision d;
	uint64_t wait;

	(void)state;
	world_open(&w);
	w.is_unanswered = true;
	(void)add_of(&w, 1, "d1.example", 1);
	sched_next(w.s, w.now, &d);
	answer_route(&w, d.dest);
	sched_next(w.s, w.now, &d);
	CHECK_NUM(d.what, SCHED_START, "job");
	for (unsigned int i = 0; i < 3; i++) {
		CHECK(sched_defer(w.s, w.now, d.items[0], true, &wait),
		    "waits");
		CHECK(wait <= 10000, "soon, the first times");
	}
	CHECK(sched_defer(w.s, w.now, d.items[0], true, &wait),
		    "waits");
	CHECK(wait > MINUTE, "a letter that kills workers slows down");
	world_close(&w);
}

/* --- costs ------------------------------------------------------------- */

static void
fill_deferred(struct world *w, uint32_t n)
{
	char dest[] = "d1.x0000.example";

	w->down[1] = true;
	for (uint32_t m = 0; m < n; m++) {
		(void)snprintf(dest + 4, sizeof(dest) - 4, "%04u.example",
		    m % 1000);
		(void)add_of(w, m + 10, dest, m % 100);
		if (m % 1000 == 999)
			world_turn(w);
	}
	world_turn(w);
}

#ifndef __has_feature
#define __has_feature(x)	0
#endif

/* Scheduler's part; the store's handle is measured with the role. */
static void
test_memory(void **state)
{
	struct world w;
	const uint32_t n = 100000;
	size_t before, used;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
	skip();
#endif
	world_open(&w);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	fill_deferred(&w, n);
	used = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	CHECK_NUM(sched_counts(w.s).items, n, "all there");
	print_message("%zu octets an item\n", used / n);
	CHECK(used / n <= 128, "%zu octets an item", used / n);
	world_close(&w);
}

/* Ten times the letters: a constant more steps each, not ten times. */
static void
test_growth(void **state)
{
	uint64_t steps[3];
	static const uint32_t sizes[] = { 1000, 10000, 100000 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct world w;

		world_open(&w);
		fill_deferred(&w, sizes[i]);
		steps[i] = sched_counts(w.s).steps / sizes[i];
		world_close(&w);
	}
	print_message("steps an item: %llu %llu %llu\n",
	    (unsigned long long)steps[0], (unsigned long long)steps[1],
	    (unsigned long long)steps[2]);
	CHECK(steps[2] < steps[0] * 3, "%llu then %llu",
	    (unsigned long long)steps[0], (unsigned long long)steps[2]);
}

/* However much is due, one call looks at a slice. */
static void
test_one_call_is_bounded(void **state)
{
	struct world w;
	struct sched_decision d;
	uint64_t worst = 0;

	(void)state;
	world_open(&w);
	for (uint32_t m = 0; m < 50000; m++)
		(void)add_of(&w, m, "d1.example", 1);
	for (unsigned int i = 0; i < 5000; i++) {
		uint64_t before = sched_counts(w.s).steps;

		sched_next(w.s, w.now, &d);
		worst = MAX(worst, sched_counts(w.s).steps - before);
		if (d.what == SCHED_RESOLVE)
			answer_route(&w, d.dest);
		if (d.what == SCHED_IDLE)
			break;
	}
	CHECK(worst < 64 * 60, "%llu steps in one call",
	    (unsigned long long)worst);
	world_close(&w);
}

/* What is remembered without need is bounded. */
static void
test_idle_destinations(void **state)
{
	struct world w;
	char dest[32];

	(void)state;
	world_open(&w);
	for (uint32_t m = 0; m < 5000; m++) {
		(void)snprintf(dest, sizeof(dest), "d1.x%u.example", m);
		(void)add_of(&w, m, dest, 1);
		world_turn(&w);
	}
	CHECK_NUM(w.finished, 5000, "all delivered");
	CHECK_NUM(sched_counts(w.s).destinations, 1000, "idle_max");
	CHECK_NUM(sched_counts(w.s).sites, 1, "one site");
	world_close(&w);
}

/* Anything in any order: nothing is lost, nothing is handed out twice. */
static void
test_random_life(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		struct rand dice = { seed };
		uint32_t added = 0;

		world_open(&w);
		for (unsigned int i = 0; i < 2000; i++) {
			char dest[] = "d0.example";

			dest[1] = (char)('0' + rand_below(&dice, 8));
			w.down[rand_below(&dice, 8)] =
			    rand_below(&dice, 2) == 0;
			w.is_dns_down = rand_below(&dice, 10) == 0;
			(void)add_of(&w, 100 + i / 3, dest,
			    (uint32_t)rand_below(&dice, 5));
			added++;
			w.now += rand_below(&dice, 10 * MINUTE);
			world_turn(&w);
		}
		world_run(&w, w.now + 8 * DAY);
		CHECK_NUM(w.finished + w.expired, added, "seed %llu",
		    (unsigned long long)seed);
		CHECK_NUM(sched_counts(w.s).items, 0, "seed %llu",
		    (unsigned long long)seed);
		world_close(&w);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_five_days, "DLV-6"),
	TEST(test_bounce_lives_shorter, "DLV-6"),
	TEST(test_comes_back, "DLV-6"),
	TEST(test_dns_away, "DLV-6"),
	TEST(test_dns_away_for_an_hour, "DNS-4 DLV-6"),
	TEST(test_recovered, "DLV-9"),
	TEST(test_slow_start, "DLV-7"),
	TEST(test_halved_and_waits_as_a_whole, "DLV-7"),
	TEST(test_dead_site_is_cheap, "DLV-7"),
	TEST(test_spread_over_jobs, ""),
	TEST(test_free_job_takes_its_share, "DLV-7"),
	TEST(test_job_size, ""),
	TEST(test_jobs_to_all_sites, "DLV-7"),
	TEST(test_originators_take_turns, "DLV-7"),
	TEST(test_urgent_first, "DLV-7"),
	TEST(test_deadline, "DLV-6"),
	TEST(test_hurry_and_hold, ""),
	TEST(test_number_given_again, "PRV-3 DLV-1"),
	TEST(test_items_of_a_message, ""),
	TEST(test_worker_died, "DLV-1"),
	TEST(test_memory, ""),
	TEST(test_growth, ""),
	TEST(test_one_call_is_bounded, ""),
	TEST(test_idle_destinations, ""),
	TEST(test_random_life, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
