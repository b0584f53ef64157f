/*
 * smtp_client_hello.c - from the greeting to READY.
 */
#include "base/base64.h"
#include "proto/smtp_client_private.h"

#define SIZE_OFFER_MAX	(UINT64_C(1) << 60)

void
client_hello(struct smtp_client *c)
{
	c->offers = 0;
	c->size_limit = c->by_least = 0;
	c->limits = (struct smtp_limits){ 0 };
	c->phase = PH_EHLO;
	client_deadline(c, c->set.timeouts.reply);
	client_put(c, "EHLO %.*s\r\n", SPAN_FMT(c->set.hostname));
}

void
client_on_greeting(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	if (a->code == 220)
		client_hello(c);
	else if (answer_class(a) >= 4)
		client_give_up(c, SMTP_CLIENT_END_HOST, &why);
	else
		client_close_own(c, SMTP_CLIENT_END_HOST, "4.5.0",
		    "no greeting but another answer");
}

static void
offer_size(struct smtp_client *c, struct span value)
{
	uint64_t limit;

	c->offers |= OFFER_SIZE;
	/* RFC 1870 section 3: no number, or 0, is no limit that we know. */
	if (span_u64(span_trim(value), SIZE_OFFER_MAX, &limit) == ERR_OK)
		c->size_limit = limit;
}

static struct span
take_word(struct span *line)
{
	struct span word;

	*line = span_trim(*line);
	word = span_take(line, span_find(*line, ' '));
	*line = span_trim(*line);
	return word;
}

static void
offer_auth(struct smtp_client *c, struct span names)
{
	c->offers |= OFFER_AUTH;
	while (names.n > 0) {
		struct span name = take_word(&names);

		if (span_eq_nocase(name, SPAN("PLAIN")))
			c->offers |= OFFER_PLAIN;
		if (span_eq_nocase(name, SPAN("LOGIN")))
			c->offers |= OFFER_LOGIN;
	}
}

/* RFC 2852 section 2: perhaps the least time that it wants. */
static void
offer_by(struct smtp_client *c, struct span value)
{
	uint64_t least;

	c->offers |= OFFER_BY;
	if (span_u64(span_trim(value), UINT32_MAX, &least) == ERR_OK)
		c->by_least = least;
}

static void
offer_limits(struct smtp_client *c, struct span value)
{
	c->limits = smtp_limits_parse(value);
}

static const struct {
	struct span	keyword;
	unsigned int	offer;		/* or, where a value matters: */
	void	      (*take)(struct smtp_client *, struct span value);
} offers[] = {
	{ SPAN("PIPELINING"), OFFER_PIPELINING, NULL },	/* RFC 2920 */
	{ SPAN("8BITMIME"), OFFER_8BITMIME, NULL },	/* RFC 6152 */
	{ SPAN("SIZE"), 0, offer_size },		/* RFC 1870 */
	{ SPAN("STARTTLS"), OFFER_STARTTLS, NULL },	/* RFC 3207 */
	{ SPAN("AUTH"), 0, offer_auth },		/* RFC 4954 */
	{ SPAN("SMTPUTF8"), OFFER_SMTPUTF8, NULL },	/* RFC 6531 */
	{ SPAN("DSN"), OFFER_DSN, NULL },		/* RFC 3461 */
	{ SPAN("CHUNKING"), OFFER_CHUNKING, NULL },	/* RFC 3030 */
	{ SPAN("BINARYMIME"), OFFER_BINARY, NULL },
	{ SPAN("REQUIRETLS"), OFFER_REQUIRETLS, NULL },	/* RFC 8689 */
	{ SPAN("MT-PRIORITY"), OFFER_PRIORITY, NULL },	/* RFC 6710 */
	{ SPAN("DELIVERBY"), 0, offer_by },		/* RFC 2852 */
	{ SPAN("LIMITS"), 0, offer_limits },		/* RFC 9422 */
};

/* RFC 5321 4.1.1.1: the first line is the server's name, then keywords. */
static void
read_offers(struct smtp_client *c, struct span text)
{
	(void)span_take(&text, span_find(text, '\n') + 1);
	while (text.n > 0) {
		struct span line = span_take(&text, span_find(text, '\n'));
		struct span keyword = take_word(&line);

		text = span_skip(text, 1);
		for (size_t i = 0; i < COUNT(offers); i++)
			if (span_eq_nocase(keyword, offers[i].keyword)) {
				c->offers |= offers[i].offer;
				if (offers[i].take != NULL)
					offers[i].take(c, line);
			}
	}
}

/* RFC 4616: authorization as oneself, by user and password. */
static enum err
put_plain(struct smtp_client *c)
{
	struct buf plain = buf_make(4096);
	enum err e = buf_addc(&plain, '\0');

	if (e == ERR_OK)
		e = buf_add(&plain, c->set.user);
	if (e == ERR_OK)
		e = buf_addc(&plain, '\0');
	if (e == ERR_OK)
		e = buf_add(&plain, c->set.password);
	if (e == ERR_OK)
		e = base64_encode(buf_span(&plain), &c->out);
	buf_wipe(&plain);
	return e;
}

static void
put_secret_line(struct smtp_client *c, bool is_plain, struct span login)
{
	enum err e;

	c->is_out_secret = true;
	e = is_plain ? put_plain(c) : base64_encode(login, &c->out);
	if (e != ERR_OK)
		client_close_own(c, SMTP_CLIENT_END_HOST, "4.3.0",
		    "out of memory");
	else
		client_put(c, "\r\n");
	client_deadline(c, c->set.timeouts.reply);
}

enum { LOGIN_USER, LOGIN_PASSWORD, LOGIN_OVER };

static void
begin_auth(struct smtp_client *c)
{
	if (!c->is_tls) {
		client_close_own(c, SMTP_CLIENT_END_LOGIN, "4.7.0",
		    "no password is sent without TLS");
	} else if (c->offers & OFFER_PLAIN) {
		c->phase = PH_AUTH;
		c->login_step = LOGIN_OVER;
		client_put(c, "AUTH PLAIN ");
		put_secret_line(c, true, c->set.user);
	} else if (c->offers & OFFER_LOGIN) {
		c->login_step = LOGIN_USER;
		client_ask(c, PH_AUTH, "AUTH LOGIN");
	} else {
		client_close_own(c, SMTP_CLIENT_END_LOGIN, "4.7.0",
		    "the server offers neither AUTH PLAIN nor AUTH LOGIN");
	}
}

void
client_on_auth(struct smtp_client *c, const struct smtp_answer *a)
{
	if (a->code == 235) {
		c->is_logged_in = true;
		client_ready(c);
	} else if (a->code == 334 && c->login_step != LOGIN_OVER) {
		bool is_user = c->login_step++ == LOGIN_USER;

		put_secret_line(c, false,
		    is_user ? c->set.user : c->set.password);
	} else {
		struct smtp_client_action why = client_verdict(a);

		/* Our own settings are wrong: no sender is to suffer. */
		why.fate = SMTP_CLIENT_RETRY;
		client_give_up(c, SMTP_CLIENT_END_LOGIN, &why);
	}
}

/* All is said that both sides had to say in plain. */
static void
hello_done(struct smtp_client *c)
{
	bool wants_tls = c->set.tls == SMTP_CLIENT_TLS_OFFERED ||
	    c->set.tls == SMTP_CLIENT_TLS_REQUIRED;

	c->is_tls_begun = !c->is_tls && wants_tls &&
	    (c->offers & OFFER_STARTTLS) != 0;
	if (c->is_tls_begun)
		client_ask(c, PH_STARTTLS, "STARTTLS");
	else if (!c->is_tls && c->set.tls == SMTP_CLIENT_TLS_REQUIRED)
		client_close_own(c, SMTP_CLIENT_END_HOST, "4.7.4",
		    "TLS is required and the server does not offer it");
	else if (c->set.user.n > 0)
		begin_auth(c);
	else
		client_ready(c);
}

void
client_on_ehlo(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	/* RFC 5321 4.3.1: the first digit decides. */
	if (answer_class(a) == 2) {
		read_offers(c, a->text);
		hello_done(c);
	} else if (answer_class(a) == 5 && !c->is_tls) {
		/* RFC 5321 3.2: a server from before extensions. */
		c->phase = PH_HELO;
		client_deadline(c, c->set.timeouts.reply);
		client_put(c, "HELO %.*s\r\n", SPAN_FMT(c->set.hostname));
	} else
		client_give_up(c, SMTP_CLIENT_END_HOST, &why);
}

void
client_on_helo(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	if (answer_class(a) == 2)
		hello_done(c);
	else
		client_give_up(c, SMTP_CLIENT_END_HOST, &why);
}

void
client_on_starttls(struct smtp_client *c, const struct smtp_answer *a)
{
	struct smtp_client_action why = client_verdict(a);

	if (a->code == 220) {
		c->phase = PH_TLS;
		client_deadline(c, c->set.timeouts.reply);
		client_todo(c, SMTP_CLIENT_START_TLS);
	} else if (c->set.tls == SMTP_CLIENT_TLS_REQUIRED) {
		why.fate = SMTP_CLIENT_RETRY;
		client_give_up(c, SMTP_CLIENT_END_HOST, &why);
	} else {
		/* Opportunistic: refused is as if not offered. */
		c->offers &= ~(unsigned int)OFFER_STARTTLS;
		hello_done(c);
	}
}
