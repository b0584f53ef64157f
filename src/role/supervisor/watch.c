/*
 * watch.c - a role whose loop stands still is killed, and so replaced.
 *
 * Every few seconds each role is asked whether its loop turns.  What may block
 * does so in a role's threads, so the loop always answers; long work that has
 * to keep it waiting says so unasked.  Silence is counted in beats of our own
 * loop, not in time: what stops the whole machine, or all of us, stops the
 * count as well.
 *
 * A disk may take a minute for a sync, and killing who waits for it only makes
 * the next one wait: a role that says so first is given five minutes.
 */
#include "role/supervisor/supervisor.h"

#include <signal.h>
#include <stdlib.h>

enum watch_act
sup_watch(struct watched *w, bool is_beat_late)
{
	uint32_t most;

	if (!w->is_asked) {
		w->is_asked = true;
		return WATCH_ASK;
	}
	/* We were away ourselves: an answer may lie unread. */
	if (is_beat_late)
		return WATCH_WAIT;
	most = w->is_syncing ? WATCH_SYNC_MAX : WATCH_SILENT_MAX;
	return ++w->nsilent >= most ? WATCH_REPLACE : WATCH_WAIT;
}

void
sup_alive(struct child *c, enum control_word word)
{
	c->watched.nsilent = 0;
	c->watched.is_syncing = word == CONTROL_SYNCS;
	if (word == CONTROL_ANSWERS)
		c->watched.is_asked = false;
}

static void
replace(struct child *c)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ALARM, NULL, "role-hung");
	log_str(&line, "role", ipc_role_name(c->kind));
	log_num(&line, "index", c->index);
	log_num(&line, "pid", (uint64_t)c->pid);
	log_num(&line, "silent_ms",
	    (uint64_t)c->watched.nsilent * c->s->beat_every_ms);
	sup_log(c->s, &line);
	/* The only signal that reaches a stopped process too. */
	(void)kill(c->pid, SIGKILL);
}

static void
beat_one(struct child *c, bool is_late)
{
	struct control_ping ping = { 0 };

	if (c->pid <= 0 || c->control == NULL)
		return;
	switch (sup_watch(&c->watched, is_late)) {
	case WATCH_WAIT:
		break;
	case WATCH_ASK:
		sup_tell(c, &ipc_control_ping, &ping);
		break;
	case WATCH_REPLACE:
		replace(c);
		break;
	}
}

static void
beat(void *ctx)
{
	struct supervisor *s = ctx;
	uint64_t now = loop_now_ms(s->loop);
	bool is_late = now - s->beat_ms >= 2 * (uint64_t)s->beat_every_ms;

	/* Whoever is asked to stop has a bound of its own. */
	if (s->phase > 0)
		return;
	s->beat_ms = now;
	for (size_t i = 0; i < s->nchildren; i++)
		beat_one(&s->children[i], is_late);
	sup_pairs_look(s);
	loop_timer_set(s->beat, s->beat_every_ms);
}

/* Tests cannot wait so long for each role. */
static uint32_t
beat_every_ms(void)
{
#ifdef POSTHORSE_TEST_HOOKS
	const char *text = getenv("POSTHORSE_BEAT_MS");
	uint64_t ms;

	if (text != NULL &&
	    span_u64(span_str(text), WATCH_EVERY_MS, &ms) == ERR_OK && ms > 0)
		return (uint32_t)ms;
#endif
	return WATCH_EVERY_MS;
}

bool
sup_watch_all(struct supervisor *s)
{
	if (loop_timer_new(s->loop, beat, s, &s->beat) != ERR_OK)
		return false;
	s->beat_ms = loop_now_ms(s->loop);
	s->beat_every_ms = beat_every_ms();
	loop_timer_set(s->beat, s->beat_every_ms);
	return true;
}
