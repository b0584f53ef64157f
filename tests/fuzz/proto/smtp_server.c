/*
 * Whole sessions, read with the reference machine of SMTP-4.
 *
 * The first three octets choose the session, the rest is what the client says:
 *
 *	0	listener, TLS, tight limits, length of the pieces (15: any)
 *	1	which allocation fails; 0: none does
 *	2	what owner and store answer, and when the client is too slow;
 *		0: all goes well; from 128 on the peer may say XCLIENT
 *
 * The replies are read.  Each line has exactly one, that of its place in the
 * model, or the session is over; so has each chunk, but for LMTP and PRDR, which
 * tell it to every recipient.  What the owner was asked stands behind a line that
 * was in order, and was answered as the owner said; no content ends in more than
 * one store event.
 *
 * shows: FUZ-2
 */
#include "proto/smtp_server.h"

#include "smtp_model.h"

#include "base/rand.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void *__real_malloc(size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_realloc(void *p, size_t n);

#define PIECE_MAX	512u
#define REPLIES_MAX	1024u	/* to one piece: a line has two octets */

#define MUST(claim)	do { if (!(claim)) abort(); } while (0)

/* The allocation that fails, counted down; 0: none does, or it has. */
static unsigned int countdown;
static bool has_failed;

static bool
fails_now(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	has_failed = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return fails_now() ? NULL : __real_malloc(n);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __real_realloc(p, n);
}

struct session {
	struct smtp_server	s;
	struct smtp_policy	policy;
	struct smtp_model	model;
	struct rand		rand;
	bool			has_faults, has_limits, is_over, is_slow;
	bool			is_in_auth, is_in_content;
	bool			is_in_chunk, is_chunk_last;
	uint64_t		chunk, chunks;	/* octets: of this one, of all */
	bool			is_binary, is_prdr;	/* said by MAIL */
	uint64_t		size;		/* of content shown */
	/* What one piece brought: codes of replies, codes the owner chose. */
	unsigned int		codes[REPLIES_MAX], answers[REPLIES_MAX];
	size_t			ncodes, code, nanswers, answer;
};

static const struct smtp_policy policies[] = {
#define POLICY(limit)                                                         \
	{ .hostname = { (const uint8_t *)"mx.example", 10 },                  \
	.home = { (const uint8_t *)"example", 7 }, .has_tls = true,           \
	.administrators = { (const uint8_t *)"bob,user", 8 },                 \
	.message_size = 500, .recipients = 3, .body_line = 100, .hops = 3,    \
	.hops_own = 1, .errors_soft = (limit) / 2, .errors = (limit),         \
	.commands = (limit), .mails = (limit), .bad_recipients = (limit),     \
	.auth_per_session = (limit) }
	POLICY(UINT64_MAX), POLICY(4),
};

/* One in so many answers is a failure. */
static bool
goes_wrong(struct session *t, uint64_t n)
{
	return t->has_faults && rand_below(&t->rand, n) == 0;
}

static void
answered(struct session *t, enum smtp_reply re)
{
	MUST(t->nanswers < REPLIES_MAX);
	t->answers[t->nanswers++] = smtp_reply_code(re);
}

static void
on_mail(struct session *t)
{
	static const struct msg_id id = { { 1 } };
	enum smtp_reply re = goes_wrong(t, 4) ? RE_NO_SPACE : RE_SENDER_OK;

	MUST(t->policy.listener != SMTP_SUBMISSION || t->s.user.n > 0);
	answered(t, re);
	smtp_server_mail(&t->s, re, &id);
}

static void
on_rcpt(struct session *t, size_t n)
{
	enum smtp_route route = (enum smtp_route)(n % SMTP_ROUTE_COUNT);
	enum smtp_reply re = n % 2 == 0 ? RE_RULE_REFUSED : RE_RULE_LATER;

	/* A rule says no, whatever the route. */
	if (goes_wrong(t, 8)) {
		answered(t, re);
		smtp_server_rcpt_no(&t->s, re);
		return;
	}
	re = smtp_server_rcpt(&t->s, route, SPAN("d"), SPAN("k"));
	MUST(re != RE_RCPT_OK || route != SMTP_ROUTE_REMOTE ||
	    t->policy.listener != SMTP_MX);
	answered(t, re);
}

static void
on_expn(struct session *t, size_t n)
{
	enum smtp_route route = (enum smtp_route)(n % SMTP_ROUTE_COUNT);

	MUST(t->s.user.n > 0 && t->s.is_tls);
	answered(t, smtp_server_expn(&t->s, route, SPAN("d"), SPAN("k")));
}

static void
on_auth(struct session *t)
{
	enum smtp_reply re = goes_wrong(t, 4) ? RE_AUTH_LATER :
	    t->s.sasl.password.n % 2 ? RE_AUTH_OK : RE_AUTH_BAD;

	MUST(t->s.is_tls);
	answered(t, re);
	smtp_server_auth(&t->s, re, t->s.sasl.user);
}

static void
on_end(struct session *t, enum smtp_reply re)
{
	MUST(re != RE_QUEUED || (t->s.facts.size == t->size &&
	    t->s.tx.nrecipients > 0));
	answered(t, re);
	smtp_server_done(&t->s, re);
}

static void
on_starttls(struct session *t)
{
	enum smtp_reply re = goes_wrong(t, 4) ? RE_TLS_LATER : RE_START_TLS;

	answered(t, re);
	smtp_server_starttls(&t->s, re);
}

/* False: the owner has to wait, or all is over. */
static bool
act(struct session *t, const struct smtp_action *a)
{
	switch (a->kind) {
	case SMTP_DO_MORE:
		return false;
	case SMTP_DO_MAIL:
		on_mail(t);
		return true;
	case SMTP_DO_RCPT:
		on_rcpt(t, a->text.n);
		return true;
	case SMTP_DO_EXPN:
		on_expn(t, a->text.n);
		return true;
	case SMTP_DO_AUTH:
		on_auth(t);
		return true;
	case SMTP_DO_BEGIN:
		if (t->s.tx.nchunks == 0)
			answered(t, RE_SEND_CONTENT);
		t->size = 0;
		return true;
	case SMTP_DO_BODY:
		t->size += a->text.n;
		MUST(t->size <= t->policy.message_size);
		if (goes_wrong(t, 16))
			smtp_server_spoil(&t->s, RE_NO_LARGE);
		return true;
	case SMTP_DO_DROP:
		t->size = 0;
		return true;
	case SMTP_DO_COMMIT:
		/* A copy more, or no room for it: the client hears nothing. */
		if (goes_wrong(t, 2))
			(void)!smtp_server_copy(&t->s, SMTP_ROUTE_REMOTE,
			    SPAN("c@d"), SPAN(""), SPAN(""));
		on_end(t, goes_wrong(t, 4) ? goes_wrong(t, 2) ?
		    RE_RULE_REFUSED : RE_NOT_STORED : RE_QUEUED);
		return true;
	case SMTP_DO_DISCARD:
		on_end(t, a->reply);
		return true;
	case SMTP_DO_STARTTLS:
		on_starttls(t);
		return true;
	case SMTP_DO_XCLIENT:
		MUST(t->s.may_xclient);
		answered(t, goes_wrong(t, 4) ? RE_FULL : RE_GREETING);
		smtp_server_greet(&t->s, t->answers[t->nanswers - 1] == 421 ?
		    RE_FULL : RE_GREETING, false);
		return true;
	case SMTP_DO_TLS:
		/* A handshake that fails, or a close alert in it. */
		t->is_over = goes_wrong(t, 4);
		if (!t->is_over)
			smtp_server_tls(&t->s);
		return !t->is_over;
	case SMTP_DO_DELAY:
		smtp_server_delayed(&t->s);
		return true;
	case SMTP_DO_REFUSED:
		return true;
	case SMTP_DO_CLOSE:
		t->is_over = true;
		return false;
	default:
		abort();	/* WAIT: all was answered at once */
	}
}

/* RFC 5321 4.2.1: each line of a reply has its code, the last one a space. */
static void
read_replies(struct session *t)
{
	struct span out = buf_span(&t->s.out);
	uint64_t first = 0, code;

	while (out.n > 0) {
		struct span line = span_take(&out, span_find(out, '\n') + 1);

		MUST(line.n > 5 && line.p[line.n - 1] == '\n' &&
		    line.p[line.n - 2] == '\r');
		MUST(span_u64(span_of(line.p, 3), 599, &code) == ERR_OK &&
		    code >= 200 && (first == 0 || first == code));
		first = line.p[3] == '-' ? code : 0;
		MUST(first != 0 || line.p[3] == ' ');
		if (first != 0)
			continue;
		MUST(t->ncodes < REPLIES_MAX);
		t->codes[t->ncodes++] = (unsigned int)code;
	}
	buf_cut(&t->s.out, 0);
}

static void
feed(struct session *t, struct span piece)
{
	struct smtp_action a;

	t->ncodes = t->code = t->nanswers = t->answer = 0;
	do {
		a = smtp_server_next(&t->s, &piece);
		if (smtp_server_may_send(&t->s))
			read_replies(t);
	} while (act(t, &a));
	if (t->is_over || !goes_wrong(t, 64))
		return;
	/* Too slow: nothing is read after this. */
	smtp_server_end(&t->s, RE_TIMEOUT);
	read_replies(t);
	t->is_over = t->is_slow = true;
}

/* What was asked because of a line has to be the line's reply. */
static bool
is_as_answered(struct session *t, unsigned int code)
{
	if (t->answer == t->nanswers)
		return false;
	t->answer++;
	return code == t->answers[t->answer - 1];
}

/* The reply of a good command; 0: the owner was asked for it. */
static const unsigned int good[VERB_COUNT] = {
	[VERB_EHLO] = 250, [VERB_HELO] = 250, [VERB_LHLO] = 250,
	[VERB_RSET] = 250, [VERB_NOOP] = 250, [VERB_VRFY] = 252,
	[VERB_HELP] = 214, [VERB_QUIT] = 221,
};
/* RFC 2920 3.1: nothing may stand behind these. */
#define HELLOS		(1u << VERB_EHLO | 1u << VERB_HELO | 1u << VERB_LHLO)
#define ENDS_GROUP	(HELLOS | 1u << VERB_DATA | 1u << VERB_STARTTLS | \
	1u << VERB_AUTH)

/* May a command that is in order be answered so? */
static bool
is_good(struct session *t, enum smtp_verb verb, bool is_last,
    unsigned int code)
{
	bool was_asked = t->answer < t->nanswers &&
	    t->answers[t->answer] == code;
	bool is_lmtp = t->policy.listener == SMTP_LMTP;

	if ((HELLOS & 1u << verb) != 0 && (verb == VERB_LHLO) != is_lmtp)
		return code == 500;
	if (verb == VERB_DATA && t->is_binary)
		return code == 503;
	if (!is_last && (ENDS_GROUP & 1u << verb) != 0 && code == 554)
		return t->is_over;
	if (good[verb] != 0)
		return code == good[verb];
	if ((verb == VERB_AUTH && code == 334) ||
	    (verb == VERB_XFORWARD && code == 250))
		return true;
	/* Refused before anybody was asked: syntax, policy, room. */
	if (code >= 500 && verb != VERB_DATA && !was_asked)
		return true;
	if (verb == VERB_RCPT && t->model.rcpts == t->policy.recipients)
		return code == 452;
	return is_as_answered(t, code);
}

/* Closing without being asked to: only where a limit or memory says so. */
static bool
is_excused(struct session *t, unsigned int code)
{
	if (code == 421 && t->is_over && (t->has_limits || has_failed))
		return true;
	return code / 100 == 4 && has_failed;
}

static void
check_command(struct session *t, struct span line, bool is_last,
    unsigned int code)
{
	struct smtp_cmd cmd;
	bool is_known = smtp_command_parse(line, &cmd) == RE_NONE;

	if (!is_known) {
		MUST(code / 100 == 5 || is_excused(t, code));
	} else if (cmd.verb == VERB_BDAT) {
		/* So much is not read to its end. */
		MUST((code == 552 && t->is_over) || is_excused(t, code));
	} else if (!smtp_model_allows(&t->model, cmd.verb)) {
		MUST(code == 503 || is_excused(t, code));
		/* RFC 3030 section 2: DATA behind a chunk ends it all. */
		if (cmd.verb == VERB_DATA && t->model.has_chunks)
			t->answer += t->answer < t->nanswers;
		smtp_model_refused(&t->model, cmd.verb);
	} else if (is_good(t, cmd.verb, is_last, code)) {
		t->is_in_auth = code == 334;
		t->is_in_content = code == 354;
		if (code / 100 == 2 && cmd.verb == VERB_MAIL) {
			t->is_binary = cmd.params.body == SMTP_BODY_BINARY;
			t->is_prdr = (cmd.params.said &
			    SMTP_SAID(SMTP_PARAM_PRDR)) != 0;
		}
		if (code / 100 == 2)
			smtp_model_did(&t->model, cmd.verb);
	} else {
		MUST(is_excused(t, code));
	}
}

static void
check_auth(struct session *t, bool is_last, unsigned int code)
{
	bool was_asked = t->answer < t->nanswers;

	t->is_in_auth = code == 334;
	if (t->is_in_auth)
		return;
	MUST(is_excused(t, code) || (was_asked ? is_as_answered(t, code) :
	    code / 100 == 5));
	MUST(is_last || was_asked || code != 554 || t->is_over);
}

/* The reply to content: one, or one a recipient, which say the same. */
static unsigned int
take_final(struct session *t)
{
	bool is_lmtp = t->policy.listener == SMTP_LMTP;
	unsigned int code = t->codes[t->code++], last = code;
	unsigned int n = t->is_prdr ? t->model.rcpts : is_lmtp ?
	    t->model.rcpts - 1 : 0;

	if (code == 421)
		return code;
	MUST((code == 353) == t->is_prdr);
	if (t->is_prdr && t->code < t->ncodes)
		code = last = t->codes[t->code++];
	for (; n > 0 && t->code < t->ncodes; n--) {
		MUST(last == code);
		last = t->codes[t->code++];
	}
	MUST(n == 0 || t->is_over);
	MUST(last == code || is_excused(t, last));
	return code;
}

static void
check_content(struct session *t, struct span unit)
{
	unsigned int code = take_final(t);

	MUST(is_as_answered(t, code) || is_excused(t, code) ||
	    (code == 421 && unit.n > 2 * t->policy.message_size));
	smtp_model_did(&t->model, VERB_DATA);
	t->is_in_content = false;
}

/* BDAT has no reply of its own; its octets are the next unit. */
static bool
is_chunk_begun(struct session *t, struct span line)
{
	struct smtp_cmd cmd;

	if (t->is_in_content || t->is_in_auth ||
	    smtp_command_parse(line, &cmd) != RE_NONE ||
	    cmd.verb != VERB_BDAT || cmd.chunk / 2 > t->policy.message_size)
		return false;
	t->is_in_chunk = true;
	t->is_chunk_last = cmd.is_last;
	t->chunk = cmd.chunk;
	return true;
}

static bool
is_chunk_flood(const struct session *t, unsigned int code)
{
	return code == 421 && t->is_over &&
	    t->chunks > 2 * t->policy.message_size;
}

static void
check_chunk(struct session *t)
{
	struct smtp_model *m = &t->model;
	bool is_silent = t->policy.listener == SMTP_LMTP &&
	    t->is_chunk_last && m->has_mail && m->rcpts == 0;
	unsigned int code;

	t->is_in_chunk = false;
	t->chunks += t->chunk;
	if (is_silent) {	/* RFC 2033 4.3 */
		smtp_model_reset(m);
	} else if (t->code == t->ncodes) {
		MUST(t->is_over);
		t->answer = t->nanswers;
	} else if (!smtp_model_allows(m, VERB_BDAT)) {
		code = t->codes[t->code++];
		MUST(code == 503 || is_excused(t, code) ||
		    is_chunk_flood(t, code));
		smtp_model_refused(m, VERB_BDAT);
	} else {
		code = t->is_chunk_last ? take_final(t) :
		    t->codes[t->code++];
		MUST((code == 250 && !t->is_chunk_last) ||
		    is_as_answered(t, code) || is_excused(t, code) ||
		    is_chunk_flood(t, code));
		smtp_model_chunk(m, t->is_chunk_last, code == 250);
	}
}

/* A whole line, or content with its end; is_last: nothing stands behind it. */
static void
check_unit(struct session *t, struct span unit, bool is_last)
{
	unsigned int code;

	if (t->is_in_chunk) {
		check_chunk(t);
		return;
	}
	if (is_chunk_begun(t, unit))
		return;
	if (t->code == t->ncodes) {
		/* Unanswered: the session was over, or just went. */
		MUST(t->is_over);
		t->answer = t->nanswers;
		return;
	}
	if (t->is_in_content) {
		check_content(t, unit);
		return;
	}
	code = t->codes[t->code++];
	if (t->is_in_auth)
		check_auth(t, is_last, code);
	else
		check_command(t, unit, is_last, code);
}

/* The end of the unit that begins at from; 0: it is not there yet. */
static size_t
unit_end(const struct session *t, const uint8_t *data, size_t from, size_t to)
{
	/* DATA's own CRLF may stand before the dot. */
	const char *end = t->is_in_content ? "\r\n.\r\n" : "\r\n";
	size_t n = strlen(end), at = t->is_in_content ? from - 2 : from;

	if (t->is_in_chunk)
		return to - from >= t->chunk ? from + (size_t)t->chunk : 0;
	for (; at + n <= to; at++)
		if (memcmp(data + at, end, n) == 0)
			return at + n;
	return 0;
}

/* Lay the replies to what was fed up to `to` beside the octets. */
static size_t
check(struct session *t, const uint8_t *data, size_t from, size_t to)
{
	size_t end;

	while ((end = unit_end(t, data, from, to)) != 0) {
		size_t n = end - from;

		if (!t->is_in_content && !t->is_in_chunk)
			n -= 2;
		check_unit(t, span_of(data + from, n), end == to);
		from = end;
	}
	/* A flood is told before its line ends; so is who was too slow. */
	if (t->code < t->ncodes && t->is_over)
		MUST(t->codes[t->code++] == 421 && (t->is_slow || has_failed ||
		    to - from > 2 * MIN(SMTP_LINE_MAX, t->policy.message_size) ||
		    t->chunks + (to - from) > 2 * t->policy.message_size));
	MUST(t->code == t->ncodes && (t->is_over || t->answer == t->nanswers));
	MUST(t->is_over || t->is_in_chunk || t->model.has_mail ==
	    (t->s.phase == PH_MAIL || t->s.phase == PH_RCPT ||
		t->s.phase == PH_CHUNKS || t->s.phase == PH_BODY));
	MUST(t->is_over || t->is_in_chunk ||
	    t->model.is_broken == (t->s.phase == PH_BROKEN));
	return from;
}

static void
begin(struct session *t, const uint8_t *how)
{
	*t = (struct session){
		.policy = policies[how[0] >> 3 & 1],
		.has_limits = (how[0] & 8) != 0,
		.has_faults = how[2] != 0,
		.rand = { how[2] },
	};
	t->policy.listener = (enum smtp_listener)(how[0] %
	    SMTP_LISTENER_COUNT);
	smtp_server_begin(&t->s, &t->policy, (how[0] & 4) != 0);
	t->s.may_xclient = (how[2] & 0x80) != 0;
	smtp_server_greet(&t->s, RE_GREETING, false);
	buf_cut(&t->s.out, 0);
	has_failed = false;
	countdown = how[1];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session t;
	size_t told = 3, fed = 3;

	if (size < 3)
		return 0;
	begin(&t, data);
	while (fed < size && !t.is_over) {
		size_t n = data[0] >> 4;

		n = n < 15 ? n + 1 : 1 + rand_below(&t.rand, PIECE_MAX);
		n = MIN(n, size - fed);
		feed(&t, span_of(data + fed, n));
		fed += n;
		told = check(&t, data, told, fed);
	}
	countdown = 0;
	smtp_server_free(&t.s);
	return 0;
}
