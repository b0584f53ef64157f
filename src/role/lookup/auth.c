/*
 * auth.c - is this the password of that user?
 *
 * Whether the user is unknown, may not log in, or gave a wrong password: the
 * same work is done and the same answer given (AUTH-4).  The work is done in
 * threads behind a bounded queue; when that is full the answer is "temporary".
 *
 * An attempt counts as failed until it is known to be right.  So a crowd that
 * logs in at one moment, of one user or from one address, would use up what is
 * allowed: who is past it while others like it are judged is held, and tried
 * again when one of them is.
 *
 * Who is in no users file is asked for at the domain's back end: that hands out
 * what is stored, and the rest is as for others, or it says yes or no itself.
 */
#include "role/lookup/backends.h"

#include <stdlib.h>

struct check {
	struct check	*next;		/* judged or held */
	struct role	*role;
	uint64_t	 tag;
	uint32_t	 peer;		/* who asked */
	uint64_t	 instance;
	struct address	 client;
	struct login	 login;		/* its pointers are old by then */
	struct verify_proof proof;	/* to remember it by when it is right */
	bool		 has_proof;
	bool		 is_usable;	/* a password that somebody may have */
	struct verify	 verify;
};

bool
login_answer(struct role *r, struct role_peer *to,
    const struct lookup_auth_answer *m)
{
	return role_send(r, to, &ipc_lookup_auth_answer, m, NULL) == ERR_OK;
}

static bool
answer(struct role *r, struct role_peer *to, uint64_t tag,
    enum lookup_auth_result result, struct span user, uint32_t delay_ms)
{
	struct lookup_auth_answer m = {
		.tag = tag, .result = (uint8_t)result, .user = user,
		.delay_ms = delay_ms,
	};

	return login_answer(r, to, &m);
}

static struct span
user_of(const struct check *c)
{
	return login_user(&c->login);
}

static void
check_free(struct check *c)
{
	explicit_bzero(&c->verify, sizeof c->verify);
	free(c);
}

/* What a back end says alone is kept for less long. */
static void
remember(struct check *c, bool is_told)
{
	struct role *r = c->role;

	if (c->has_proof)
		verify_keep(&lookup_of(r)->kept, &c->proof,
		    loop_now_ms(r->loop), is_told ? VERIFY_TOLD_MS :
		    VERIFY_KEEP_MS);
}

/* Takes c over: it is told to who asked, and gone. */
static void
tell(struct check *c, enum lookup_auth_result result, uint32_t delay_ms)
{
	struct role *r = c->role;
	struct role_peer *to = role_peer_at(r, IPC_ROLE_RECEIVER, c->peer);

	if (to != NULL && to->instance == c->instance &&
	    !answer(r, to, c->tag, result, user_of(c), delay_ms))
		role_cut(r, to, "does not read");
	check_free(c);
}

static void
unlink_judged(struct check *c)
{
	struct check **link = &lookup_of(c->role)->judged;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
}

static void try_held(struct role *r);

/* Takes c over: it is counted, told to who asked, and gone. */
static void
finish(struct check *c, enum lookup_auth_result result)
{
	struct role *r = c->role;
	struct limits *limits = &lookup_of(r)->limits;
	uint32_t delay_ms = 0;

	unlink_judged(c);
	if (result != LOOKUP_AUTH_BAD)
		limits_succeeded(limits, &c->client, user_of(c));
	else
		delay_ms = limits_delay_ms(limits, &c->client, user_of(c));
	tell(c, result, delay_ms);
	try_held(r);
}

/* --- a hash -------------------------------------------------------------- */

static void
done(void *job)
{
	struct check *c = job;
	enum lookup_auth_result result = c->verify.has_failed ?
	    LOOKUP_AUTH_TEMPFAIL : c->verify.is_right ? LOOKUP_AUTH_OK :
	    LOOKUP_AUTH_BAD;

	if (result == LOOKUP_AUTH_OK)
		remember(c, false);
	finish(c, result);
}

static void
run(void *job)
{
	struct check *c = job;

	verify_run(&c->verify);
}

static void
set_hash(struct verify *v, struct span hash, bool is_known)
{
	size_t n = MIN(hash.n, sizeof v->hash - 1);

	memcpy(v->hash, hash.p, n);
	v->hash[n] = '\0';
	v->is_known = is_known;
}

/* Somebody else's hash when nobody is known; of the same back end, if any. */
static struct span
hash_of_nobody(const struct check *c)
{
	const struct table_user *other = c->login.other;
	uint32_t b = c->login.backend;

	if (b != CONFIG_NO_BACKEND && lookup_of(c->role)->like[b][0] != '\0')
		return span_str(lookup_of(c->role)->like[b]);
	return other != NULL ? other->hash : SPAN(VERIFY_DUMMY);
}

/* A hash to compute in any case. */
static void
choose_hash(struct check *c, struct span password)
{
	const struct table_user *u = c->login.known;

	c->is_usable = password.n > 0 && password.n <= VERIFY_PASSWORD_MAX &&
	    span_find(password, '\0') == password.n;
	if (u != NULL && !span_eq(u->hash, SPAN("*")) && c->is_usable)
		set_hash(&c->verify, u->hash, true);
	else
		set_hash(&c->verify, hash_of_nobody(c), false);
	c->verify.password_n = c->is_usable ? password.n : 1;
	memcpy(c->verify.password, c->is_usable ? password.p :
	    (const uint8_t *)"x", c->verify.password_n);
}

/* Was the same said a while ago, and right? */
static bool
is_remembered(struct check *c, struct span hash)
{
	const struct lookup *l = lookup_of(c->role);

	c->has_proof = verify_prove(&l->kept, user_of(c),
	    span_of(c->verify.password, c->verify.password_n), hash,
	    &c->proof);
	return c->has_proof && verify_is_kept(&l->kept, &c->proof,
	    loop_now_ms(c->role->loop));
}

/* An answer at once, or LOOKUP_AUTH_RESULT_COUNT: a thread has taken c. */
static enum lookup_auth_result
compute(struct check *c)
{
	if (c->verify.is_known && is_remembered(c, span_str(c->verify.hash)))
		return LOOKUP_AUTH_OK;
	return worker_give(lookup_of(c->role)->hashes, run, done, c) ==
	    ERR_OK ? LOOKUP_AUTH_RESULT_COUNT : LOOKUP_AUTH_TEMPFAIL;
}

/* --- a back end ---------------------------------------------------------- */

static void
log_unknown_secret(struct check *c)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_ALARM, NULL, "backend-secret");
	log_str(&l, "backend",
	    c->role->config->backends[c->login.backend].name);
	log_span(&l, "user", user_of(c));
	log_str(&l, "why", "no hash that we compute, or its cost is out of "
	    "bounds");
	role_log(c->role, &l);
}

/* ERR_SYNTAX: what is stored is of no use (AUTH-9). */
static enum err
take_secret(struct check *c, struct span secret)
{
	char *like = lookup_of(c->role)->like[c->login.backend];
	struct users_line line;

	if (users_secret(secret, &line) != ERR_OK) {
		log_unknown_secret(c);
		return ERR_SYNTAX;
	}
	if (span_eq(line.hash, SPAN("*")))
		return ERR_OK;
	set_hash(&c->verify, line.hash, true);
	memcpy(like, c->verify.hash, sizeof c->verify.hash);
	return ERR_OK;
}

/* What is stored has come: the rest is as for a user of a file. */
static void
stored(void *ctx, const struct backend_answer *a)
{
	struct check *c = ctx;
	enum lookup_auth_result result = LOOKUP_AUTH_TEMPFAIL;

	/* Whoever was unknown a moment ago may be like one who is not. */
	set_hash(&c->verify, hash_of_nobody(c), false);
	if (a != NULL && (a->result == BACKEND_NO ||
	    (a->result == BACKEND_OK &&
	    take_secret(c, a->secret) == ERR_OK)))
		result = compute(c);
	if (result != LOOKUP_AUTH_RESULT_COUNT)
		finish(c, result);
}

static void
told(void *ctx, const struct backend_answer *a)
{
	static const enum lookup_auth_result results[BACKEND_RESULT_COUNT] = {
		[BACKEND_OK] = LOOKUP_AUTH_OK,
		[BACKEND_NO] = LOOKUP_AUTH_BAD,
		[BACKEND_TROUBLE] = LOOKUP_AUTH_TEMPFAIL,
	};
	struct check *c = ctx;
	enum lookup_auth_result result = a == NULL ? LOOKUP_AUTH_TEMPFAIL :
	    results[a->result];

	if (result == LOOKUP_AUTH_OK)
		remember(c, true);
	finish(c, result);
}

/* As compute(). */
static enum lookup_auth_result
ask_backend(struct check *c)
{
	struct role *r = c->role;
	size_t which = c->login.backend;
	bool has_secrets =
	    config_backend_has_secrets(&r->config->backends[which]);
	struct backend_ask m = backends_question(r, &c->login, has_secrets ?
	    BACKEND_SECRET : BACKEND_PASSWORD, address_span(&c->client));

	if (!has_secrets) {
		m.password = span_of(c->verify.password,
		    c->verify.password_n);
		/* No hash is written so. */
		if (is_remembered(c, SPAN("told")))
			return LOOKUP_AUTH_OK;
	}
	return backends_ask(r, which, &m, has_secrets ? stored : told, c) ==
	    ERR_OK ? LOOKUP_AUTH_RESULT_COUNT : LOOKUP_AUTH_TEMPFAIL;
}

/* --- a question ---------------------------------------------------------- */

static bool
is_of_address(const struct check *a, const struct check *b)
{
	return span_eq(address_span(&a->client), address_span(&b->client));
}

/* Is one like it judged, whose end may make room for it? */
static bool
is_like_a_judged(const struct lookup *l, const struct check *c)
{
	const struct check *j = l->judged;

	while (j != NULL && !span_eq(user_of(j), user_of(c)) &&
	    !is_of_address(j, c))
		j = j->next;
	return j != NULL;
}

static bool
may_hold(const struct lookup *l, const struct check *c)
{
	unsigned int n = 0;

	for (const struct check *h = l->held; h != NULL; h = h->next)
		n += is_of_address(h, c);
	return l->nheld < LOOKUP_HELD && n < LOOKUP_HELD_OF_ADDRESS &&
	    is_like_a_judged(l, c);
}

static void
hold(struct lookup *l, struct check *c)
{
	struct check **link = &l->held;

	while (*link != NULL)
		link = &(*link)->next;
	c->next = NULL;
	*link = c;
	l->nheld++;
}

/* An answer at once, or LOOKUP_AUTH_RESULT_COUNT: somebody has taken c. */
static enum lookup_auth_result
start(struct role *r, struct check *c)
{
	struct lookup *l = lookup_of(r);
	enum lookup_auth_result result;

	if (!limits_try(&l->limits, &c->client, user_of(c),
	    loop_now_ms(r->loop))) {
		if (!may_hold(l, c))
			return LOOKUP_AUTH_LIMITED;
		hold(l, c);
		return LOOKUP_AUTH_RESULT_COUNT;
	}
	c->next = l->judged;
	l->judged = c;
	/* An empty password is none: a directory would take it for no name. */
	result = c->login.backend != CONFIG_NO_BACKEND && c->is_usable ?
	    ask_backend(c) : compute(c);
	if (result != LOOKUP_AUTH_RESULT_COUNT) {
		unlink_judged(c);
		limits_succeeded(&l->limits, &c->client, user_of(c));
	}
	return result;
}

/* Once each; who is held again waits for another one's end. */
static void
try_held(struct role *r)
{
	struct lookup *l = lookup_of(r);
	struct check *first = l->held, *c;
	enum lookup_auth_result result;

	l->held = NULL;
	l->nheld = 0;
	while ((c = first) != NULL) {
		first = c->next;
		result = start(r, c);
		if (result != LOOKUP_AUTH_RESULT_COUNT)
			tell(c, result, 0);
	}
}

/* Takes c over. */
static bool
start_or_answer(struct role *r, struct role_peer *from, struct check *c)
{
	enum lookup_auth_result result = start(r, c);
	bool is_sent;

	if (result == LOOKUP_AUTH_RESULT_COUNT)
		return true;
	is_sent = answer(r, from, c->tag, result, user_of(c), 0);
	check_free(c);
	return is_sent;
}

static bool
ask(struct role *r, struct role_peer *from, const struct lookup_auth *m)
{
	struct check *c = calloc(1, sizeof *c);

	if (c == NULL)
		return answer(r, from, m->tag, LOOKUP_AUTH_TEMPFAIL, m->user,
		    0);
	if (address_make(m->client, &c->client) != ERR_OK) {
		free(c);
		return false;
	}
	login_find(r, m->user, &c->login);
	if (c->login.is_away) {
		free(c);
		return answer(r, from, m->tag, LOOKUP_AUTH_TEMPFAIL, m->user,
		    0);
	}
	c->role = r;
	c->tag = m->tag;
	c->peer = from->index;
	c->instance = from->instance;
	choose_hash(c, m->password);
	/* By the time it is computed its table may be another. */
	c->login.known = c->login.other = c->login.other_scram = NULL;
	return start_or_answer(r, from, c);
}

bool
lookup_handle_auth(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_auth *m = msg;
	bool is_good = m->user.n <= LOGIN_SAID_MAX && ask(r, from, m);

	/* It lies in the channel's memory, which nobody else reads again. */
	explicit_bzero((void *)(uintptr_t)m->password.p, m->password.n);
	return is_good;
}
