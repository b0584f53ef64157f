/*
 * load.c - how full a receiver is, and what is shorter then (section 19).
 *
 * Connections spread over the receivers evenly, so each compares what it holds
 * with its part of all sessions.  Going up is at the bound, going down a
 * twentieth below it: who comes and goes there does not make each session's
 * time be set anew.
 */
#include "role/receiver/receiver.h"

#include <sys/resource.h>

#define DOWN_PERCENT	5u
#define USERS_PERCENT	5u	/* of all places, rounded down */

uint32_t
load_places(const struct config *c)
{
	uint64_t n = MIN(c->limits.sessions, RECEIVER_SESSIONS_MAX);
	struct rlimit files;

	/* A session is one descriptor; half of them stay for all the rest. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur != RLIM_INFINITY)
		n = MIN(n, files.rlim_cur / 2);
	return (uint32_t)MAX(n, 1u);
}

bool
load_is_for_users(const struct receiver_listen *l)
{
	return l->config == NULL ||	/* the local socket */
	    l->config->kind == CONFIG_LISTEN_SUBMISSION;
}

bool
load_may_begin(const struct receiver *rc, const struct receiver_listen *l)
{
	uint32_t kept = load_is_for_users(l) ? 0 :
	    (uint32_t)((uint64_t)rc->nslots * USERS_PERCENT / 100);

	return rc->nfree > kept;
}

static enum receiver_load
load_of(const struct receiver *rc)
{
	uint64_t percent = 100 * (uint64_t)(rc->nslots - rc->nfree) / rc->share;
	enum receiver_load load = LOAD_EASY;

	/* OPS-1: shorter times come first, and sessions are memory. */
	if (rc->memory != INTAKE_MEMORY_EASY ||
	    percent + (rc->load == LOAD_FULL ? DOWN_PERCENT : 0) >=
	    RECEIVER_FULL_PERCENT)
		load = LOAD_FULL;
	else if (percent + (rc->load >= LOAD_BUSY ? DOWN_PERCENT : 0) >=
	    RECEIVER_BUSY_PERCENT)
		load = LOAD_BUSY;
	return load;
}

static void
say(struct receiver *rc)
{
	static const char *const names[LOAD_COUNT] = {
		[LOAD_EASY] = "easy", [LOAD_BUSY] = "busy", [LOAD_FULL] = "full",
	};
	struct log_line l;

	log_begin(&l, LOG_LEVEL_WARN, NULL, "load");
	log_str(&l, "what", names[rc->load]);
	log_num(&l, "sessions", rc->nslots - rc->nfree);
	role_log(rc->role, &l);
}

void
load_look(struct receiver *rc)
{
	enum receiver_load was = rc->load;

	rc->load = load_of(rc);
	if (rc->load == was)
		return;
	receiver_policy_load(rc);
	say(rc);
	if (rc->load < was)
		return;
	/* Who waits already has less time from now on. */
	for (uint32_t i = 0; i < rc->nslots; i++)
		if (rc->slots[i] != NULL)
			session_hurry(rc->slots[i]);
}

uint64_t
load_idle(const struct receiver *rc)
{
	const struct config_limits *l = &rc->role->config->limits;
	const uint64_t idle[LOAD_COUNT] = {
		[LOAD_EASY] = l->idle,
		[LOAD_BUSY] = MIN(l->idle, l->idle_busy),
		[LOAD_FULL] = MIN(MIN(l->idle, l->idle_busy), l->idle_full),
	};

	return idle[rc->load];
}
