/*
 * ask_auth.c - what the mechanisms of AUTH ask (proto/sasl.h), to lookup.
 *
 * A question at a time, each of which says all that lookup needs.
 */
#include "role/receiver/receiver.h"

#include "base/base64.h"

#define NONCE_OCTETS	18u	/* random ones: 24 letters */

void
ask_auth_can(struct receiver *rc, uint8_t can)
{
	rc->mechanisms = 0;
	if (can & LOOKUP_CAN_SCRAM)
		rc->mechanisms |= SASL_BIT(SASL_SCRAM);
	if (can & LOOKUP_CAN_TOKEN)
		rc->mechanisms |= SASL_BIT(SASL_OAUTHBEARER) |
		    SASL_BIT(SASL_XOAUTH2);
}

/* Who its certificate says it is: a mailbox, or nobody. */
static bool
find_identity(const struct session *s, struct tls_identity *id)
{
	return receiver_identity(s, id) && id->email[0] != '\0';
}

/*
 * Most connections have both.  The certificate's hash costs a third of the
 * other (2.6 and 8.5 microseconds), so it is tried first; the octets are not
 * kept.
 */
static bool
has_binding(const struct tls_conn *c)
{
	uint8_t octets[TLS_END_POINT_MAX];
	bool is_there;
	size_t n;

	is_there = tls_conn_end_point(c, octets, &n) == ERR_OK ||
	    tls_conn_exporter(c, octets) == ERR_OK;
	explicit_bzero(octets, sizeof octets);
	return is_there;
}

void
ask_auth_connected(struct session *s)
{
	const struct tls_conn *c = stream_tls_conn(s->stream);
	bool is_asked = c != NULL &&
	    s->listen->policy.listener == SMTP_SUBMISSION;
	struct tls_identity id;

	s->server.has_binding = is_asked && has_binding(c);
	s->server.has_identity = is_asked && find_identity(s, &id);
}

/* The octets that the client must name too; none when there are none. */
static struct span
channel_of(const struct session *s, uint8_t octets[TLS_END_POINT_MAX])
{
	const struct tls_conn *c = stream_tls_conn(s->stream);
	enum scram_binding b = s->server.sasl.scram.binding;
	size_t n = 0;

	_Static_assert(TLS_END_POINT_MAX <= SASL_CHANNEL_MAX, "it fits");
	if (c == NULL)
		return span_of(octets, 0);
	if (b == SCRAM_EXPORTER && tls_conn_exporter(c, octets) == ERR_OK)
		n = TLS_EXPORTER_OCTETS;
	if (b == SCRAM_END_POINT && tls_conn_end_point(c, octets, &n) !=
	    ERR_OK)
		n = 0;
	return span_of(octets, n);
}

static bool
ask_password(struct session *s)
{
	const struct sasl *sasl = &s->server.sasl;
	struct lookup_auth m = {
		.tag = s->tag,
		.user = sasl->user,
		.password = sasl->password,
		.client = client_counted(s),
	};

	return ask_send(s, &ipc_lookup_auth, &m);
}

static bool
ask_salt(struct session *s)
{
	struct login_salt m = { .tag = s->tag, .user = s->server.sasl.user };

	return ask_send(s, &ipc_login_salt, &m);
}

static bool
ask_proof(struct session *s)
{
	const struct sasl *sasl = &s->server.sasl;
	struct login_proof m = {
		.tag = s->tag,
		.user = sasl->user,
		.auth_message = scram_auth_message(&sasl->scram),
		.proof = scram_proof(&sasl->scram),
		.client = client_counted(s),
	};

	return ask_send(s, &ipc_login_proof, &m);
}

static bool
ask_token(struct session *s)
{
	const struct sasl *sasl = &s->server.sasl;
	struct login_token m = {
		.tag = s->tag,
		.user = sasl->user,
		.token = sasl->password,
		.client = client_counted(s),
	};

	return ask_send(s, &ipc_login_token, &m);
}

/* Nobody any more behind XCLIENT: then it is asked for "", who is no user. */
static bool
ask_identity(struct session *s)
{
	struct tls_identity id;
	struct login_identity m = {
		.tag = s->tag, .user = s->server.sasl.user,
	};

	if (find_identity(s, &id))
		m.identity = span_str(id.email);
	return ask_send(s, &ipc_login_identity, &m);
}

void
ask_auth(struct session *s)
{
	static bool (*const questions[])(struct session *) = {
		[SASL_ASK_PASSWORD] = ask_password,
		[SASL_ASK_SALT] = ask_salt,
		[SASL_ASK_PROOF] = ask_proof,
		[SASL_ASK_TOKEN] = ask_token,
		[SASL_ASK_IDENTITY] = ask_identity,
	};

	(void)ask_tag(s, ASK_AUTH);
	_Static_assert(COUNT(questions) == SASL_QUESTION_COUNT, "one each");
	if (questions[s->server.sasl.question](s))
		return;
	s->ask = ASK_NOTHING;
	smtp_server_auth(&s->server, RE_AUTH_LATER, span_of(NULL, 0));
}

static void
salted(struct session *s, const struct login_salt_answer *m)
{
	uint8_t random[NONCE_OCTETS], octets[TLS_END_POINT_MAX];
	struct buf nonce = buf_make(SASL_NONCE_MAX);

	role_random(s->receiver->role, random, sizeof random);
	if (m->is_known == 0 || base64_encode(span_of(random, sizeof random),
	    &nonce) != ERR_OK)
		smtp_server_auth(&s->server, RE_AUTH_LATER, span_of(NULL, 0));
	else
		smtp_server_auth_salt(&s->server, buf_span(&nonce), m->salt,
		    m->iterations, channel_of(s, octets));
	explicit_bzero(octets, sizeof octets);
	buf_free(&nonce);
}

/* An answer to another question than the open one is nobody's. */
static struct session *
asker_of(struct role *r, uint64_t tag, bool is_salt)
{
	struct session *s = ask_asker(r->self, tag, ASK_AUTH);

	if (s == NULL ||
	    (s->server.sasl.question == SASL_ASK_SALT) == is_salt)
		return s;
	smtp_server_auth(&s->server, RE_AUTH_LATER, span_of(NULL, 0));
	session_go_on(s);
	return NULL;
}

bool
ask_auth_salt_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	const struct login_salt_answer *m = msg;
	struct session *s;

	if (m->is_known != 0 && (m->salt.n == 0 || m->iterations == 0))
		return false;
	s = asker_of(r, m->tag, true);
	if (s == NULL)
		return true;
	salted(s, m);
	session_go_on(s);
	return true;
}

bool
ask_auth_answer(struct role *r, struct role_peer *from UNUSED,
    const void *msg, const int *fds UNUSED)
{
	static const enum smtp_reply replies[LOOKUP_AUTH_RESULT_COUNT] = {
		[LOOKUP_AUTH_OK] = RE_AUTH_OK,
		[LOOKUP_AUTH_BAD] = RE_AUTH_BAD,
		[LOOKUP_AUTH_TEMPFAIL] = RE_AUTH_LATER,
		[LOOKUP_AUTH_LIMITED] = RE_TOO_MANY_AUTH,
	};
	const struct lookup_auth_answer *m = msg;
	struct session *s;
	bool is_ok = m->result == LOOKUP_AUTH_OK;

	if (m->result >= LOOKUP_AUTH_RESULT_COUNT ||
	    (is_ok && m->user.n == 0))
		return false;
	s = asker_of(r, m->tag, false);
	if (s == NULL)
		return true;
	tell_auth(s, is_ok, is_ok ? m->user : s->server.sasl.user);
	if (is_ok && s->server.sasl.question == SASL_ASK_PROOF)
		smtp_server_auth_proved(&s->server, m->user, m->signature);
	else
		smtp_server_auth(&s->server, replies[m->result], m->user);
	s->hold_ms = m->result == LOOKUP_AUTH_BAD ? m->delay_ms : 0;
	if (s->hold_ms > 0)
		smtp_server_hold(&s->server);
	session_go_on(s);
	return true;
}
