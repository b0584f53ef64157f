/*
 * token.c - posthorse-backend-token: whose tokens are, by asking their issuer
 * (RFC 7662), over HTTPS and nothing else.
 *
 * What an issuer said yes to is kept for a minute, under a digest of the token:
 * a client that sends a mail a second costs it a question a minute.
 */
#include "role/backend/introspect.h"
#include "role/backend/remote.h"

#include "os/clock.h"

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP_MS		60000u
#define KEPT		1024u		/* of two in one place the later stays */
#define DIGEST		32u		/* octets of SHA-256 */
/* A little less than what is told when it is over. */
#define WITHIN_MS	(long)(BACKEND_WITHIN_MS - 500u)
#define FORM_MAX	(4u * BACKEND_PASSWORD_MAX)
#define LANES		4u

struct kept {
	uint8_t		digest[DIGEST];
	uint64_t	until_ms;	/* 0: empty */
	char		user[BACKEND_USER_MAX + 1];
};
/* Of the process, for the loop alone. */
struct tokens {
	struct kept		 kept[KEPT];
};
struct token_state {
	CURL			*curl;
	struct curl_slist	*resolve, *headers;
	struct buf		 answer;
};

/* --- what is kept --------------------------------------------------------- */

static struct kept *
place_of(struct backend *b, const char *token, uint8_t digest[DIGEST])
{
	struct tokens *t = b->state;

	if (EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(),
	    NULL) != 1)
		return NULL;
	return &t->kept[(size_t)(digest[0] << 8 | digest[1]) % KEPT];
}

static bool
known(struct backend *b, struct backend_job *job)
{
	uint8_t digest[DIGEST];
	const struct kept *k = place_of(b, job->password, digest);

	if (k == NULL || k->until_ms <= loop_now_ms(b->role->loop) ||
	    memcmp(k->digest, digest, DIGEST) != 0)
		return false;
	memcpy(job->whose, k->user, sizeof job->whose);
	job->result = BACKEND_OK;
	return true;
}

static void
learn(struct backend *b, const struct backend_job *job)
{
	uint8_t digest[DIGEST];
	struct kept *k = place_of(b, job->password, digest);
	uint64_t keep_ms = MIN((uint64_t)KEEP_MS, job->good_ms);

	if (k == NULL || job->result != BACKEND_OK || keep_ms == 0)
		return;
	memcpy(k->digest, digest, DIGEST);
	memcpy(k->user, job->whose, sizeof k->user);
	k->until_ms = loop_now_ms(b->role->loop) + keep_ms;
}

/* --- a question ------------------------------------------------------------ */

/* More than an answer may be ends the transfer. */
static size_t
take_answer(char *octets, size_t size, size_t n, void *ctx)
{
	struct token_state *s = ctx;

	return buf_add(&s->answer, span_of(octets, size * n)) == ERR_OK ?
	    size * n : 0;
}

static bool
set_list(struct curl_slist **list, const char *row)
{
	struct curl_slist *longer = curl_slist_append(*list, row);

	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

/* The name of the URL is where `at` says, whatever the DNS would. */
static bool
set_address(struct token_state *s, const struct config_backend *c)
{
	struct buf row = buf_make(512);
	bool is_set = buf_addf(&row, "%s:%u:", c->tls_name, c->at.port) ==
	    ERR_OK && address_print(&c->at.address, &row) == ERR_OK &&
	    buf_addc(&row, '\0') == ERR_OK &&
	    set_list(&s->resolve, (const char *)row.p);

	buf_free(&row);
	return is_set;
}

#define SET(option, value)	\
	(curl_easy_setopt(s->curl, CURLOPT_##option, value) == CURLE_OK)

static bool
open_lane(struct token_state *s, const struct backend *b)
{
	const struct config_backend *c = b->config;

	s->curl = curl_easy_init();
	s->answer = buf_make(INTROSPECT_MAX);
	return s->curl != NULL && set_address(s, c) &&
	    set_list(&s->headers, "Accept: application/json") &&
	    SET(URL, c->file) && SET(RESOLVE, s->resolve) &&
	    SET(HTTPHEADER, s->headers) && SET(PROTOCOLS_STR, "https") &&
	    SET(CAINFO, c->ca_file) && SET(CAPATH, NULL) &&
	    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	    SET(SSL_VERIFYPEER, 1L) && SET(SSL_VERIFYHOST, 2L) &&
	    SET(FOLLOWLOCATION, 0L) && SET(PROXY, "") && SET(NOSIGNAL, 1L) &&
	    SET(HTTPAUTH, (long)CURLAUTH_BASIC) &&
	    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	    SET(TIMEOUT_MS, WITHIN_MS) && SET(CONNECTTIMEOUT_MS, WITHIN_MS) &&
	    SET(WRITEFUNCTION, take_answer) && SET(WRITEDATA, s);
}

/* RFC 6749 2.3.1: name and password are escaped first, as in a form. */
static bool
set_client(struct token_state *s, const struct backend *b)
{
	char *name = curl_easy_escape(s->curl, b->config->login, 0);
	char *secret = curl_easy_escape(s->curl, b->secret, 0);
	bool is_set = name != NULL && secret != NULL && SET(USERNAME, name) &&
	    SET(PASSWORD, secret);

	curl_free(name);
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	curl_free(secret);
	return is_set;
}

static bool
set_token(struct token_state *s, const char *token)
{
	char *escaped = curl_easy_escape(s->curl, token, 0);
	struct buf form = buf_make(FORM_MAX);
	bool is_set = escaped != NULL && buf_addf(&form,
	    "token_type_hint=access_token&token=%s", escaped) == ERR_OK &&
	    SET(POSTFIELDSIZE, (long)form.n) && buf_addc(&form, '\0') ==
	    ERR_OK && SET(COPYPOSTFIELDS, (const char *)form.p);

	buf_wipe(&form);
	buf_free(&form);
	if (escaped != NULL)
		explicit_bzero(escaped, strlen(escaped));
	curl_free(escaped);
	return is_set;
}

static void
judge(const struct token_state *s, const struct backend *b,
    struct backend_job *job)
{
	const struct config_oauth *o = b->config->oauth;
	const struct introspect_rule rule = { o->issuer, o->audience, o->scope,
		o->user_claim[0] != '\0' ? o->user_claim : "username" };
	int64_t now_s = (int64_t)(clock_wall_ms() / 1000), until_s;
	struct buf user = buf_make(BACKEND_USER_MAX);
	enum err e = introspect_user(buf_span(&s->answer), &rule, now_s, &user,
	    &until_s);

	if (e == ERR_OK) {
		job->result = BACKEND_OK;
		(void)snprintf(job->whose, sizeof job->whose, "%.*s",
		    SPAN_FMT(buf_span(&user)));
		job->good_ms = (uint64_t)MIN(until_s - now_s, (int64_t)3600) *
		    1000;
	} else if (e == ERR_DENIED) {
		job->result = BACKEND_NO;
	} else {
		backend_trouble(job, "the issuer answers what is no answer");
	}
	buf_free(&user);
}

static void
run(struct backend_lane *lane, struct backend_job *job)
{
	struct token_state *s = lane->state;
	long status = 0;
	CURLcode code;

	if (job->what != BACKEND_TOKEN) {
		backend_trouble(job, "it knows tokens, no more");
		return;
	}
	if (!set_client(s, lane->b) || !set_token(s, job->password)) {
		backend_trouble(job, "no memory");
		return;
	}
	buf_cut(&s->answer, 0);
	code = curl_easy_perform(s->curl);
	if (code != CURLE_OK)
		backend_trouble(job, "%s", curl_easy_strerror(code));
	else if (curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status) !=
	    CURLE_OK || status != 200)
		backend_trouble(job, "the issuer says %ld", status);
	else
		judge(s, lane->b, job);
	buf_wipe(&s->answer);
	/* Its copy of the token; NULL lets go of it. */
	(void)curl_easy_setopt(s->curl, CURLOPT_COPYPOSTFIELDS, NULL);
}

/* jansson and libcurl look for chance and for settings: before the sandbox. */
static bool
load(struct backend *b)
{
	size_t seed = 0;

	while (seed == 0)
		role_random(b->role, &seed, sizeof seed);
	json_object_seed(seed);
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK &&
	    remote_load(b);
}

static bool
start(struct backend *b)
{
	for (size_t i = 0; i < LANES; i++)
		if (!open_lane(b->lanes[i].state, b))
			return backend_complain(b, "libcurl does not start");
	return true;
}

const struct backend_kind backend_kind = {
	.kind = CONFIG_BACKEND_TOKEN,
	.profile = SANDBOX_TOKEN,
	.nlanes = LANES,
	.lane_size = sizeof(struct token_state),
	.state_size = sizeof(struct tokens),
	.file = remote_file,
	.load = load,
	.start = start,
	.run = run,
	.known = known,
	.learn = learn,
};
