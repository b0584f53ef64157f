/*
 * tables.c - keep the tables as the users files are.
 *
 * A file that cannot be read takes its table away: its domain's recipients
 * get "try again" (RLY-3), never "unknown".  A file with a bad line changes
 * nothing: the table stays as it was, and the log says which line.
 */
#include "config/users.h"
#include "role/lookup/issuers.h"

void
lookup_complain(struct role *r, size_t i, const char *file, const char *why,
    size_t line)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_ALARM, NULL, "table-trouble");
	log_str(&l, "domain", r->config->domains[i].name);
	log_str(&l, "file", file);
	if (line > 0)
		log_num(&l, "line", line);
	log_str(&l, "why", why);
	role_log(r, &l);
}

static void
complain(struct role *r, size_t i, const char *why, size_t line)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];

	if (!d->is_wrong)
		lookup_complain(r, i, r->config->domains[i].users_file, why,
		    line);
	d->is_wrong = true;
}

/* An operator who wonders where SCRAM is shall see whom it waits for. */
static void
tell_withheld(struct role *r, size_t i)
{
	const struct table *t = &lookup_of(r)->domains[i].table;
	struct log_line l;

	if (t->first_plain == NULL || t->first_scram == NULL)
		return;
	log_begin(&l, LOG_LEVEL_WARN, NULL, "scram-withheld");
	log_str(&l, "domain", r->config->domains[i].name);
	log_span(&l, "user", t->first_plain->name);
	role_log(r, &l);
}

/* True: the table has changed. */
static bool
take_text(struct role *r, size_t i, struct span text)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	size_t line = 0;
	enum err e = table_replace(&d->table, text, &line);

	if (e == ERR_OK) {
		d->is_wrong = false;
		tell_withheld(r, i);
	} else {
		complain(r, i, e == ERR_SYNTAX ?
		    "not name:hash, or a name twice" : err_name(e), line);
	}
	return e == ERR_OK;
}

/* The table is gone until the file can be read again. */
static bool
lose(struct role *r, size_t i, const char *why)
{
	struct lookup_domain *d = &lookup_of(r)->domains[i];
	bool was_there = d->table.is_there;

	complain(r, i, why, 0);
	table_free(&d->table);
	return was_there;
}

static bool
poll_one(struct role *r, size_t i)
{
	struct buf text = buf_make(USERS_FILE_MAX);
	const char *why = "";
	enum watched_news news =
	    watched_look(&lookup_of(r)->domains[i].watched, &text, &why);
	bool has_changed = false;

	if (news == WATCHED_NEW)
		has_changed = take_text(r, i, buf_span(&text));
	else if (news == WATCHED_GONE)
		has_changed = lose(r, i, why);
	buf_wipe(&text);
	buf_free(&text);
	return has_changed;
}

/*
 * Who has a verifier is not known before a client has chosen its mechanism, so
 * SCRAM is offered when it serves each user who has a password.
 */
struct lookup_changed
lookup_news(const struct role *r)
{
	const struct lookup *l = lookup_of(r);
	bool has_scram = false, is_all = true;

	for (size_t i = 0; i < r->config->ndomains; i++) {
		has_scram |= l->domains[i].table.first_scram != NULL;
		is_all &= l->domains[i].table.first_plain == NULL;
	}
	for (size_t i = 0; i < r->config->ndomains; i++) {
		uint32_t b = config_backend_of(r->config,
		    &r->config->domains[i]);

		if (b == CONFIG_NO_BACKEND)
			continue;
		has_scram |= l->salts[b].is_there;
		is_all &= l->salts[b].is_there;
	}
	return (struct lookup_changed){
		.generation = l->generation,
		.can = (uint8_t)((has_scram && is_all ? LOOKUP_CAN_SCRAM : 0) |
		    (issuers_have_keys(r) || config_backend_first(r->config,
		    CONFIG_BACKEND_TOKEN) != CONFIG_NO_BACKEND ?
		    LOOKUP_CAN_TOKEN : 0)),
	};
}

static void
tell_receivers(struct role *r)
{
	struct lookup_changed m = lookup_news(r);

	for (struct role_peer *p = role_peer_next(r, NULL); p != NULL;
	    p = role_peer_next(r, p))
		if (p->kind == IPC_ROLE_RECEIVER && role_send(r, p,
		    &ipc_lookup_changed, &m, NULL) != ERR_OK)
			role_cut(r, p, "does not read");
}

static void
changed(struct role *r)
{
	lookup_of(r)->generation++;
	lookup_aliases_forget(r);
	tell_receivers(r);
}

/* Both of its files, whatever the first says. */
static bool
poll_domain(struct role *r, size_t i)
{
	bool has_changed = poll_one(r, i);

	return lookup_aliases_poll(r, i) || has_changed;
}

void
lookup_poll(struct role *r)
{
	bool has_changed = false;

	for (size_t i = 0; i < r->config->ndomains; i++)
		has_changed |= poll_domain(r, i);
	has_changed |= issuers_poll(r);
	if (has_changed)
		changed(r);
}

void
lookup_look(struct role *r, size_t domain)
{
	uint64_t *looked_ms = &lookup_of(r)->domains[domain].looked_ms;

	if (loop_now_ms(r->loop) - *looked_ms < LOOKUP_LOOK_MS)
		return;
	*looked_ms = loop_now_ms(r->loop);
	if (poll_domain(r, domain))
		changed(r);
}
