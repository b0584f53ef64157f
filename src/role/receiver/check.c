/*
 * check.c - what is asked of the DNS about a stranger, while its greeting waits;
 * and a wait for its own sake, for who cannot wait (SMTP-6).
 *
 * All questions leave together, once lookup has let the client in; the last
 * answer, or CHECKS_WITHIN_MS, lets the greeting go.  No answer is no verdict.
 * A list that lists the client is doubted: does it list the address that no list
 * may (RFC 5782 5)?  The resolver remembers that answer for all clients.
 */
#include "role/receiver/receiver.h"

#include "ipc/inquiry.h"
#include "proto/dns_rdata.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECKS_WITHIN_MS	5000u

#define REVERSE	"reverse-dns"

struct checks {
	uint64_t		 serial;	/* old answers have another one */
	size_t			 n, nwaiting;
	bool			 is_greeting_due;
	struct loop_timer	*timer;		/* of the answers */
	struct loop_timer	*quiet;		/* `greeting-wait`; or NULL */
	char			 text[CHECK_QUERY_MAX + MSG_ID_LETTERS + 8];
	bool			 is_doubted[CHECK_MAX];	/* asked a second time */
	struct check		 of[CHECK_MAX];
};

static const struct config *
config_of(const struct session *s)
{
	return s->receiver->role->config;
}

/* Strangers alone are checked: not our users, not who is listed. */
static bool
is_stranger(const struct session *s)
{
	const struct config_listen *l = s->listen->config;

	return l != NULL && l->kind == CONFIG_LISTEN_MX && s->address.n > 0 &&
	    !networks_hold(l->from.list, l->from.n, &s->address);
}

void
check_forget(struct session *s)
{
	if (s->checks == NULL)
		return;
	loop_timer_free(s->checks->timer);
	loop_timer_free(s->checks->quiet);
	free(s->checks);
	s->checks = NULL;
}

/* One thing less to wait for; the last one lets the greeting go. */
static void
waits_less(struct session *s)
{
	struct checks *k = s->checks;

	if (--k->nwaiting > 0 || !k->is_greeting_due)
		return;
	k->is_greeting_due = false;
	session_greet(s, RE_GREETING);
}

static void
on_quiet(void *ctx)
{
	waits_less(ctx);
}

static void
found(struct session *s, struct check *c, enum check_word word)
{
	bool was_awaited = c->word == CHECK_WAITS;

	c->word = word;
	if (was_awaited)
		waits_less(s);
}

static void
on_late(void *ctx)
{
	struct session *s = ctx;
	struct checks *k = s->checks;

	/* The last of these may end the session, and k with it. */
	for (size_t i = 0, n = k->n; i < n && s->checks == k; i++)
		if (k->of[i].word == CHECK_WAITS)
			found(s, &k->of[i], CHECK_TIMEOUT);
}

/* Questions */

static struct check *
add(struct checks *k, const char *name, int64_t weight)
{
	struct check *c = &k->of[k->n++];

	ASSERT(k->n <= CHECK_MAX);
	*c = (struct check){ .name = name, .weight = weight };
	k->nwaiting++;
	return c;
}

static size_t
place(const struct session *s, const struct check *c)
{
	return (size_t)(c - s->checks->of);
}

/* Of a question: the session's serial number, the check, the session's slot. */
#define TAG_CHECK	0x7fu
#define TAG_DOUBT	0x80u
static uint64_t
tag_of(const struct session *s, const struct check *c)
{
	size_t i = place(s, c);

	return s->checks->serial << 24 | (uint64_t)(i |
	    (s->checks->is_doubted[i] ? TAG_DOUBT : 0)) << 16 | s->slot;
}

static bool
ask(struct session *s, const struct ipc_type *type, const void *msg)
{
	struct role *r = s->receiver->role;

	return role_send(r, role_peer(r, IPC_ROLE_RESOLVER), type, msg,
	    NULL) == ERR_OK;
}

static void
ask_reverse(struct session *s, struct check *c)
{
	/* XCLIENT has said it already. */
	static const enum check_word said[] = {
		[XSTATE_SAID] = CHECK_PASS,
		[XSTATE_UNAVAILABLE] = CHECK_NONE,
		[XSTATE_TEMPUNAVAIL] = CHECK_LATER,
	};
	struct inquiry_reverse m = {
		.tag = tag_of(s, c), .client = address_span(&s->address),
	};

	if (s->named != XSTATE_UNSAID)
		found(s, c, said[s->named]);
	else if (!ask(s, &ipc_inquiry_reverse, &m))
		found(s, c, CHECK_LATER);
}

/* Is the client listed; or, when that is doubted, is everybody? */
static void
ask_list(struct session *s, struct check *c)
{
	struct buf name = buf_make(CHECK_QUERY_MAX);
	struct inquiry_list m = { .tag = tag_of(s, c) };
	struct span client = address_span(&s->address), zone = span_str(c->name);
	bool is_asked = (s->checks->is_doubted[place(s, c)] ?
	    check_nobody_query(client.n, zone, &name) :
	    check_query(client, zone, &name)) == ERR_OK;

	m.name = buf_span(&name);
	if (!is_asked || !ask(s, &ipc_inquiry_list, &m))
		found(s, c, CHECK_LATER);
	buf_free(&name);
}

/* Without memory there is no verdict, as without an answer. */
static struct checks *
make(struct session *s, uint64_t quiet_s)
{
	struct loop *loop = s->receiver->role->loop;
	struct checks *k = calloc(1, sizeof *k);

	s->checks = k;
	if (k == NULL)
		return NULL;
	if (loop_timer_new(loop, on_late, s, &k->timer) != ERR_OK ||
	    (quiet_s > 0 &&
	    loop_timer_new(loop, on_quiet, s, &k->quiet) != ERR_OK)) {
		check_forget(s);
		return NULL;
	}
	k->serial = ++s->receiver->nasked;
	if (quiet_s > 0) {
		k->nwaiting++;
		loop_timer_set(k->quiet, 1000 * quiet_s);
	}
	return k;
}

void
check_begin(struct session *s)
{
	const struct config *c = config_of(s);
	size_t has_reverse = c->reverse_dns != CONFIG_REVERSE_NO ? 1 : 0;
	/* Who comes by XCLIENT was greeted once, and does not talk first. */
	uint64_t quiet_s = s->is_greeted ? 0 : c->greeting_wait;
	struct checks *k;

	check_forget(s);
	if ((has_reverse == 0 && c->ndns_lists == 0 && quiet_s == 0) ||
	    !is_stranger(s) || (k = make(s, quiet_s)) == NULL)
		return;
	if (has_reverse > 0)
		(void)add(k, REVERSE, 0);
	for (size_t i = 0; i < c->ndns_lists; i++)
		(void)add(k, c->dns_lists[i].zone, c->dns_lists[i].weight);
	loop_timer_set(k->timer, CHECKS_WITHIN_MS);
	for (size_t i = 0; i < k->n; i++)
		(i < has_reverse ? ask_reverse : ask_list)(s, &k->of[i]);
}

bool
check_holds_greeting(struct session *s)
{
	if (s->checks == NULL || s->checks->nwaiting == 0)
		return false;
	s->checks->is_greeting_due = true;
	return true;
}

/* Answers */

static struct check *
asked(struct receiver *rc, uint64_t tag, struct session **of)
{
	uint64_t slot = tag & 0xffff, i = tag >> 16 & TAG_CHECK;
	struct session *s = slot < rc->nslots ? rc->slots[slot] : NULL;

	if (s == NULL || s->checks == NULL || i >= s->checks->n ||
	    s->checks->of[i].word != CHECK_WAITS ||
	    tag != tag_of(s, &s->checks->of[i]))
		return NULL;
	*of = s;
	return &s->checks->of[i];
}

bool
check_reverse_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	static const enum check_word words[INQUIRY_FOUND_COUNT] = {
		[INQUIRY_PASS] = CHECK_PASS,
		[INQUIRY_NONE] = CHECK_NONE,
		[INQUIRY_MISMATCH] = CHECK_MISMATCH,
		[INQUIRY_LATER] = CHECK_LATER,
	};
	const struct inquiry_reverse_answer *m = msg;
	bool has_name = m->found == INQUIRY_PASS ||
	    m->found == INQUIRY_MISMATCH;
	struct dns_name name = { 0 };
	struct session *s;
	struct check *c;

	if (m->found >= INQUIRY_FOUND_COUNT || (has_name &&
	    dns_host_name(m->name, &name) != ERR_OK))
		return false;
	c = asked(r->self, m->tag, &s);
	if (c == NULL || c != &s->checks->of[0])
		return true;
	(void)snprintf(c->why, sizeof c->why, "%.63s", name.text);
	if (m->found == INQUIRY_PASS)
		memcpy(s->name, name.text, name.n + 1);
	found(s, c, words[m->found]);
	return true;
}

static const struct config_dns_list *
list_of(const struct session *s, const struct check *c)
{
	const struct config *config = config_of(s);

	for (size_t i = 0; i < config->ndns_lists; i++)
		if (config->dns_lists[i].zone == c->name)
			return &config->dns_lists[i];
	return NULL;
}

/* It lists the client, and what else it lists has been asked. */
static void
doubted(struct session *s, struct check *c, enum check_word nobody)
{
	static const enum check_word words[CHECK_WORD_COUNT] = {
		[CHECK_LATER] = CHECK_LATER,
		[CHECK_CLEAR] = CHECK_LISTED,
		[CHECK_LISTED] = CHECK_ODD,
		[CHECK_ODD] = CHECK_ODD,
	};

	if (words[nobody] == CHECK_ODD)
		(void)snprintf(c->why, sizeof c->why, "lists " CHECK_NOBODY);
	found(s, c, words[nobody]);
}

bool
check_list_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	const struct inquiry_list_answer *m = msg;
	const struct config_dns_list *l;
	enum check_word word = CHECK_LATER;
	char why[CHECK_WHY_MAX] = "";
	struct session *s;
	struct check *c;

	if (m->replies.n % 4 != 0)
		return false;
	c = asked(r->self, m->tag, &s);
	l = c == NULL ? NULL : list_of(s, c);
	if (l == NULL)
		return true;
	if (m->found != INQUIRY_LATER)
		word = check_list_word(m->replies, l->reply.base.octets,
		    l->reply.bits, why);
	if (s->checks->is_doubted[place(s, c)]) {
		doubted(s, c, word);
		return true;
	}
	(void)snprintf(c->why, sizeof c->why, "%s", why);
	if (word != CHECK_LISTED) {
		found(s, c, word);
		return true;
	}
	s->checks->is_doubted[place(s, c)] = true;
	ask_list(s, c);
	return true;
}

void
check_resolver_went(struct receiver *rc)
{
	for (uint32_t i = 0; i < rc->nslots; i++) {
		struct session *s = rc->slots[i];
		struct checks *k = s == NULL ? NULL : s->checks;

		for (size_t n = 0; k != NULL && s->checks == k && n < k->n;
		    n++)
			if (k->of[n].word == CHECK_WAITS)
				found(s, &k->of[n], CHECK_LATER);
	}
}

/* Verdicts */

/* 554, and why; the id is for who asks about it later. */
static enum smtp_reply
refuse(struct session *s, enum smtp_reply re, const char *what)
{
	char id[MSG_ID_LETTERS + 1];

	s->server.tx.id = role_new_id(s->receiver->role);
	msg_id_print(&s->server.tx.id, id);
	(void)snprintf(s->checks->text, sizeof s->checks->text, "%s%s(%s)",
	    what, what[0] != '\0' ? " " : "", id);
	tell_checks(s);
	return re;
}

enum smtp_reply
check_verdict(struct session *s, struct span *more)
{
	enum smtp_reply re = RE_GREETING;
	const struct check *first;
	struct check_sum sum;

	*more = span_of(NULL, 0);
	if (s->checks == NULL)
		return re;
	first = &s->checks->of[0];
	sum = check_sum(s->checks->of, s->checks->n);
	if (sum.is_refused)
		re = refuse(s, RE_LISTED, sum.worst->name);
	else if (config_of(s)->reverse_dns == CONFIG_REVERSE_REFUSE &&
	    !sum.is_allowed && (first->word == CHECK_NONE ||
	    first->word == CHECK_MISMATCH))
		re = refuse(s, RE_NO_REVERSE, "");
	if (re != RE_GREETING)
		*more = span_str(s->checks->text);
	return re;
}

bool
check_is_stranger(const struct session *s)
{
	return is_stranger(s) && s->server.user.n == 0 &&
	    (s->checks == NULL ||
	    !check_sum(s->checks->of, s->checks->n).is_allowed);
}

const struct check *
check_results(const struct session *s, size_t *n)
{
	*n = s->checks == NULL ? 0 : s->checks->n;
	return s->checks == NULL ? NULL : s->checks->of;
}
