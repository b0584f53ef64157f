/*
 * sasl.c - two mechanisms, a row each.
 */
#include "proto/sasl.h"

#include "proto/base64.h"

#define DECODED_MAX	(12288u / 4 * 3)

static enum sasl_step
take_plain(struct sasl *s)
{
	/* RFC 4616: authzid NUL authcid NUL passwd. */
	struct span all = buf_span(&s->octets), authzid;

	authzid = span_take(&all, span_find(all, 0));
	if (span_take(&all, 1).n == 0)
		return SASL_BAD;
	s->user = span_take(&all, span_find(all, 0));
	if (span_take(&all, 1).n == 0 || span_find(all, 0) < all.n)
		return SASL_BAD;
	s->password = all;
	return authzid.n == 0 || span_eq(authzid, s->user) ? SASL_DONE :
	    SASL_REFUSED;
}

static enum sasl_step
take_login(struct sasl *s)
{
	if (span_find(buf_span(&s->octets), 0) < s->octets.n)
		return SASL_BAD;
	if (s->nchallenges == 1) {
		s->user_n = s->octets.n;
		return SASL_CHALLENGE;
	}
	s->user = span_of(s->octets.p, s->user_n);
	s->password = span_skip(buf_span(&s->octets), s->user_n);
	return SASL_DONE;
}

static const struct {
	const char	*name;
	const char	*challenges[2];		/* base64 */
	enum sasl_step	(*take)(struct sasl *s);
} rows[SASL_COUNT] = {
	[SASL_PLAIN] = { "PLAIN", { "", "" }, take_plain },
	/* "Username:", "Password:". */
	[SASL_LOGIN] = { "LOGIN", { "VXNlcm5hbWU6", "UGFzc3dvcmQ6" },
		take_login },
};

const char *
sasl_names(void)
{
	return "PLAIN LOGIN";
}

enum err
sasl_begin(struct sasl *s, struct span mechanism)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (span_eq_nocase(mechanism, span_str(rows[i].name))) {
			*s = (struct sasl){
				.mechanism = (enum sasl_mechanism)i,
				.octets = buf_make(DECODED_MAX),
			};
			return ERR_OK;
		}
	return ERR_NONE;
}

static enum sasl_step
sasl_step_of(struct sasl *s, struct span line)
{
	enum sasl_step step;

	if (span_eq(line, SPAN("*")))
		return SASL_CANCELLED;
	/* Room at once: growing would leave copies of a password behind. */
	if (s->octets.room == 0 && buf_room(&s->octets, DECODED_MAX) != ERR_OK)
		return SASL_STARVED;
	if (base64_decode(line, &s->octets) != ERR_OK)
		return SASL_BAD;
	s->nchallenges++;
	step = rows[s->mechanism].take(s);
	if (step != SASL_DONE)
		return step;
	if (s->user.n == 0 || s->user.n > SASL_USER_MAX ||
	    s->password.n == 0 || s->password.n > SASL_PASSWORD_MAX)
		return SASL_BAD;
	return SASL_DONE;
}

enum sasl_step
sasl_feed(struct sasl *s, bool has_line, struct span line)
{
	/* RFC 4954 4: `=` alone is an initial response of no octets. */
	bool is_empty = s->nchallenges == 0 && span_eq(line, SPAN("="));

	if (!has_line)
		return SASL_CHALLENGE;
	return sasl_step_of(s, is_empty ? span_of(line.p, 0) : line);
}

struct span
sasl_challenge(const struct sasl *s)
{
	return span_str(rows[s->mechanism].challenges[MIN(s->nchallenges, 1)]);
}

void
sasl_end(struct sasl *s)
{
	buf_wipe(&s->octets);
	buf_free(&s->octets);
	*s = (struct sasl){ 0 };
}
