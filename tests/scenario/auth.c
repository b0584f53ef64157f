/*
 * auth.c - who may log in to a scenario's session: its one user.
 *
 * A password or token is that of the scenario.  SCRAM has the salt, the nonce
 * and the one good proof of RFC 7677 section 3, of "user" and "pencil": who says
 * other words proves nothing.
 */
#include "scenario.h"

#include "base/base64.h"

#define NONCE		"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT		"W22ZaJ0SNY7soEsUEjb6gQ=="
#define ITERATIONS	4096u
#define PROOF		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNATURE	"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct buf
octets(const char *base64)
{
	struct buf b = buf_make(SCRAM_KEY);

	ASSERT(base64_decode(span_str(base64), &b) == ERR_OK);
	return b;
}

static void
on_secret(struct play *p)
{
	const struct sasl *sasl = &p->s.sasl;
	/* A token may be of whom it names, without another word of it. */
	bool is_user = span_eq(sasl->user, p->sc->user) ||
	    (sasl->question == SASL_ASK_TOKEN && sasl->user.n == 0);
	bool is_good = p->sc->user.n > 0 && is_user &&
	    span_eq(sasl->password, p->sc->password);

	smtp_server_auth(&p->s, is_good ? RE_AUTH_OK : RE_AUTH_BAD,
	    p->sc->user);
}

static void
on_salt(struct play *p)
{
	struct buf salt = octets(SALT);

	smtp_server_auth_salt(&p->s, SPAN(NONCE), buf_span(&salt), ITERATIONS,
	    SPAN(""));
	buf_free(&salt);
}

static void
on_proof(struct play *p)
{
	const struct scram *scram = &p->s.sasl.scram;
	struct buf proof = octets(PROOF), signature = octets(SIGNATURE);
	bool is_good = span_eq(scram_proof(scram),
	    buf_span(&proof)) && span_eq(p->sc->user, SPAN("user"));

	if (is_good)
		smtp_server_auth_proved(&p->s, p->sc->user,
		    buf_span(&signature));
	else
		smtp_server_auth(&p->s, RE_AUTH_BAD, p->sc->user);
	buf_free(&proof);
	buf_free(&signature);
}

static void (*const questions[SASL_QUESTION_COUNT])(struct play *) = {
	[SASL_ASK_PASSWORD] = on_secret,
	[SASL_ASK_SALT] = on_salt,
	[SASL_ASK_PROOF] = on_proof,
	[SASL_ASK_TOKEN] = on_secret,
};

void
play_auth(struct play *p)
{
	questions[p->s.sasl.question](p);
}
