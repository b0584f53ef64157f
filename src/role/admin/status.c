/*
 * status.c - which processes there are, and how often what happened.
 */
#include "role/admin/admin.h"

#include "os/clock.h"

static const char *const counted[] = {
	"accepted", "refused", "delivered", "deferred", "failed", "expired",
	"bounced", "auth-failed", "user-stopped", "role-ended",
};
_Static_assert(COUNT(counted) == ADMIN_COUNTS, "a place for each");

void
admin_counts_begin(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_COUNTS; i++)
		a->counts[i].event = counted[i];
}

void
admin_count(struct admin *a, const struct event *e)
{
	struct span name = event_name(e->text);

	for (size_t i = 0; i < ADMIN_COUNTS; i++)
		if (span_eq(name, span_str(a->counts[i].event)))
			a->counts[i].n++;
}

static struct admin_role *
role_place(struct admin *a, const struct role_peer *p)
{
	struct admin_role *place;

	for (size_t i = 0; i < a->nroles; i++)
		if (a->roles[i].kind == p->kind &&
		    a->roles[i].index == p->index)
			return &a->roles[i];
	if (a->nroles == ADMIN_ROLES_MAX)
		return NULL;
	place = &a->roles[a->nroles++];
	*place = (struct admin_role){ .kind = p->kind, .index = p->index };
	return place;
}

void
admin_role_came(struct admin *a, const struct role_peer *p)
{
	struct admin_role *place = role_place(a, p);

	if (place == NULL)
		return;
	place->instance = p->instance;
	place->since_ms = clock_wall_ms();
	place->starts++;
}

/* Its successor may have come before it went. */
void
admin_role_went(struct admin *a, const struct role_peer *p)
{
	struct admin_role *place = role_place(a, p);

	if (place != NULL && place->instance == p->instance)
		place->instance = 0;
}

static bool
row_role(struct client *c, const struct admin_role *p)
{
	struct buf *b = &c->admin->scratch;

	buf_cut(b, 0);
	return buf_addf(b, "{\"kind\":\"role\",\"role\":\"%s/%u\","
	    "\"instance\":%llu,\"since_ms\":%llu,\"starts\":%llu}",
	    ipc_role_name(p->kind), p->index,
	    (unsigned long long)p->instance, (unsigned long long)p->since_ms,
	    (unsigned long long)p->starts) == ERR_OK &&
	    admin_row(c, buf_span(b));
}

static bool
row_count(struct client *c, const char *event, uint64_t n)
{
	struct buf *b = &c->admin->scratch;

	buf_cut(b, 0);
	return buf_addf(b, "{\"kind\":\"count\",\"event\":\"%s\","
	    "\"count\":%llu}", event, (unsigned long long)n) == ERR_OK &&
	    admin_row(c, buf_span(b));
}

uint64_t
admin_status(struct client *c)
{
	const struct admin *a = c->admin;
	uint64_t rows = 0;

	for (size_t i = 0; i < a->nroles; i++)
		rows += row_role(c, &a->roles[i]);
	for (size_t i = 0; i < ADMIN_COUNTS; i++)
		rows += row_count(c, a->counts[i].event, a->counts[i].n);
	rows += row_count(c, "events-dropped", a->dropped);
	return rows;
}
