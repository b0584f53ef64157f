/*
 * lists.c - the files that rules name, kept as they are on the disk.
 *
 * One that cannot be read is not known: receivers answer "try again" where it
 * matters (RLY-3).  One with a wrong line changes nothing, and the log says so.
 */
#include "mail/idn.h"
#include "role/lookup/lookup.h"

#include <stdlib.h>

static const struct config_rules *
rules_of(const struct role *r)
{
	return r->config->rules;
}

size_t
lookup_lists_count(const struct role *r)
{
	return rules_of(r) == NULL ? 0 : rules_of(r)->nlists;
}

bool
lookup_lists_begin(struct role *r)
{
	struct lookup *l = lookup_of(r);
	size_t n = lookup_lists_count(r);

	l->lists = calloc(n + 1, sizeof *l->lists);
	if (l->lists == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct config_list *c = &rules_of(r)->lists[i];

		l->lists[i].list = list_make(&l->key, c->kind);
		l->lists[i].list.to_ascii = idn_entry;
		l->lists[i].watched = (struct watched){ .folder = -1,
			.file = strrchr(c->path, '/') + 1 };
	}
	return true;
}

static void
complain(struct role *r, size_t i, const char *why, size_t line)
{
	struct lookup_list *it = &lookup_of(r)->lists[i];
	struct log_line l;

	if (it->is_wrong)
		return;
	it->is_wrong = true;
	log_begin(&l, LOG_LEVEL_ALARM, NULL, "table-trouble");
	log_str(&l, "file", rules_of(r)->lists[i].path);
	log_str(&l, "why", why);
	if (line > 0)
		log_num(&l, "line", line);
	role_log(r, &l);
}

static void
take_text(struct role *r, size_t i, struct span text)
{
	struct lookup_list *it = &lookup_of(r)->lists[i];
	size_t line = 0;
	enum err e = list_replace(&it->list, text, &line);

	/* A new trouble is told again. */
	it->is_wrong = false;
	if (e != ERR_OK)
		complain(r, i, e == ERR_SYNTAX ? "not an entry" : err_name(e),
		    line);
}

static void
look(struct role *r, size_t i)
{
	struct lookup_list *it = &lookup_of(r)->lists[i];
	struct buf text = buf_make(LIST_FILE_MAX);
	const char *why = "";
	enum watched_news news = watched_look(&it->watched, &text, &why);

	if (news == WATCHED_NEW)
		take_text(r, i, buf_span(&text));
	if (news == WATCHED_GONE) {
		complain(r, i, why, 0);
		list_free(&it->list);
	}
	buf_free(&text);
}

void
lookup_lists_poll(struct role *r)
{
	for (size_t i = 0; i < lookup_lists_count(r); i++)
		look(r, i);
}

static void
look_if_due(struct role *r, size_t i)
{
	struct lookup_list *it = &lookup_of(r)->lists[i];
	uint64_t now = loop_now_ms(r->loop);

	if (now - it->looked_ms < LOOKUP_LOOK_MS)
		return;
	it->looked_ms = now;
	look(r, i);
}

bool
lookup_handle_lists(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	static const enum config_match kinds[LOOKUP_FACT_COUNT] = {
		[LOOKUP_FACT_CLIENT] = CONFIG_MATCH_CLIENT,
		[LOOKUP_FACT_HELO] = CONFIG_MATCH_HELO,
		[LOOKUP_FACT_SENDER] = CONFIG_MATCH_SENDER,
		[LOOKUP_FACT_RECIPIENT] = CONFIG_MATCH_RECIPIENT,
		[LOOKUP_FACT_USER] = CONFIG_MATCH_USER,
	};
	const struct lookup_lists *q = msg;
	struct lookup_lists_answer m = { .tag = q->tag };

	for (size_t i = 0; i < lookup_lists_count(r); i++) {
		const struct list *l = &lookup_of(r)->lists[i].list;

		if (l->kind != kinds[q->fact])
			continue;
		look_if_due(r, i);
		if (!l->is_there)
			continue;
		m.known |= UINT64_C(1) << i;
		if (list_holds(l, q->subject))
			m.yes |= UINT64_C(1) << i;
	}
	return role_send(r, from, &ipc_lookup_lists_answer, &m, NULL) ==
	    ERR_OK;
}
