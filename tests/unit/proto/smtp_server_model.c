/*
 * The server beside the reference machine of SMTP-4: commands at random, and
 * what each exit of a transaction leaves behind.
 */
#include "check.h"

#include "smtp_model.h"
#include "smtp_play.h"

#include "base/rand.h"

#define HOST	{ (const uint8_t *)"mx.example.org", 14 }
#define HOME	{ (const uint8_t *)"example.org", 11 }
#define RCPTS_MAX	3u

static const struct smtp_policy usual = {
	.listener = SMTP_MX, .hostname = HOST, .home = HOME, .has_tls = true,
	.is_header_loose = true, .message_size = 300, .recipients = RCPTS_MAX,
	.errors_soft = UINT64_MAX, .errors = UINT64_MAX,
	.commands = UINT64_MAX, .mails = UINT64_MAX,
	.bad_recipients = UINT64_MAX, .body_line = 200,
	.auth_per_session = UINT64_MAX, .hops = 5, .hops_own = 2,
	.hold = 86400,
};

#define MAIL	"MAIL FROM:<s@x>\r\n"
#define RCPT	"RCPT TO:<u@example.org>\r\n"
#define BODY	"A: b\r\n\r\nhi\r\n.\r\n"
#define GOOD	"AUTH PLAIN AHVzZXIAcGFzcw==\r\n"
#define WRONG	"AUTH PLAIN AHVzZXIAd3Jvbmc=\r\n"
#define LINE	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
#define BIG	LINE LINE LINE LINE LINE LINE

/* What is said, and how it is answered where it is in order. */
enum how {
	PLAIN,
	STORE_FAILS,	/* the owner cannot keep it */
	MAIL_FAILS,	/* nor will it */
	USERS_ONLY	/* 2yz to those who may send anywhere */
};
struct step {
	const char	*line, *content;	/* content: behind 334, 354 */
	enum smtp_verb	 verb;
	char		 class;		/* of the last reply: '2', '4', '5' */
	enum how	 how;
	size_t		 octets;	/* of content, when it is taken */
	bool		 is_last;	/* BDAT */
};
static const struct step steps[] = {
	{ "EHLO c\r\n", NULL, VERB_EHLO, '2', PLAIN, 0, false },
	{ "HELO c\r\n", NULL, VERB_HELO, '2', PLAIN, 0, false },
	{ "LHLO c\r\n", NULL, VERB_LHLO, '2', PLAIN, 0, false },
	{ "EHLO\r\n", NULL, VERB_EHLO, '5', PLAIN, 0, false },
	{ MAIL, NULL, VERB_MAIL, '2', PLAIN, 0, false },
	{ MAIL, NULL, VERB_MAIL, '4', MAIL_FAILS, 0, false },
	{ "MAIL FROM:<@>\r\n", NULL, VERB_MAIL, '5', PLAIN, 0, false },
	{ "MAIL FROM:<s@x> SIZE=301\r\n", NULL, VERB_MAIL, '5', PLAIN, 0,
		false },
	{ "MAIL FROM:<s@x> FOO\r\n", NULL, VERB_MAIL, '5', PLAIN, 0, false },
	{ RCPT, NULL, VERB_RCPT, '2', PLAIN, 0, false },
	{ "RCPT TO:<no@example.org>\r\n", NULL, VERB_RCPT, '5', PLAIN, 0,
		false },
	{ "RCPT TO:<u@elsewhere>\r\n", NULL, VERB_RCPT, '5', USERS_ONLY, 0,
		false },
	{ "RCPT TO:<later@example.org>\r\n", NULL, VERB_RCPT, '4', PLAIN, 0,
		false },
	{ "RCPT TO:<>\r\n", NULL, VERB_NOOP, '5', PLAIN, 0, false },
	{ "DATA\r\n", BODY, VERB_DATA, '2', PLAIN, 12, false },
	{ "DATA\r\n", BODY, VERB_DATA, '4', STORE_FAILS, 12, false },
	{ "DATA\r\n", "a\n.\r\nRSET\r\n.\r\n", VERB_DATA, '5', PLAIN, 0,
		false },
	{ "DATA\r\n", BIG ".\r\n", VERB_DATA, '5', PLAIN, 0, false },
	{ "DATA now\r\n", NULL, VERB_NOOP, '5', PLAIN, 0, false },
	{ "BDAT 6\r\nA:RSET", NULL, VERB_BDAT, '2', PLAIN, 6, false },
	{ "BDAT 0\r\n", NULL, VERB_BDAT, '2', PLAIN, 0, false },
	{ "BDAT 8 LAST\r\nB:QUIT\r\n", NULL, VERB_BDAT, '2', PLAIN, 8, true },
	{ "BDAT 0 LAST\r\n", NULL, VERB_BDAT, '2', PLAIN, 0, true },
	{ "BDAT 2\r\n\na", NULL, VERB_BDAT, '5', PLAIN, 0, false },
	{ "BDAT 2 LAST\r\n\na", NULL, VERB_BDAT, '5', PLAIN, 0, true },
	{ "BDAT 0 LAST\r\n", NULL, VERB_BDAT, '4', STORE_FAILS, 0, true },
	{ "RSET\r\n", NULL, VERB_RSET, '2', PLAIN, 0, false },
	{ "RSET now\r\n", NULL, VERB_RSET, '5', PLAIN, 0, false },
	{ "NOOP\r\n", NULL, VERB_NOOP, '2', PLAIN, 0, false },
	{ "VRFY u\r\n", NULL, VERB_VRFY, '2', PLAIN, 0, false },
	{ "EXPN u@example.org\r\n", NULL, VERB_EXPN, '5', PLAIN, 0, false },
	{ "HELP\r\n", NULL, VERB_HELP, '2', PLAIN, 0, false },
	{ "\1\r\n", NULL, VERB_NOOP, '5', PLAIN, 0, false },
	{ "STARTTLS\r\n", NULL, VERB_STARTTLS, '2', PLAIN, 0, false },
	{ "STARTTLS x\r\n", NULL, VERB_STARTTLS, '5', PLAIN, 0, false },
	{ GOOD, NULL, VERB_AUTH, '2', PLAIN, 0, false },
	{ WRONG, NULL, VERB_AUTH, '5', PLAIN, 0, false },
	{ "AUTH PLAIN\r\n", "*\r\n", VERB_AUTH, '5', PLAIN, 0, false },
	{ "AUTH NTLM\r\n", NULL, VERB_AUTH, '5', PLAIN, 0, false },
};

/* The model, and what else decides: the listener, TLS, a user. */
struct world {
	struct smtp_model	m;
	enum smtp_listener	listener;
	bool			is_tls, has_user;
	size_t			octets;		/* of the chunks so far */
	/* What was given to the owner to keep, whether it could or not. */
	unsigned int		commits;
	size_t			committed;	/* octets of the last one */
};
struct answer_of {
	char		class;		/* of each reply; 0: there is none */
	unsigned int	n;
};

/* Refused whatever the order is. */
static bool
is_never(const struct world *w, const struct step *s)
{
	bool is_lmtp = w->listener == SMTP_LMTP;

	switch (s->verb) {
	case VERB_EHLO:
	case VERB_HELO:
		return is_lmtp;
	case VERB_LHLO:
		return !is_lmtp;
	case VERB_MAIL:
		return w->listener == SMTP_SUBMISSION && !w->has_user;
	case VERB_STARTTLS:
		return w->is_tls;
	case VERB_AUTH:
		return w->listener != SMTP_SUBMISSION || !w->is_tls ||
		    w->has_user;
	default:
		return false;
	}
}

static struct answer_of
world_chunk(struct world *w, const struct step *s)
{
	/* RFC 2033 4.3: one a recipient, behind the last chunk. */
	unsigned int n = w->listener == SMTP_LMTP && s->is_last ? w->m.rcpts :
	    1;

	w->octets += s->octets;
	if (s->is_last && s->class != '5') {
		w->commits++;
		w->committed = w->octets;
	}
	smtp_model_chunk(&w->m, s->is_last, s->class == '2');
	return (struct answer_of){ s->class, n };
}

static struct answer_of
world_refuses(struct world *w, const struct step *s)
{
	/* RFC 2033 4.3: and nobody is there to be told of. */
	bool is_silent = w->listener == SMTP_LMTP && s->verb == VERB_BDAT &&
	    s->is_last && w->m.has_mail && w->m.rcpts == 0;

	if (is_silent)
		smtp_model_reset(&w->m);
	else
		smtp_model_refused(&w->m, s->verb);
	return (struct answer_of){ '5', is_silent ? 0 : 1 };
}

/* What the server has to answer, and the world behind it. */
static struct answer_of
world_step(struct world *w, const struct step *s)
{
	struct answer_of a = { s->class, 1 };
	bool is_syntax = s->class == '5' && s->content == NULL &&
	    s->verb != VERB_BDAT && s->verb != VERB_RCPT;

	if (is_syntax || (is_never(w, s) && s->verb != VERB_BDAT))
		return (struct answer_of){ '5', 1 };
	if (!smtp_model_allows(&w->m, s->verb))
		return world_refuses(w, s);
	if (s->verb == VERB_RCPT && w->m.rcpts == RCPTS_MAX)
		return (struct answer_of){ '4', 1 };
	if (s->how == USERS_ONLY && w->listener == SMTP_SUBMISSION)
		a.class = '2';
	if (s->verb == VERB_BDAT)
		return world_chunk(w, s);
	if (s->verb == VERB_DATA) {
		if (w->listener == SMTP_LMTP)
			a.n = w->m.rcpts;
		if (s->class != '5') {
			w->commits++;
			w->committed = s->octets;
		}
		smtp_model_did(&w->m, VERB_DATA);
		return a;
	}
	if (a.class != '2')
		return a;
	w->is_tls |= s->verb == VERB_STARTTLS;
	w->has_user |= s->verb == VERB_AUTH;
	w->octets = s->verb == VERB_MAIL ? 0 : w->octets;
	smtp_model_did(&w->m, s->verb);
	return a;
}

/* Replies: the class of each, and how many. */
static struct answer_of
read_answer(const struct play *p)
{
	struct answer_of a = { 0, 0 };

	for (size_t i = 0; i + 3 < p->nout;) {
		const char *end = memchr(p->out + i, '\n', p->nout - i);

		CHECK(a.class == 0 || a.class == p->out[i], "%.*s",
		    (int)p->nout, p->out);
		a.class = p->out[i];
		a.n += p->out[i + 3] == ' ';
		i = (size_t)(end - p->out) + 1;
	}
	return a;
}

static struct answer_of
play_step(struct play *p, const struct step *s)
{
	struct answer_of a;

	p->store_fails = s->how == STORE_FAILS;
	p->mail_fails = s->how == MAIL_FAILS;
	p->nout = 0;
	say(p, s->line, strlen(s->line));
	a = read_answer(p);
	if (a.class == '3' && s->content != NULL) {
		p->nout = 0;
		say(p, s->content, strlen(s->content));
		a = read_answer(p);
	}
	if (p->is_tls_wanted)
		smtp_server_tls(&p->s);
	p->is_tls_wanted = false;
	return a;
}

/* Mostly forward, so that deep states are met. */
static const struct step *
choose(struct rand *r, const struct world *w)
{
	static const char *const forward[] = { MAIL, RCPT, "DATA\r\n",
		"BDAT 6\r\nA:RSET", "BDAT 8 LAST\r\nB:QUIT\r\n" };
	const char *wanted;

	if (rand_below(r, 2) == 0)
		return &steps[rand_below(r, COUNT(steps))];
	if (!w->m.has_hello)
		wanted = w->listener == SMTP_LMTP ? "LHLO c\r\n" : "EHLO c\r\n";
	else if (w->m.is_broken)
		wanted = "RSET\r\n";
	else if (w->listener == SMTP_SUBMISSION && !w->has_user)
		wanted = w->is_tls ? GOOD : "STARTTLS\r\n";
	else
		wanted = forward[!w->m.has_mail ? 0 : w->m.rcpts == 0 ? 1 :
		    w->m.has_chunks ? 3 + rand_below(r, 2) :
		    1 + rand_below(r, 4)];
	for (size_t i = 0; i < COUNT(steps); i++)
		if (strcmp(steps[i].line, wanted) == 0)
			return &steps[i];
	return &steps[0];
}

static void
walk(struct rand *r, unsigned int sequence)
{
	static const enum smtp_listener listeners[] = { SMTP_MX,
		SMTP_SUBMISSION, SMTP_LMTP };
	struct smtp_policy policy = usual;
	struct world w = { .listener = listeners[sequence % 3] };
	struct play *p;

	policy.listener = w.listener;
	p = play_begin(&policy, false);
	for (unsigned int k = 0; k < 20; k++) {
		const struct step *s = choose(r, &w);
		struct answer_of want = world_step(&w, s);
		struct answer_of got = play_step(p, s);

		CHECK((got.class == want.class || want.n == 0) &&
		    got.n == want.n && !p->is_closed,
		    "sequence %u, %u: %.20s: %u of %c, not %u of %c", sequence,
		    k, s->line, got.n, got.class != 0 ? got.class : '-', want.n,
		    want.class);
		CHECK(p->ncommits == w.commits && p->committed == w.committed,
		    "sequence %u, %u: kept: %u, %zu octets, not %u, %zu",
		    sequence, k, p->ncommits, p->committed, w.commits,
		    w.committed);
	}
	play_end(p);
}

#ifdef __SANITIZE_ADDRESS__
#define QUICK	5000	/* each ten times as dear */
#else
#define QUICK	30000
#endif

static void
test_model(void **state UNUSED)
{
	struct rand r = { 20261127 };
	/* Of 20 commands each: the 10^6 sequences when there is time. */
	unsigned int n = getenv("POSTHORSE_LONG") != NULL ? 1000000 : QUICK;

	for (unsigned int i = 0; i < n; i++)
		walk(&r, i);
}

#define OPEN	"EHLO c\r\n" MAIL RCPT

/* Every way out of a transaction that was open, or was to be. */
static const struct {
	const char	*name, *script;
	enum how	 how;
} exits[] = {
	{ "stored", OPEN "DATA\r\n" BODY, PLAIN },
	{ "not stored", OPEN "DATA\r\n" BODY, STORE_FAILS },
	{ "bare LF", OPEN "DATA\r\na\nb\r\n.\r\n", PLAIN },
	{ "too big", OPEN "DATA\r\n" BIG ".\r\n", PLAIN },
	{ "loop", OPEN "DATA\r\nReceived: a\r\nReceived: a\r\n"
		"Received: a\r\nReceived: a\r\nReceived: a\r\n"
		"Received: a\r\n\r\n.\r\n", PLAIN },
	{ "chunks stored", OPEN "BDAT 2\r\n\r\nBDAT 0 LAST\r\n", PLAIN },
	{ "chunks not stored", OPEN "BDAT 2 LAST\r\n\r\n", STORE_FAILS },
	{ "a bad chunk", OPEN "BDAT 4\r\na\n\r\n", PLAIN },
	{ "a bad last chunk", OPEN "BDAT 4 LAST\r\na\n\r\n", PLAIN },
	{ "a chunk too big", OPEN "BDAT 360\r\n" BIG, PLAIN },
	{ "a chunk for nobody", "EHLO c\r\n" MAIL "BDAT 6\r\nRSET\r\n", PLAIN },
	{ "mixed", OPEN "BDAT 2\r\n\r\nDATA\r\n", PLAIN },
	{ "RSET", OPEN "RSET\r\n", PLAIN },
	{ "RSET between chunks", OPEN "BDAT 2\r\n\r\nRSET\r\n", PLAIN },
	{ "EHLO", OPEN "EHLO c\r\n", PLAIN },
	{ "HELO", OPEN "HELO c\r\n", PLAIN },
	{ "EHLO between chunks", OPEN "BDAT 2\r\n\r\nEHLO c\r\n", PLAIN },
	{ "STARTTLS", "EHLO c\r\nSTARTTLS\r\n", PLAIN },
	{ "MAIL refused", "EHLO c\r\n" MAIL, MAIL_FAILS },
	{ "a bad sender", "EHLO c\r\nMAIL FROM:<@>\r\n", PLAIN },
	{ "a bad parameter", "EHLO c\r\nMAIL FROM:<s@x> RET=X\r\n", PLAIN },
	{ "too large a SIZE", "EHLO c\r\nMAIL FROM:<s@x> SIZE=301\r\n", PLAIN },
};

static void
test_exits(void **state UNUSED)
{
	static const char *const after[] = { RCPT, "DATA\r\n",
		"BDAT 6\r\nRSET\r\n", "BDAT 0 LAST\r\n" };

	for (size_t i = 0; i < COUNT(exits); i++)
		for (size_t k = 0; k < COUNT(after); k++) {
			struct play *p = play_begin(&usual, false);

			p->store_fails = exits[i].how == STORE_FAILS;
			p->mail_fails = exits[i].how == MAIL_FAILS;
			say_lines(p, exits[i].script);
			if (p->is_tls_wanted)
				smtp_server_tls(&p->s);
			p->is_tls_wanted = false;
			p->nout = 0;
			say(p, after[k], strlen(after[k]));
			CHECK(p->nout > 4 && strncmp(p->out, "503 ", 4) == 0 &&
			    !p->is_closed && p->s.recipients.n == 0 &&
			    p->s.tx.reverse_path.n == 0, "%s, then %s: %.*s",
			    exits[i].name, after[k], (int)p->nout, p->out);
			play_end(p);
		}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_exits, "SMTP-4 SMTP-5"),
		TEST(test_model, "SMTP-4 SMTP-5"),
	};

	return RUN_TESTS(tests);
}
