/*
 * auth.c - is this the password of that user?
 *
 * Whether the user is unknown, may not log in, or gave a wrong password: the
 * same work is done and the same answer given (AUTH-4).  The work is done in
 * threads behind a bounded queue; when that is full the answer is "temporary".
 */
#include "role/lookup/lookup.h"

#include "mail/address.h"

#include <stdlib.h>

#define USER_MAX	254u

struct check {
	struct role	*role;
	uint64_t	 tag;
	uint32_t	 peer;		/* who asked */
	uint64_t	 instance;
	struct address	 client;
	char		 user[2 * USER_MAX];	/* name@domain, lower case */
	size_t		 user_n;
	struct verify_proof proof;	/* to remember it by when it is right */
	bool		 has_proof;
	struct verify	 verify;
};

static bool
answer(struct role *r, struct role_peer *to, uint64_t tag,
    enum lookup_auth_result result, struct span user, uint32_t delay_ms)
{
	struct lookup_auth_answer m = {
		.tag = tag, .result = (uint8_t)result, .user = user,
		.delay_ms = delay_ms,
	};

	return role_send(r, to, &ipc_lookup_auth_answer, &m, NULL) == ERR_OK;
}

static struct span
user_of(const struct check *c)
{
	return span_of(c->user, c->user_n);
}

static void
done(void *job)
{
	struct check *c = job;
	struct role *r = c->role;
	struct role_peer *to = role_peer_at(r, IPC_ROLE_RECEIVER, c->peer);
	enum lookup_auth_result result = c->verify.has_failed ?
	    LOOKUP_AUTH_TEMPFAIL : c->verify.is_right ? LOOKUP_AUTH_OK :
	    LOOKUP_AUTH_BAD;
	uint32_t delay_ms = 0;

	if (result != LOOKUP_AUTH_BAD)
		limits_succeeded(&lookup_of(r)->limits, &c->client,
		    user_of(c));
	else
		delay_ms = limits_delay_ms(&lookup_of(r)->limits, &c->client,
		    user_of(c));
	if (result == LOOKUP_AUTH_OK && c->has_proof)
		verify_keep(&lookup_of(r)->kept, &c->proof,
		    loop_now_ms(r->loop));
	if (to != NULL && to->instance == c->instance &&
	    !answer(r, to, c->tag, result, user_of(c), delay_ms))
		role_cut(r, to, "does not read");
	explicit_bzero(&c->verify, sizeof c->verify);
	free(c);
}

static void
run(void *job)
{
	struct check *c = job;

	verify_run(&c->verify);
}

static size_t
fold(struct span s, char *to)
{
	for (size_t i = 0; i < s.n; i++)
		to[i] = (char)ascii_lower(s.p[i]);
	return s.n;
}

/*
 * NAME@DOMAIN, or NAME when there is one domain.  The index of the domain, or
 * the number of domains when it is none of ours.
 */
static size_t
split(const struct role *r, struct span user, struct span *name)
{
	struct span domain;

	if (addr_split(user, name, &domain))
		return lookup_domain_index(r, domain);
	return r->config->ndomains == 1 ? 0 : r->config->ndomains;
}

/* As it is counted, logged and shown: what was said, with the domain. */
static void
name_user(const struct role *r, struct check *c, struct span user,
    size_t domain)
{
	struct span local, said;

	c->user_n = fold(user, c->user);
	if (!addr_split(user, &local, &said) && domain < r->config->ndomains) {
		struct span d = span_str(r->config->domains[domain].name);

		c->user_n += fold(SPAN("@"), c->user + c->user_n);
		c->user_n += fold(d, c->user + c->user_n);
	}
}

static void
set_hash(struct verify *v, struct span hash, bool is_known)
{
	size_t n = MIN(hash.n, sizeof v->hash - 1);

	memcpy(v->hash, hash.p, n);
	v->hash[n] = '\0';
	v->is_known = is_known;
}

/* A hash to compute in any case; somebody else's when nobody is known. */
static void
choose_hash(const struct role *r, struct check *c, size_t domain,
    struct span name, struct span password)
{
	const struct table_user *u = NULL, *other = NULL;
	bool is_usable = password.n > 0 && password.n <= VERIFY_PASSWORD_MAX &&
	    span_find(password, '\0') == password.n;

	for (size_t i = 0; i < r->config->ndomains && other == NULL; i++)
		other = lookup_of(r)->domains[i].table.first_login;
	if (domain < r->config->ndomains) {
		const struct table *t = &lookup_of(r)->domains[domain].table;

		/* A login is the name itself, no subaddress of it. */
		if (span_find(name, '+') == name.n)
			u = table_find(t, name);
		if (t->first_login != NULL)
			other = t->first_login;
	}
	if (u != NULL && !span_eq(u->hash, SPAN("*")) && is_usable)
		set_hash(&c->verify, u->hash, true);
	else
		set_hash(&c->verify, other != NULL ? other->hash :
		    SPAN(VERIFY_DUMMY), false);
	c->verify.password_n = is_usable ? password.n : 1;
	memcpy(c->verify.password, is_usable ? password.p :
	    (const uint8_t *)"x", c->verify.password_n);
}

/* Was the same said within the last minute, and right? */
static bool
is_remembered(const struct role *r, struct check *c)
{
	const struct lookup *l = lookup_of(r);

	c->has_proof = c->verify.is_known && verify_prove(&l->kept,
	    user_of(c), span_of(c->verify.password, c->verify.password_n),
	    span_str(c->verify.hash), &c->proof);
	return c->has_proof &&
	    verify_is_kept(&l->kept, &c->proof, loop_now_ms(r->loop));
}

/* An answer at once, or LOOKUP_AUTH_RESULT_COUNT: a thread has taken c. */
static enum lookup_auth_result
start(struct role *r, struct check *c)
{
	struct lookup *l = lookup_of(r);
	enum lookup_auth_result result = LOOKUP_AUTH_TEMPFAIL;

	if (!limits_try(&l->limits, &c->client, user_of(c),
	    loop_now_ms(r->loop)))
		return LOOKUP_AUTH_LIMITED;
	if (is_remembered(r, c))
		result = LOOKUP_AUTH_OK;
	else if (worker_give(l->hashes, run, done, c) == ERR_OK)
		return LOOKUP_AUTH_RESULT_COUNT;
	limits_succeeded(&l->limits, &c->client, user_of(c));
	return result;
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
	explicit_bzero(&c->verify, sizeof c->verify);
	free(c);
	return is_sent;
}

static bool
ask(struct role *r, struct role_peer *from, const struct lookup_auth *m)
{
	struct check *c = calloc(1, sizeof *c);
	struct span name;
	size_t domain = split(r, m->user, &name);

	if (domain < r->config->ndomains)
		lookup_look(r, domain);
	if (domain < r->config->ndomains &&
	    !lookup_of(r)->domains[domain].table.is_there) {
		free(c);
		c = NULL;
	}
	if (c == NULL)
		return answer(r, from, m->tag, LOOKUP_AUTH_TEMPFAIL, m->user,
		    0);
	if (address_make(m->client, &c->client) != ERR_OK) {
		free(c);
		return false;
	}
	c->role = r;
	c->tag = m->tag;
	c->peer = from->index;
	c->instance = from->instance;
	name_user(r, c, m->user, domain);
	choose_hash(r, c, domain, name, m->password);
	return start_or_answer(r, from, c);
}

bool
lookup_handle_auth(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct lookup_auth *m = msg;
	bool is_good = m->user.n <= USER_MAX && ask(r, from, m);

	/* It lies in the channel's memory, which nobody else reads again. */
	explicit_bzero((void *)(uintptr_t)m->password.p, m->password.n);
	return is_good;
}
