/*
 * events.c - lines from every role to the sink, the history and followers.
 */
#include "role/admin/admin.h"

#include "os/clock.h"

void
admin_event(struct admin *a, const struct event *e)
{
	enum err (*print)(const struct event *, struct buf *);

	/* The supervisor may have something to tell before we serve. */
	if (a->history == NULL) {
		a->dropped++;
		return;
	}
	print = a->role->config->log_to == CONFIG_LOG_SYSLOG ? event_syslog :
	    event_print;
	buf_cut(&a->scratch, 0);
	if (print(e, &a->scratch) == ERR_OK)
		sink_add(a->sink, buf_span(&a->scratch));
	history_add(a->history, e);
	admin_count(a, e);
	admin_follow(a, e);
}

void
admin_log(struct role *r, const struct log_line *l)
{
	const struct event e = {
		.wall_ms = clock_wall_ms(),
		.level = (uint8_t)l->level,
		.role = (uint8_t)r->kind,
		.index = r->index,
		.text = log_text(l),
	};

	admin_event(r->self, &e);
}

bool
admin_line_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct event_line *m = msg;
	char room[LOG_LINE_MAX];
	const struct event e = {
		.wall_ms = m->wall_ms,
		.level = m->level,
		.role = (uint8_t)from->kind,
		.index = from->index,
		.text = event_clean(m->text, room),
	};

	admin_event(r->self, &e);
	return true;
}

static void
log_dropped(struct admin *a, const char *role, uint64_t lines)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_WARN, NULL, "events-dropped");
	log_str(&l, "role", role);
	log_num(&l, "lines", lines);
	admin_log(a->role, &l);
}

bool
admin_dropped_came(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct event_dropped *m = msg;
	struct admin *a = r->self;

	a->dropped += m->lines;
	log_dropped(a, ipc_role_name(from->kind), m->lines);
	return true;
}

/*
 * What the sink itself lost is said once it takes lines again: said at once,
 * it would be lost in its turn.
 */
static void
say_lost(struct admin *a)
{
	uint64_t n = sink_take_dropped(a->sink);

	a->dropped += n;
	a->unsaid += n;
	a->dropped += history_take_dropped(a->history);
	if (a->unsaid == 0 || !sink_is_idle(a->sink))
		return;
	n = a->unsaid;
	a->unsaid = 0;
	log_dropped(a, "admin", n);
}

void
admin_flush(struct admin *a)
{
	sink_flush(a->sink);
	say_lost(a);
	sink_flush(a->sink);
	history_flush(a->history, clock_wall_ms());
}
