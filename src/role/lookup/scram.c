/*
 * scram.c - salts, and whether a proof is right: what SCRAM asks of who holds
 * the keys.  Cheap, so done at once; the client has done the work.
 *
 * Verifiers of a back end are asked for each time, for the salt and for the
 * proof: nothing is kept between the two.
 */
#include "role/lookup/backends.h"
#include "role/lookup/fake.h"

#include "ipc/login.h"

#include <stdlib.h>

/* A question whose verifier a back end has. */
struct asked {
	struct role	*role;
	uint64_t	 tag;
	uint32_t	 peer;
	uint64_t	 instance;
	struct login	 login;		/* its pointers are old by then */
	struct address	 client;
	bool		 is_proof;	/* else a salt is asked for */
	uint8_t		 proof[VERIFIER_KEY];
	struct buf	 auth_message;
};

/* What nobody's salt is like: ERR_NONE: SCRAM was offered to nobody. */
static enum err
like_of(const struct role *r, const struct login *l, struct verifier *like)
{
	const struct lookup *lookup = lookup_of(r);
	uint32_t b = l->backend;

	if (b == CONFIG_NO_BACKEND && l->other_scram != NULL)
		return verifier_parse(l->other_scram->verifier, like);
	for (uint32_t i = 0; b == CONFIG_NO_BACKEND &&
	    i < r->config->nbackends; i++)
		if (lookup->salts[i].is_there)
			b = i;
	if (b == CONFIG_NO_BACKEND || !lookup->salts[b].is_there)
		return ERR_NONE;
	fake_like(&lookup->salts[b], like);
	return ERR_OK;
}

/*
 * The user's own (""; there is none), or nobody's: both are computed in any
 * case.
 */
static enum err
choose(const struct role *r, const struct login *l, struct span own,
    struct verifier *v, bool *is_known)
{
	struct verifier like, fake, real;
	enum err e = like_of(r, l, &like);

	if (e != ERR_OK)
		return e;
	*is_known = own.n > 0;
	if (!*is_known && l->other_scram != NULL)
		own = l->other_scram->verifier;
	real = like;
	e = fake_verifier(&like, login_user(l), &fake);
	if (e == ERR_OK && own.n > 0)
		e = verifier_parse(own, &real);
	if (e == ERR_OK)
		*v = *is_known ? real : fake;
	explicit_bzero(&like, sizeof like);
	explicit_bzero(&fake, sizeof fake);
	explicit_bzero(&real, sizeof real);
	return e;
}

static struct span
own_verifier(const struct login *l)
{
	return l->known != NULL ? l->known->verifier : SPAN("");
}

/* Has the one who is asked about users like this one their verifiers? */
static bool
is_elsewhere(const struct role *r, const struct login *l)
{
	return !l->is_away && l->backend != CONFIG_NO_BACKEND &&
	    lookup_of(r)->salts[l->backend].is_there;
}

/* --- salts --------------------------------------------------------------- */

/* can_tell: false is "try again". */
static bool
answer_salt(struct role *r, struct role_peer *to, uint64_t tag,
    const struct login *l, struct span own, bool can_tell)
{
	struct login_salt_answer a = { .tag = tag };
	struct verifier v;
	bool is_known, is_sent;

	if (can_tell && choose(r, l, own, &v, &is_known) == ERR_OK) {
		a.is_known = 1;
		a.iterations = v.iterations;
		a.salt = span_of(v.salt, v.nsalt);
	}
	is_sent = role_send(r, to, &ipc_login_salt_answer, &a, NULL) ==
	    ERR_OK;
	explicit_bzero(&v, sizeof v);
	return is_sent;
}

/* --- proofs -------------------------------------------------------------- */

static enum lookup_auth_result
prove(const struct role *r, const struct login *l, struct span own,
    const struct login_proof *q, uint8_t signature[VERIFIER_KEY])
{
	struct verifier v;
	bool is_known;
	enum err e = choose(r, l, own, &v, &is_known);

	if (e == ERR_OK)
		e = verifier_check(&v, q->auth_message, q->proof.p, signature);
	explicit_bzero(&v, sizeof v);
	if (e == ERR_OK && is_known)
		return LOOKUP_AUTH_OK;
	return e == ERR_OK || e == ERR_DENIED ? LOOKUP_AUTH_BAD :
	    LOOKUP_AUTH_TEMPFAIL;
}

/* An attempt that was counted ends; false: to does not read. */
static bool
end_proof(struct role *r, struct role_peer *to, const struct login *l,
    const struct address *client, struct lookup_auth_answer *a)
{
	struct limits *limits = &lookup_of(r)->limits;

	a->user = login_user(l);
	if (a->result == LOOKUP_AUTH_BAD)
		a->delay_ms = limits_delay_ms(limits, client, login_user(l));
	else
		limits_succeeded(limits, client, login_user(l));
	return to == NULL || login_answer(r, to, a);
}

static bool
answer_proof(struct role *r, struct role_peer *to, const struct login *l,
    const struct address *client, struct span own,
    const struct login_proof *q)
{
	uint8_t signature[VERIFIER_KEY];
	struct lookup_auth_answer a = { .tag = q->tag };

	a.result = (uint8_t)prove(r, l, own, q, signature);
	if (a.result == LOOKUP_AUTH_OK)
		a.signature = span_of(signature, VERIFIER_KEY);
	return end_proof(r, to, l, client, &a);
}

/* --- of a back end -------------------------------------------------------- */

static void
asked_free(struct asked *k)
{
	buf_free(&k->auth_message);
	free(k);
}

static bool
later(struct asked *k, struct role_peer *to)
{
	struct lookup_auth_answer a = { .tag = k->tag,
		.result = LOOKUP_AUTH_TEMPFAIL };

	return k->is_proof ?
	    end_proof(k->role, to, &k->login, &k->client, &a) :
	    answer_salt(k->role, to, k->tag, &k->login, SPAN(""), false);
}

static bool
answer_asked(struct asked *k, struct role_peer *to, struct span own)
{
	struct login_proof q = { .tag = k->tag,
		.auth_message = buf_span(&k->auth_message),
		.proof = span_of(k->proof, sizeof k->proof) };

	return k->is_proof ? answer_proof(k->role, to, &k->login, &k->client,
	    own, &q) :
	    answer_salt(k->role, to, k->tag, &k->login, own, true);
}

static void
came(void *ctx, const struct backend_answer *a)
{
	struct asked *k = ctx;
	struct role_peer *to = role_peer_at(k->role, IPC_ROLE_RECEIVER,
	    k->peer);
	struct users_line line = { 0 };
	bool is_sent;

	if (to != NULL && to->instance != k->instance)
		to = NULL;
	if (a == NULL || a->result == BACKEND_TROUBLE ||
	    (a->result == BACKEND_OK &&
	    users_secret(a->secret, &line) != ERR_OK))
		is_sent = later(k, to);
	else
		is_sent = answer_asked(k, to, line.verifier);
	if (!is_sent && to != NULL)
		role_cut(k->role, to, "does not read");
	asked_free(k);
}

/* What is asked, NULL: out of memory.  proof: NULL for a salt. */
static struct asked *
asked_new(struct role *r, const struct role_peer *from, uint64_t tag,
    const struct login *l, const struct login_proof *proof)
{
	struct asked *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	*k = (struct asked){ .role = r, .tag = tag, .peer = from->index,
		.instance = from->instance, .login = *l,
		.is_proof = proof != NULL, .auth_message = buf_make(8192) };
	k->login.known = k->login.other = k->login.other_scram = NULL;
	if (proof == NULL)
		return k;
	memcpy(k->proof, proof->proof.p, sizeof k->proof);
	if (address_make(proof->client, &k->client) == ERR_OK &&
	    buf_add(&k->auth_message, proof->auth_message) == ERR_OK)
		return k;
	asked_free(k);
	return NULL;
}

/* False: it cannot be asked now. */
static bool
ask_backend(struct role *r, const struct role_peer *from, uint64_t tag,
    const struct login *l, const struct login_proof *proof)
{
	struct backend_ask m = backends_question(r, l, BACKEND_SECRET,
	    span_of(NULL, 0));
	struct asked *k = asked_new(r, from, tag, l, proof);

	if (k != NULL && backends_ask(r, l->backend, &m, came, k) == ERR_OK)
		return true;
	if (k != NULL)
		asked_free(k);
	return false;
}

/* --- questions ------------------------------------------------------------ */

bool
login_handle_salt(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct login_salt *q = msg;
	struct login l;

	login_find(r, q->user, &l);
	if (!is_elsewhere(r, &l))
		return answer_salt(r, from, q->tag, &l, own_verifier(&l),
		    !l.is_away);
	return ask_backend(r, from, q->tag, &l, NULL) ||
	    answer_salt(r, from, q->tag, &l, SPAN(""), false);
}

/* Counted as every other attempt (AUTH-5). */
static bool
try(struct role *r, struct role_peer *from, const struct login *l,
    const struct address *client, const struct login_proof *q)
{
	struct lookup_auth_answer a = { .tag = q->tag, .user = login_user(l),
		.result = LOOKUP_AUTH_LIMITED };

	if (!limits_try(&lookup_of(r)->limits, client, login_user(l),
	    loop_now_ms(r->loop)))
		return login_answer(r, from, &a);
	if (!is_elsewhere(r, l))
		return answer_proof(r, from, l, client, own_verifier(l), q);
	if (ask_backend(r, from, q->tag, l, q))
		return true;
	a.result = LOOKUP_AUTH_TEMPFAIL;
	return end_proof(r, from, l, client, &a);
}

bool
login_handle_proof(struct role *r, struct role_peer *from, const void *msg,
    const int *fds UNUSED)
{
	const struct login_proof *q = msg;
	struct lookup_auth_answer a = { .tag = q->tag,
		.result = LOOKUP_AUTH_TEMPFAIL };
	struct address client;
	struct login l;

	if (q->proof.n != VERIFIER_KEY ||
	    address_make(q->client, &client) != ERR_OK)
		return false;
	login_find(r, q->user, &l);
	if (!l.is_away)
		return try(r, from, &l, &client, q);
	a.user = login_user(&l);
	return login_answer(r, from, &a);
}
