#include "proto/scram.h"

#include "base/base64.h"

struct scram
scram_make(void)
{
	return (struct scram){ .text = buf_make(SCRAM_TEXT_MAX),
		.user = buf_make(SCRAM_USER_MAX) };
}

void
scram_end(struct scram *s)
{
	buf_wipe(&s->text);
	buf_free(&s->text);
	buf_free(&s->user);
	*s = (struct scram){ 0 };
}

/* At our bound it is the client that is too long. */
static enum scram_result
result_of(enum err e)
{
	return e == ERR_OK ? SCRAM_GOOD :
	    e == ERR_NOMEM ? SCRAM_STARVED : SCRAM_SYNTAX;
}

/* --- attributes --- */

/* Up to the next comma, which is taken too; false: there was none. */
static bool
take_field(struct span *in, struct span *field)
{
	*field = span_take(in, span_find(*in, ','));
	return span_take(in, 1).n == 1;
}

/* `n=value`, and a value is not empty. */
static bool
is_attribute(struct span field, char name, struct span *value)
{
	if (field.n < 3 || field.p[0] != name || field.p[1] != '=')
		return false;
	*value = span_skip(field, 2);
	return true;
}

/* RFC 5802 5.1: extensions are passed over, but `m` is a must we know not. */
static bool
are_extensions(struct span rest)
{
	struct span field, value;
	bool has_more = true;

	while (has_more) {
		has_more = take_field(&rest, &field);
		if (field.n == 0 || !ascii_is_alpha(field.p[0]) ||
		    field.p[0] == 'm' ||
		    !is_attribute(field, (char)field.p[0], &value))
			return false;
	}
	return true;
}

static bool
is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ',')
			return false;
	return s.n > 0;
}

/* `=2C` is a comma, `=3D` an equals sign, and no other `=` is there. */
enum err
scram_read_name(struct span in, struct buf *to)
{
	enum err e = in.n == 0 ? ERR_SYNTAX : ERR_OK;

	while (in.n > 0 && e == ERR_OK) {
		uint8_t c = span_take(&in, 1).p[0];
		struct span code = span_of(in.p, MIN(in.n, (size_t)2));

		if (c == '=') {
			if (!span_eq(code, SPAN("2C")) &&
			    !span_eq(code, SPAN("3D")))
				return ERR_SYNTAX;
			c = code.p[0] == '2' ? ',' : '=';
			in = span_skip(in, 2);
		}
		e = c == 0 ? ERR_SYNTAX : buf_addc(to, c);
	}
	return e == ERR_FULL ? ERR_SYNTAX : e;
}

/* --- client-first-message --- */

static enum scram_result
read_flag(struct scram *s, struct span flag, bool is_plus,
    bool is_plus_offered)
{
	static const char *const names[SCRAM_BINDING_COUNT] = {
		[SCRAM_EXPORTER] = "tls-exporter",
		[SCRAM_END_POINT] = "tls-server-end-point",
	};
	struct span name;

	if (span_eq(flag, SPAN("n")))
		return is_plus ? SCRAM_DENIED : SCRAM_GOOD;
	if (span_eq(flag, SPAN("y")))
		return is_plus || is_plus_offered ? SCRAM_DENIED : SCRAM_GOOD;
	if (!is_attribute(flag, 'p', &name))
		return SCRAM_SYNTAX;
	for (size_t i = SCRAM_UNBOUND + 1; i < SCRAM_BINDING_COUNT; i++)
		if (is_plus && span_eq(name, span_str(names[i]))) {
			s->binding = (enum scram_binding)i;
			return SCRAM_GOOD;
		}
	return SCRAM_DENIED;
}

/* RFC 5802 7: [n=name,r=nonce], then perhaps extensions. */
static enum scram_result
read_bare(struct scram *s, struct span bare, struct span *nonce)
{
	struct span field, value;
	bool has_more;
	enum err e;

	if (!take_field(&bare, &field) || !is_attribute(field, 'n', &value))
		return SCRAM_SYNTAX;
	e = scram_read_name(value, &s->user);
	if (e != ERR_OK)
		return result_of(e);
	has_more = take_field(&bare, &field);
	return is_attribute(field, 'r', nonce) &&
	    nonce->n <= SCRAM_NONCE_MAX && is_printable(*nonce) &&
	    (!has_more || are_extensions(bare)) ? SCRAM_GOOD : SCRAM_SYNTAX;
}

/* `a=name`, or nothing: for whom it wants to act. */
static enum scram_result
read_authzid(const struct scram *s, struct span field)
{
	struct buf name = buf_make(SCRAM_USER_MAX);
	enum scram_result r;
	struct span value;

	if (field.n == 0)
		return SCRAM_GOOD;
	if (!is_attribute(field, 'a', &value))
		return SCRAM_SYNTAX;
	r = result_of(scram_read_name(value, &name));
	if (r == SCRAM_GOOD && !span_eq(buf_span(&name), scram_user(s)))
		r = SCRAM_FOREIGN;
	buf_free(&name);
	return r;
}

enum scram_result
scram_first(struct scram *s, struct span message, bool is_plus,
    bool is_plus_offered)
{
	struct span rest = message, flag, authzid, nonce;
	enum scram_result r;

	if (!take_field(&rest, &flag) || !take_field(&rest, &authzid))
		return SCRAM_SYNTAX;
	r = read_bare(s, rest, &nonce);
	if (r == SCRAM_GOOD)
		r = read_flag(s, flag, is_plus, is_plus_offered);
	if (r == SCRAM_GOOD)
		r = read_authzid(s, authzid);
	if (r != SCRAM_GOOD)
		return r;
	s->ngs2 = message.n - rest.n;
	s->nonce_at = (size_t)(nonce.p - message.p);
	s->nnonce = nonce.n;
	return result_of(buf_add(&s->text, message));
}

/* --- server-first-message --- */

enum scram_result
scram_salted(struct scram *s, struct span nonce, struct span salt,
    uint32_t iterations)
{
	size_t at;
	enum err e;

	ASSERT(s->ngs2 > 0 && s->nfirst == 0 && is_printable(nonce));
	e = buf_room(&s->text, s->nnonce + nonce.n + 128 +
	    (salt.n + 2) / 3 * 4);
	if (e != ERR_OK)
		return result_of(e);
	/* Room is there, so the client's nonce stays where it is. */
	e = buf_add(&s->text, SPAN(",r="));
	at = s->text.n;
	if (e == ERR_OK)
		e = buf_add(&s->text, span_of(s->text.p + s->nonce_at,
		    s->nnonce));
	if (e == ERR_OK)
		e = buf_add(&s->text, nonce);
	s->nonce_at = at;
	s->nnonce = s->text.n - at;
	if (e == ERR_OK)
		e = buf_add(&s->text, SPAN(",s="));
	if (e == ERR_OK)
		e = base64_encode(salt, &s->text);
	if (e == ERR_OK)
		e = buf_addf(&s->text, ",i=%u,", iterations);
	s->first_at = at - 2;
	s->nfirst = s->text.n - s->first_at - 1;
	return result_of(e);
}

struct span
scram_server_first(const struct scram *s)
{
	return span_of(s->text.p + s->first_at, s->nfirst);
}

/* --- client-final-message --- */

/* `c`: the header that we read, and this channel, in base64. */
static enum scram_result
check_channel(const struct scram *s, struct span said, struct span channel)
{
	struct buf octets = buf_make(SCRAM_TEXT_MAX);
	struct buf text = buf_make(2 * SCRAM_TEXT_MAX);
	enum err e = buf_add(&octets, span_of(s->text.p, s->ngs2));
	enum scram_result r;

	if (e == ERR_OK)
		e = buf_add(&octets, channel);
	if (e == ERR_OK)
		e = base64_encode(buf_span(&octets), &text);
	r = e != ERR_OK ? result_of(e) :
	    span_eq(buf_span(&text), said) ? SCRAM_GOOD : SCRAM_DENIED;
	buf_wipe(&octets);
	buf_free(&octets);
	buf_wipe(&text);
	buf_free(&text);
	return r;
}

/* What was said without the proof, then the proof. */
static enum scram_result
add_proof(struct scram *s, struct span message, struct span text)
{
	struct buf octets = buf_make(SCRAM_KEY);
	enum err e = base64_decode(text, &octets);

	if (e == ERR_OK && octets.n != SCRAM_KEY)
		e = ERR_SYNTAX;
	if (e == ERR_OK)
		e = buf_add(&s->text, message);
	s->proof_at = s->text.n;
	if (e == ERR_OK)
		e = buf_add(&s->text, buf_span(&octets));
	buf_wipe(&octets);
	buf_free(&octets);
	return result_of(e);
}

/* Behind the last comma stands the proof. */
static bool
split_proof(struct span *message, struct span *proof)
{
	size_t comma = span_rfind(*message, ',');

	if (comma == message->n ||
	    !is_attribute(span_skip(*message, comma + 1), 'p', proof))
		return false;
	message->n = comma;
	return true;
}

enum scram_result
scram_final(struct scram *s, struct span message, struct span channel)
{
	struct span nonce = span_of(s->text.p + s->nonce_at, s->nnonce);
	struct span proof, rest, field, value;
	enum scram_result r;
	bool has_more;

	ASSERT(s->nfirst > 0);
	if ((s->binding == SCRAM_UNBOUND) != (channel.n == 0))
		return SCRAM_DENIED;
	if (!split_proof(&message, &proof))
		return SCRAM_SYNTAX;
	rest = message;
	if (!take_field(&rest, &field) || !is_attribute(field, 'c', &value))
		return SCRAM_SYNTAX;
	r = check_channel(s, value, channel);
	if (r != SCRAM_GOOD)
		return r;
	has_more = take_field(&rest, &field);
	if (!is_attribute(field, 'r', &value) ||
	    (has_more && !are_extensions(rest)))
		return SCRAM_SYNTAX;
	if (!span_eq(value, nonce))
		return SCRAM_DENIED;
	return add_proof(s, message, proof);
}

struct span
scram_auth_message(const struct scram *s)
{
	return span_of(s->text.p + s->ngs2, s->proof_at - s->ngs2);
}

struct span
scram_proof(const struct scram *s)
{
	return span_skip(buf_span(&s->text), s->proof_at);
}
