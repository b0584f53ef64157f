#include "role/lookup/backends.h"

#include <stdlib.h>

#define TICK_MS	200u

/* One place of the BACKEND_ASKED_MAX of a back end. */
struct place {
	uint64_t	 tag;		/* 0: free */
	uint64_t	 instance;	/* of the process that was asked */
	uint64_t	 asked_ms;
	backends_done	*done;		/* NULL: nobody waits any more */
	void		*ctx;
};
struct backends {
	struct role		*role;
	struct loop_timer	*tick;
	uint64_t		 last_tag;
	bool			 is_ticking;
	struct place		 places[CONFIG_BACKENDS_MAX][BACKEND_ASKED_MAX];
};

/* Before it is called: done may ask again. */
static void
end(struct place *p, const struct backend_answer *a)
{
	backends_done *done = p->done;
	void *ctx = p->ctx;

	p->done = NULL;
	p->ctx = NULL;
	if (done != NULL)
		done(ctx, a);
}

static void
tick(void *ctx)
{
	struct backends *b = ctx;
	uint64_t now = loop_now_ms(b->role->loop);
	bool is_waiting = false;

	/* Who asks meanwhile sets the timer by itself. */
	b->is_ticking = false;
	for (size_t i = 0; i < CONFIG_BACKENDS_MAX * BACKEND_ASKED_MAX; i++) {
		struct place *p = &b->places[0][0] + i;

		if (p->done == NULL)
			continue;
		if (now - p->asked_ms >= BACKEND_PATIENCE_MS)
			end(p, NULL);
		else
			is_waiting = true;
	}
	if (is_waiting)
		loop_timer_set(b->tick, TICK_MS);
	b->is_ticking |= is_waiting;
}

enum err
backends_new(struct role *r, struct backends **out)
{
	struct backends *b = calloc(1, sizeof *b);

	if (b == NULL || loop_timer_new(r->loop, tick, b, &b->tick) !=
	    ERR_OK) {
		free(b);
		return ERR_NOMEM;
	}
	b->role = r;
	*out = b;
	return ERR_OK;
}

static struct place *
free_place(struct backends *b, size_t which)
{
	for (size_t i = 0; i < BACKEND_ASKED_MAX; i++)
		if (b->places[which][i].tag == 0)
			return &b->places[which][i];
	return NULL;
}

enum err
backends_ask(struct role *r, size_t which, struct backend_ask *m,
    backends_done *done, void *ctx)
{
	struct backends *b = lookup_of(r)->backends;
	struct role_peer *to = role_peer_at(r, IPC_ROLE_BACKEND,
	    (uint32_t)which);
	struct place *p = free_place(b, which);
	enum err e;

	if (p == NULL)
		return ERR_FULL;
	m->tag = b->last_tag + 1;
	e = role_send(r, to, &ipc_backend_ask, m, NULL);
	if (e != ERR_OK)
		return e;
	b->last_tag++;
	*p = (struct place){ m->tag, to->instance, loop_now_ms(r->loop), done,
		ctx };
	if (!b->is_ticking)
		loop_timer_set(b->tick, TICK_MS);
	b->is_ticking = true;
	return ERR_OK;
}

struct backend_ask
backends_question(const struct role *r, const struct login *l,
    enum backend_what what, struct span client)
{
	return (struct backend_ask){
		.what = (uint8_t)what,
		.name = span_of(l->user, l->nname),
		.domain = span_str(r->config->domains[l->domain].name),
		.client = client,
	};
}

bool
backends_handle_answer(struct role *r, struct role_peer *from,
    const void *msg, const int *fds UNUSED)
{
	const struct backend_answer *m = msg;
	struct place *places;

	if (m->tag == 0 || from->index >= r->config->nbackends)
		return false;
	places = lookup_of(r)->backends->places[from->index];
	for (size_t i = 0; i < BACKEND_ASKED_MAX; i++)
		if (places[i].tag == m->tag &&
		    places[i].instance == from->instance) {
			places[i].tag = 0;
			end(&places[i], m);
			return true;
		}
	/* An answer to what was not asked. */
	return false;
}

void
backends_went(struct role *r, const struct role_peer *p)
{
	struct place *places;

	if (p->index >= r->config->nbackends)
		return;
	places = lookup_of(r)->backends->places[p->index];
	/* Its successor may be there already, and be asked by these ends. */
	for (size_t i = 0; i < BACKEND_ASKED_MAX; i++)
		if (places[i].tag != 0 && places[i].instance == p->instance) {
			places[i].tag = 0;
			end(&places[i], NULL);
		}
}
