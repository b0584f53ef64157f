/*
 * sasl.c - the mechanisms, a row each.
 */
#include "proto/sasl.h"

#include "base/base64.h"

#define DECODED_MAX	(12288u / 4 * 3)
#define CHALLENGE_MAX	(2 * SCRAM_TEXT_MAX)

/* --- PLAIN, LOGIN --- */

static enum sasl_step
ask_password(struct sasl *s)
{
	s->question = SASL_ASK_PASSWORD;
	return s->user.n == 0 || s->user.n > SASL_USER_MAX ||
	    s->password.n == 0 || s->password.n > SASL_PASSWORD_MAX ?
	    SASL_BAD : SASL_ASK;
}

static enum sasl_step
take_plain(struct sasl *s, struct span said)
{
	/* RFC 4616: authzid NUL authcid NUL passwd. */
	struct span authzid = span_take(&said, span_find(said, 0));

	if (span_take(&said, 1).n == 0)
		return SASL_BAD;
	s->user = span_take(&said, span_find(said, 0));
	if (span_take(&said, 1).n == 0 || span_find(said, 0) < said.n)
		return SASL_BAD;
	s->password = said;
	return authzid.n == 0 || span_eq(authzid, s->user) ? ask_password(s) :
	    SASL_REFUSED;
}

static enum sasl_step
take_login(struct sasl *s, struct span said)
{
	if (span_find(said, 0) < said.n)
		return SASL_BAD;
	if (s->nlines == 1) {
		s->user_n = said.n;
		return SASL_CHALLENGE;
	}
	s->user = span_of(s->octets.p, s->user_n);
	s->password = said;
	return ask_password(s);
}

/* --- SCRAM --- */

static enum sasl_step
step_of(enum scram_result r, enum sasl_step good)
{
	static const enum sasl_step steps[] = {
		[SCRAM_GOOD] = SASL_ASK,
		[SCRAM_SYNTAX] = SASL_BAD,
		[SCRAM_DENIED] = SASL_DENIED,
		[SCRAM_FOREIGN] = SASL_REFUSED,
		[SCRAM_STARVED] = SASL_STARVED,
	};

	return r == SCRAM_GOOD ? good : steps[r];
}

static enum sasl_step
take_scram(struct sasl *s, struct span said)
{
	enum scram_result r;

	if (s->nlines == 1) {
		s->scram = scram_make();
		r = scram_first(&s->scram, said,
		    s->mechanism == SASL_SCRAM_PLUS,
		    s->offered & SASL_BIT(SASL_SCRAM_PLUS));
		s->question = SASL_ASK_SALT;
		s->user = scram_user(&s->scram);
		return step_of(r, SASL_ASK);
	}
	if (s->nlines == 2) {
		r = scram_final(&s->scram, said,
		    buf_span(&s->channel));
		s->question = SASL_ASK_PROOF;
		return step_of(r, SASL_ASK);
	}
	/* RFC 4954 4: nothing is left to say to our own proof. */
	return said.n == 0 ? SASL_DONE : SASL_BAD;
}

static enum sasl_step
challenge_with(struct sasl *s, struct span text)
{
	buf_cut(&s->challenge, 0);
	return base64_encode(text, &s->challenge) == ERR_OK ? SASL_CHALLENGE :
	    SASL_STARVED;
}

enum sasl_step
sasl_salted(struct sasl *s, struct span nonce, struct span salt,
    uint32_t iterations, struct span channel)
{
	enum scram_result r;

	ASSERT(s->question == SASL_ASK_SALT && nonce.n <= SASL_NONCE_MAX);
	if (s->scram.binding != SCRAM_UNBOUND &&
	    buf_add(&s->channel, channel) != ERR_OK)
		return SASL_STARVED;
	r = scram_salted(&s->scram, nonce, salt, iterations);
	return r == SCRAM_GOOD ?
	    challenge_with(s, scram_server_first(&s->scram)) :
	    step_of(r, SASL_BAD);
}

enum sasl_step
sasl_proved(struct sasl *s, struct span user, struct span signature)
{
	struct buf text = buf_make(128);
	enum sasl_step step = SASL_STARVED;

	ASSERT(s->question == SASL_ASK_PROOF);
	buf_cut(&s->scram.user, 0);
	if (user.n == 0 || buf_add(&s->scram.user, user) != ERR_OK)
		return SASL_DENIED;
	s->user = scram_user(&s->scram);
	if (buf_add(&text, SPAN("v=")) == ERR_OK &&
	    base64_encode(signature, &text) == ERR_OK)
		step = challenge_with(s, buf_span(&text));
	buf_free(&text);
	return step;
}

/* --- OAUTHBEARER, XOAUTH2 --- */

static enum sasl_step
take_token(struct sasl *s, struct span said)
{
	enum err e;

	if (s->is_rejected)
		return SASL_DENIED;
	s->scram.user = buf_make(SASL_USER_MAX);
	e = s->mechanism == SASL_XOAUTH2 ?
	    sasl_token_xoauth2(said, &s->scram.user, &s->password) :
	    sasl_token_bearer(said, &s->scram.user, &s->password);
	if (e != ERR_OK)
		return e == ERR_NOMEM ? SASL_STARVED : SASL_BAD;
	s->question = SASL_ASK_TOKEN;
	s->user = buf_span(&s->scram.user);
	return SASL_ASK;
}

enum sasl_step
sasl_rejected(struct sasl *s)
{
	ASSERT(s->question == SASL_ASK_TOKEN);
	s->is_rejected = true;
	return challenge_with(s, s->mechanism == SASL_XOAUTH2 ?
	    SPAN("{\"status\":\"401\",\"schemes\":\"bearer\"}") :
	    SPAN("{\"status\":\"invalid_token\"}"));
}

/* --- EXTERNAL --- */

/* RFC 4422 A: for whom it wants to act, or nothing: as who it is. */
static enum sasl_step
take_external(struct sasl *s, struct span said)
{
	if (said.n > SASL_USER_MAX || span_find(said, 0) < said.n)
		return SASL_BAD;
	s->question = SASL_ASK_IDENTITY;
	s->user = said;
	return SASL_ASK;
}

/* --- all of them --- */

static const struct {
	const char	*name;
	const char	*challenges[2];		/* base64 */
	enum sasl_step	(*take)(struct sasl *s, struct span said);
} rows[SASL_COUNT] = {
	[SASL_PLAIN] = { "PLAIN", { "", "" }, take_plain },
	/* "Username:", "Password:". */
	[SASL_LOGIN] = { "LOGIN", { "VXNlcm5hbWU6", "UGFzc3dvcmQ6" },
		take_login },
	[SASL_SCRAM] = { "SCRAM-SHA-256", { "", "" }, take_scram },
	[SASL_SCRAM_PLUS] = { "SCRAM-SHA-256-PLUS", { "", "" }, take_scram },
	[SASL_OAUTHBEARER] = { "OAUTHBEARER", { "", "" }, take_token },
	[SASL_XOAUTH2] = { "XOAUTH2", { "", "" }, take_token },
	[SASL_EXTERNAL] = { "EXTERNAL", { "", "" }, take_external },
};

enum err
sasl_names(uint32_t offered, struct buf *to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < COUNT(rows) && e == ERR_OK; i++)
		if (offered & SASL_BIT(i))
			e = buf_addf(to, " %s", rows[i].name);
	return e;
}

enum err
sasl_begin(struct sasl *s, struct span mechanism, uint32_t offered)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if ((offered & SASL_BIT(i)) &&
		    span_eq_nocase(mechanism, span_str(rows[i].name))) {
			*s = (struct sasl){
				.mechanism = (enum sasl_mechanism)i,
				.offered = offered,
				.octets = buf_make(DECODED_MAX),
				.challenge = buf_make(CHALLENGE_MAX),
				.channel = buf_make(SASL_CHANNEL_MAX),
			};
			return ERR_OK;
		}
	return ERR_NONE;
}

static enum sasl_step
sasl_step_of(struct sasl *s, struct span line)
{
	size_t before = s->octets.n;

	if (span_eq(line, SPAN("*")))
		return SASL_CANCELLED;
	/* Room at once: growing would leave copies of a password behind. */
	if (s->octets.room == 0 && buf_room(&s->octets, DECODED_MAX) != ERR_OK)
		return SASL_STARVED;
	if (base64_decode(line, &s->octets) != ERR_OK)
		return SASL_BAD;
	s->nlines++;
	return rows[s->mechanism].take(s,
	    span_skip(buf_span(&s->octets), before));
}

enum sasl_step
sasl_feed(struct sasl *s, bool has_line, struct span line)
{
	/* RFC 4954 4: `=` alone is an initial response of no octets. */
	bool is_empty = s->nlines == 0 && span_eq(line, SPAN("="));

	if (!has_line)
		return SASL_CHALLENGE;
	return sasl_step_of(s, is_empty ? span_of(line.p, 0) : line);
}

struct span
sasl_challenge(const struct sasl *s)
{
	if (s->challenge.n > 0)
		return buf_span(&s->challenge);
	return span_str(rows[s->mechanism].challenges[MIN(s->nlines, 1)]);
}

void
sasl_end(struct sasl *s)
{
	scram_end(&s->scram);
	buf_wipe(&s->channel);
	buf_free(&s->channel);
	buf_free(&s->challenge);
	buf_wipe(&s->octets);
	buf_free(&s->octets);
	*s = (struct sasl){ 0 };
}
