/*
 * token.c - whose token is this?  Checked in a thread, as passwords are; then
 * the user it names must be one of a users file, and who the client says it is.
 */
#include "role/lookup/backends.h"
#include "role/lookup/issuers.h"
#include "role/lookup/jwt.h"

#include "ipc/login.h"
#include "os/clock.h"

#include <stdlib.h>

struct check {
	struct role	*role;
	uint64_t	 tag;
	uint32_t	 peer;
	uint64_t	 instance;
	struct address	 client;
	uint8_t		 said[LOGIN_SAID_MAX];
	size_t		 nsaid;
	/* As it is counted: who the client says it is, or where it is. */
	char		 account[2 * LOGIN_SAID_MAX + 2];
	size_t		 naccount;
	struct jwks	*keys[CONFIG_OAUTHS_MAX];	/* held */
	struct jwt_rule	 rules[CONFIG_OAUTHS_MAX];
	size_t		 nrules;
	int64_t		 now_s;
	struct buf	 token, user;
	enum err	 result;
};

static void
check_free(struct check *c)
{
	for (size_t i = 0; i < COUNT(c->keys); i++)
		jwks_drop(c->keys[i]);
	buf_wipe(&c->token);
	buf_free(&c->token);
	buf_free(&c->user);
	free(c);
}

static struct span
account_of(const struct check *c)
{
	return span_of(c->account, c->naccount);
}

static void
run(void *job)
{
	struct check *c = job;

	c->result = jwt_user(buf_span(&c->token), c->rules, c->nrules,
	    c->now_s, &c->user);
}

/* The user of the token is ours, and the one that was said (AUTH-3). */
static bool
is_user(struct check *c, struct login *l)
{
	struct login said;

	login_find(c->role, buf_span(&c->user), l);
	if (l->known == NULL)
		return false;
	if (c->nsaid == 0)
		return true;
	login_find(c->role, span_of(c->said, c->nsaid), &said);
	return span_eq(login_user(&said), login_user(l));
}

/* Takes c over: it is counted, told to who asked, and gone. */
static void
finish(struct check *c)
{
	struct role *r = c->role;
	struct limits *limits = &lookup_of(r)->limits;
	struct role_peer *to = role_peer_at(r, IPC_ROLE_RECEIVER, c->peer);
	struct lookup_auth_answer a = { .tag = c->tag,
		.result = LOOKUP_AUTH_BAD, .user = account_of(c) };
	struct login l = { 0 };

	if (c->result == ERR_NOMEM || c->result == ERR_FULL) {
		a.result = LOOKUP_AUTH_TEMPFAIL;
	} else if (c->result == ERR_OK && is_user(c, &l)) {
		a.result = l.is_away ? LOOKUP_AUTH_TEMPFAIL : LOOKUP_AUTH_OK;
		a.user = login_user(&l);
	} else if (l.is_away) {
		a.result = LOOKUP_AUTH_TEMPFAIL;
	}
	if (a.result == LOOKUP_AUTH_BAD)
		a.delay_ms = limits_delay_ms(limits, &c->client,
		    account_of(c));
	else
		limits_succeeded(limits, &c->client, account_of(c));
	if (to != NULL && to->instance == c->instance &&
	    !login_answer(r, to, &a))
		role_cut(r, to, "does not read");
	check_free(c);
}

/* --- its issuer, where that is asked --- */

static void
told(void *ctx, const struct backend_answer *a)
{
	struct check *c = ctx;

	buf_cut(&c->user, 0);
	if (a == NULL || a->result == BACKEND_TROUBLE)
		c->result = ERR_FULL;
	else if (a->result == BACKEND_NO)
		c->result = ERR_DENIED;
	else
		c->result = buf_add(&c->user, a->user);
	finish(c);
}

/* False: nobody is to be asked. */
static bool
ask_issuer(struct check *c)
{
	uint32_t which = config_backend_first(c->role->config,
	    CONFIG_BACKEND_TOKEN);
	struct backend_ask m = { .what = BACKEND_TOKEN,
		.password = buf_span(&c->token),
		.client = address_span(&c->client) };

	if (which == CONFIG_NO_BACKEND || m.password.n == 0 ||
	    span_find(m.password, '\0') < m.password.n)
		return false;
	if (backends_ask(c->role, which, &m, told, c) != ERR_OK)
		told(c, NULL);
	return true;
}

/* What no key has signed may be one that says nothing to others. */
static void
done(void *job)
{
	struct check *c = job;

	if ((c->result == ERR_DENIED || c->result == ERR_SYNTAX) &&
	    ask_issuer(c))
		return;
	finish(c);
}

static bool
name_account(struct check *c, struct span said)
{
	struct buf text = buf_make(sizeof c->account);
	struct login l;
	bool is_named = true;

	if (said.n > 0) {
		login_find(c->role, said, &l);
		memcpy(c->said, said.p, said.n);
		c->nsaid = said.n;
		memcpy(c->account, l.user, l.nuser);
		c->naccount = l.nuser;
	} else if (address_print(&c->client, &text) == ERR_OK) {
		memcpy(c->account, text.p, text.n);
		c->naccount = text.n;
	} else {
		is_named = false;
	}
	buf_free(&text);
	return is_named;
}

static void
add_rules(struct check *c)
{
	const struct config *config = c->role->config;

	for (size_t i = 0; i < config->noauths; i++) {
		const struct config_oauth *o = &config->oauths[i];
		struct jwks *keys = lookup_of(c->role)->issuers[i].keys;

		if (keys == NULL)
			continue;
		c->keys[c->nrules] = jwks_hold(keys);
		c->rules[c->nrules++] = (struct jwt_rule){ o->issuer,
			o->audience, o->user_claim[0] != '\0' ? o->user_claim :
			"email", keys };
	}
}

/* NULL: out of memory, or (*is_broken) no question of ours. */
static struct check *
check_new(struct role *r, struct role_peer *from, const struct login_token *m,
    bool *is_broken)
{
	struct check *c = calloc(1, sizeof *c);

	*is_broken = false;
	if (c == NULL)
		return NULL;
	*c = (struct check){ .role = r, .tag = m->tag, .peer = from->index,
		.instance = from->instance, .token = buf_make(JWT_MAX),
		.user = buf_make(JWT_USER_MAX),
		.now_s = (int64_t)(clock_wall_ms() / 1000) };
	*is_broken = address_make(m->client, &c->client) != ERR_OK;
	if (*is_broken || buf_add(&c->token, m->token) != ERR_OK ||
	    !name_account(c, m->user)) {
		check_free(c);
		return NULL;
	}
	add_rules(c);
	return c;
}

/* Takes c over.  An answer at once, or LOOKUP_AUTH_RESULT_COUNT. */
static enum lookup_auth_result
start(struct check *c)
{
	struct lookup *l = lookup_of(c->role);
	enum lookup_auth_result result = LOOKUP_AUTH_TEMPFAIL;

	if (!limits_try(&l->limits, &c->client, account_of(c),
	    loop_now_ms(c->role->loop)))
		result = LOOKUP_AUTH_LIMITED;
	else if (c->nrules > 0 &&
	    worker_give(l->hashes, run, done, c) == ERR_OK)
		return LOOKUP_AUTH_RESULT_COUNT;
	else if (c->nrules == 0 && ask_issuer(c))
		return LOOKUP_AUTH_RESULT_COUNT;
	else
		limits_succeeded(&l->limits, &c->client, account_of(c));
	check_free(c);
	return result;
}

bool
issuers_handle_token(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct login_token *m = msg;
	struct lookup_auth_answer a = { .tag = m->tag,
		.result = LOOKUP_AUTH_TEMPFAIL, .user = m->user };
	bool is_broken;
	struct check *c = check_new(r, from, m, &is_broken);

	/* It lies in the channel's memory, which nobody else reads again. */
	explicit_bzero((void *)(uintptr_t)m->token.p, m->token.n);
	if (is_broken)
		return false;
	if (c != NULL)
		a.result = (uint8_t)start(c);
	return a.result == LOOKUP_AUTH_RESULT_COUNT ||
	    login_answer(r, from, &a);
}
