/*
 * tls_tickets.c - a ticket is good where it was given, for the name it was given
 * for, and not for long (TLS-5).
 */
#include "signer.h"
#include "tls_pair.h"

#include "io/tls_tickets.h"

#define HOUR_MS	3600000u

static struct pem pems[2];
static uint8_t octets[TLS_TICKET_KEY];

/* A server of two certificates, with its own set of keys. */
struct server {
	struct tls_tickets	*tickets;
	struct tls_context	*tls;
};

/* The same key for the same letter. */
static void
key_add(struct server *s, char letter, uint64_t seals_ms)
{
	memset(octets, letter, sizeof octets);
	tls_tickets_add(s->tickets, span_of(octets, sizeof octets), seals_ms,
	    2 * seals_ms);
}

static struct server
server_new(const char *binding)
{
	struct server s = { 0 };
	char why[TLS_WHY_MAX];

	signer_forget();
	s.tls = signer_server(&pems[0]);
	CHECK_NUM(signer_add(&pems[1], why), ERR_OK, "%s", why);
	assert_int_equal(tls_context_add(s.tls, span_str(pems[1].cert),
	    &signer_seam, why), ERR_OK);
	assert_int_equal(tls_tickets_new(&s.tickets), ERR_OK);
	assert_int_equal(tls_context_tickets(s.tls, s.tickets,
	    span_str(binding)), ERR_OK);
	return s;
}

static void
server_free(struct server *s)
{
	tls_context_free(s->tls);
	tls_tickets_free(s->tickets);
}

struct visit {
	bool	has_shaken, is_resumed, has_ticket;
};

/* Visit a server with the session of the last visit; keep the new one. */
static struct visit
visit(struct server *s, int version, const char *name, SSL_SESSION **session)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct visit v = { 0 };
	struct tls_pair p;

	SSL_CTX_set_max_proto_version(ctx, version);
	tls_pair_begin(&p, s->tls, ctx);
	if (name != NULL)
		(void)SSL_set_tlsext_host_name(p.client, name);
	if (*session != NULL)
		assert_int_equal(SSL_set_session(p.client, *session), 1);
	v.has_shaken = tls_pair_shake(&p) && tls_pair_talk(&p);
	v.is_resumed = tls_conn_is_resumed(p.server);
	CHECK_NUM(v.is_resumed, SSL_session_reused(p.client), "both agree");
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(p.client);
	v.has_ticket = SSL_SESSION_has_ticket(*session);
	CHECK_NUM(SSL_SESSION_get_max_early_data(*session), 0, "early data");
	tls_pair_end(&p);
	SSL_CTX_free(ctx);
	return v;
}

static const struct {
	const char	*what;
	const char	*name[2], *binding[2];
	bool		 is_resumed;
} rows[] = {
	{ "the same again", { "mx.a.example", "mx.a.example" },
	    { "A", "A" }, true },
	{ "its case", { "mx.a.example", "MX.a.EXAMPLE" }, { "A", "A" },
	    true },
	{ "no name", { NULL, NULL }, { "A", "A" }, true },
	{ "an unknown name", { "x.test", "x.test" }, { "A", "A" }, true },
	{ "the second certificate", { "b.example", "b.example" },
	    { "A", "A" }, true },
	{ "another listener", { "mx.a.example", "mx.a.example" },
	    { "A", "B" }, false },
	{ "another name of the certificate",
	    { "mx.a.example", "mail.a.example" }, { "A", "A" }, false },
	{ "another certificate", { "mx.a.example", "b.example" },
	    { "A", "A" }, false },
	{ "a name, then none", { "mx.a.example", NULL }, { "A", "A" },
	    false },
	{ "none, then a name", { NULL, "mx.a.example" }, { "A", "A" },
	    false },
	{ "unknown names", { "x.test", "y.test" }, { "A", "A" }, false },
};

static void
test_bound(void **state UNUSED)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < COUNT(rows) * COUNT(versions); i++) {
		size_t r = i / COUNT(versions);
		int version = versions[i % COUNT(versions)];
		struct server first = server_new(rows[r].binding[0]);
		struct server second = server_new(rows[r].binding[1]);
		SSL_SESSION *session = NULL;
		struct visit v;

		/* Two processes that were given the same key. */
		key_add(&first, 'k', HOUR_MS);
		key_add(&second, 'k', HOUR_MS);
		v = visit(&first, version, rows[r].name[0], &session);
		CHECK(v.has_shaken && v.has_ticket && !v.is_resumed, "%s",
		    rows[r].what);
		v = visit(&second, version, rows[r].name[1], &session);
		CHECK(v.has_shaken, "%s: never worse than a full handshake",
		    rows[r].what);
		CHECK_NUM(v.is_resumed, rows[r].is_resumed, "%s, %s",
		    rows[r].what,
		    version == TLS1_3_VERSION ? "1.3" : "1.2");
		SSL_SESSION_free(session);
		server_free(&first);
		server_free(&second);
	}
}

/*
 * The keys that a server gets between two visits: 'n' the next one, 'w' wait
 * until what was given is too old to seal, 'W' to open.
 */
static const struct {
	const char	*what, *between;
	bool		 is_resumed, has_ticket;
} ages[] = {
	{ "the same key", "", true, true },
	{ "one key later", "n", true, true },
	{ "two keys later", "nn", false, true },
	{ "no new key in time", "w", false, false },
	{ "nor for twice as long", "W", false, false },
	{ "a new key behind a dead one", "Wn", false, true },
};

static void
test_ages(void **state UNUSED)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < COUNT(ages) * COUNT(versions); i++) {
		size_t r = i / COUNT(versions);
		int version = versions[i % COUNT(versions)];
		struct server s = server_new("A");
		bool is_brief = strpbrk(ages[r].between, "wW") != NULL;
		SSL_SESSION *session = NULL;
		struct visit v;
		char letter = 'a';

		key_add(&s, letter, is_brief ? 400 : HOUR_MS);
		v = visit(&s, version, NULL, &session);
		CHECK(v.has_ticket, "%s", ages[r].what);
		for (const char *c = ages[r].between; *c != '\0'; c++) {
			if (*c == 'n')
				key_add(&s, ++letter, HOUR_MS);
			else
				(void)usleep(*c == 'w' ? 500000 : 900000);
		}
		CHECK_NUM(tls_tickets_has_key(s.tickets), ages[r].has_ticket,
		    "%s", ages[r].what);
		v = visit(&s, version, NULL, &session);
		CHECK(v.has_shaken, "%s", ages[r].what);
		CHECK_NUM(v.is_resumed, ages[r].is_resumed, "%s, %s",
		    ages[r].what,
		    version == TLS1_3_VERSION ? "1.3" : "1.2");
		SSL_SESSION_free(session);
		server_free(&s);
	}
}

static void
test_another_key(void **state UNUSED)
{
	struct server s = server_new("A"), other = server_new("A");
	SSL_SESSION *session = NULL;
	struct visit v;

	key_add(&s, 'k', HOUR_MS);
	key_add(&other, 'j', HOUR_MS);
	(void)visit(&s, TLS1_3_VERSION, NULL, &session);
	v = visit(&other, TLS1_3_VERSION, NULL, &session);
	CHECK(v.has_shaken && !v.is_resumed, "another's key");
	SSL_SESSION_free(session);
	server_free(&s);
	server_free(&other);
}

static void
test_no_key(void **state UNUSED)
{
	struct server s = server_new("A");
	SSL_SESSION *session = NULL;
	struct visit v;

	for (unsigned int i = 0; i < 2; i++) {
		v = visit(&s, i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL,
		    &session);
		CHECK(v.has_shaken && !v.has_ticket && !v.is_resumed,
		    "nothing to seal with");
	}
	SSL_SESSION_free(session);
	server_free(&s);
}

/* A context made like another: the same certificates, tickets of its own. */
static void
test_like(void **state UNUSED)
{
	struct server first = server_new("A"), second = { 0 };
	SSL_SESSION *session = NULL;
	struct visit v;

	key_add(&first, 'k', HOUR_MS);
	assert_int_equal(tls_context_like(first.tls, &second.tls), ERR_OK);
	v = visit(&second, TLS1_3_VERSION, "b.example", &session);
	CHECK(v.has_shaken && !v.has_ticket, "none by itself");
	assert_int_equal(tls_context_tickets(second.tls, first.tickets,
	    SPAN("B")), ERR_OK);
	(void)visit(&second, TLS1_3_VERSION, "b.example", &session);
	v = visit(&second, TLS1_3_VERSION, "b.example", &session);
	CHECK(v.is_resumed, "its own");
	v = visit(&first, TLS1_3_VERSION, "b.example", &session);
	CHECK(v.has_shaken && !v.is_resumed, "not the other's");
	SSL_SESSION_free(session);
	tls_context_free(second.tls);
	server_free(&first);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_bound, "TLS-5"),
		TEST(test_ages, "TLS-5"),
		TEST(test_another_key, "TLS-5"),
		TEST(test_no_key, "TLS-5"),
		TEST(test_like, "TLS-5"),
	};

	pem_make_kind(&pems[0], "DNS:mx.a.example,DNS:mail.a.example",
	    PEM_P256);
	pem_make_kind(&pems[1], "DNS:b.example", PEM_RSA);
	return RUN_TESTS(tests);
}
