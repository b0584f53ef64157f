/*
 * state.c - the role that owns the SQLite files: what greylisting remembers.
 *
 * It does nothing else, so SQLite runs in its loop; what the questions of one
 * turn have taught it is one transaction.
 */
#include "role/state/store.h"

#include "ipc/greylist.h"
#include "os/clock.h"
#include "os/file.h"
#include "role/role.h"

#include <stdio.h>
#include <unistd.h>

#define FILE_NAME	"greylist.db"
#define SWEEP_MS	60000u
#define TROUBLE_MS	60000u		/* between two lines about the disk */

struct state {
	struct role		*role;
	int			 folder;	/* 0: not given yet */
	struct store		*store;
	struct loop_task	 end;		/* of the batch */
	struct loop_timer	*sweep;
	uint64_t		 trouble_ms;	/* when it was told last */
};

static bool
complain(const char *why)
{
	(void)fprintf(stderr, "posthorse: state: %s\n", why);
	return false;
}

static void
trouble(struct state *s)
{
	uint64_t now = loop_now_ms(s->role->loop);
	struct log_line line;

	if (s->trouble_ms != 0 && now - s->trouble_ms < TROUBLE_MS)
		return;
	s->trouble_ms = now;
	log_begin(&line, LOG_LEVEL_WARN, NULL, "state-trouble");
	log_str(&line, "file", FILE_NAME);
	log_str(&line, "why", store_why(s->store));
	role_log(s->role, &line);
}

static void
end_batch(void *ctx)
{
	struct state *s = ctx;

	if (s->store != NULL && store_end(s->store) != ERR_OK)
		trouble(s);
}

static void
sweep(void *ctx)
{
	struct state *s = ctx;

	if (store_sweep(s->store, clock_wall_ms()) != ERR_OK)
		trouble(s);
	loop_timer_set(s->sweep, SWEEP_MS);
}

static bool
on_ask(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct greylist_ask *m = msg;
	struct state *s = r->self;
	uint8_t key[GREYLIST_NETWORK_MAX];
	uint8_t sender[GREYLIST_ADDRESS_MAX], recipient[GREYLIST_ADDRESS_MAX];
	struct store_triplet t = {
		.network = span_of(key, greylist_network(m->client, key)),
		/* Mailboxes in another case are the same, as to lookup. */
		.sender = span_lower(m->sender, sender),
		.recipient = span_lower(m->recipient, recipient),
	};
	struct greylist_verdict v = { GREYLIST_LATER, 0 };
	struct greylist_answer answer = { .tag = m->tag };

	/* Closed: the receivers have gone, or are going. */
	if (t.network.n == 0 || m->recipient.n == 0 || s->store == NULL)
		return false;
	loop_task_ask(r->loop, &s->end);
	if (store_ask(s->store, clock_wall_ms(), r->config->greylist, &t,
	    &v) != ERR_OK) {
		/* RLY-7: our trouble is no verdict. */
		v = (struct greylist_verdict){ GREYLIST_LATER, 0 };
		trouble(s);
	}
	answer.word = (uint8_t)v.word;
	answer.wait_s = (uint32_t)MIN(v.wait_s, (uint64_t)UINT32_MAX);
	return role_send(r, from, &ipc_greylist_answer, &answer, NULL) ==
	    ERR_OK;
}

static bool
on_file(struct role *r, struct span purpose, int fd)
{
	struct state *s = r->self;

	if (!span_eq(purpose, SPAN("state")) || s->folder > 0) {
		file_close(fd);
		return false;
	}
	s->folder = fd;
	return true;
}

static bool
on_load(struct role *r)
{
	struct state *s = r->self;

	s->role = r;
	s->end = (struct loop_task){ .run = end_batch, .ctx = s };
	if (s->folder == 0)
		return complain("has no folder");
	return role_reach_dir(r, s->folder, true) == ERR_OK;
}

/* Under Landlock and its own user already, before seccomp. */
static bool
on_start(struct role *r)
{
	struct state *s = r->self;

	/* Root without its rights over files may not enter; its owner may. */
	if (fchdir(s->folder) != 0)
		return complain("cannot enter its folder");
	if (store_open(FILE_NAME, &s->store) != ERR_OK)
		return complain("cannot open " FILE_NAME);
	return loop_timer_new(r->loop, sweep, s, &s->sweep) == ERR_OK;
}

static void
on_serve(struct role *r)
{
	struct state *s = r->self;

	loop_timer_set(s->sweep, SWEEP_MS);
}

static void
on_stop(struct role *r)
{
	struct state *s = r->self;

	end_batch(s);
	store_close(s->store);
	s->store = NULL;
	role_done(r);
}

int
main(void)
{
	static const struct role_row rows[] = {
		{ IPC_ROLE_RECEIVER, &ipc_greylist_ask, on_ask },
	};
	static const struct role_desc desc = {
		.kind = IPC_ROLE_STATE,
		.self_size = sizeof(struct state),
		.rows = rows,
		.nrows = COUNT(rows),
		.file = on_file,
		.load = on_load,
		.start = on_start,
		.serve = on_serve,
		.stop = on_stop,
	};

	return role_main(&desc);
}
