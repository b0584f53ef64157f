/*
 * read.c - a scenario's file into its steps.
 */
#include "scenario.h"

struct reader {
	struct scenario	*sc;
	struct buf	*why;
	unsigned int	 line;
	bool		 is_playing;	/* the head is over */
};

static bool
wrong(struct reader *r, const char *what, struct span where)
{
	ASSERT(buf_addf(r->why, "line %u: %s: %.*s", r->line, what,
	    SPAN_FMT(where)) == ERR_OK);
	return false;
}

static bool
number(struct span s, uint64_t *n)
{
	return span_u64(s, UINT32_MAX, n) == ERR_OK;
}

/* Kept in one buffer that never moves: it was given its whole room. */
static bool
keep(struct reader *r, struct span text, struct span *kept)
{
	struct buf *b = &r->sc->octets;
	size_t at = b->n;

	if (buf_add(b, text) != ERR_OK)
		return wrong(r, "too much text", text);
	*kept = span_of(b->p + at, text.n);
	return true;
}

static bool
add_step(struct reader *r, enum scenario_kind kind, uint64_t n,
    struct span text)
{
	struct scenario *sc = r->sc;
	struct scenario_step *st = &sc->steps[sc->nsteps];

	if (sc->nsteps == SCENARIO_STEPS_MAX)
		return wrong(r, "too many steps", text);
	*st = (struct scenario_step){ kind, r->line, n, text };
	if (kind == STEP_CLIENT)
		sc->nclient += text.n;
	sc->nsteps++;
	r->is_playing = true;
	return true;
}

static int
hex(uint8_t c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
repeat(struct reader *r, struct span *in, size_t from)
{
	struct buf *b = &r->sc->octets;
	struct span digits = span_take(in, span_find(*in, '}'));
	uint64_t n;

	(void)span_take(in, 1);
	if (b->n == from || !number(digits, &n) || n == 0)
		return wrong(r, "what is repeated how often?", digits);
	while (--n > 0)
		if (buf_addc(b, b->p[b->n - 1]) != ERR_OK)
			return wrong(r, "too much text", digits);
	return true;
}

static bool
escape(struct reader *r, struct span *in, size_t from)
{
	static const char names[] = "rnt\\", octets[] = "\r\n\t\\";
	struct span name = span_take(in, 1);
	const char *at;

	if (name.n == 0)
		return wrong(r, "a backslash at the end", name);
	if (name.p[0] == '{')
		return repeat(r, in, from);
	if (name.p[0] == 'x' && in->n >= 2 && hex(in->p[0]) >= 0 &&
	    hex(in->p[1]) >= 0) {
		int octet = 16 * hex(in->p[0]) + hex(in->p[1]);

		(void)span_take(in, 2);
		return buf_addc(&r->sc->octets, (uint8_t)octet) == ERR_OK;
	}
	at = memchr(names, name.p[0], sizeof names - 1);
	if (at == NULL)
		return wrong(r, "no such escape", name);
	return buf_addc(&r->sc->octets, (uint8_t)octets[at - names]) == ERR_OK;
}

static bool
unpack(struct reader *r, struct span raw, struct span *kept)
{
	struct buf *b = &r->sc->octets;
	size_t from = b->n;

	while (raw.n > 0) {
		struct span one = span_take(&raw, 1);

		if (one.p[0] == '\\' ? !escape(r, &raw, from) :
		    buf_add(b, one) != ERR_OK)
			return r->why->n > 0 ? false :
			    wrong(r, "too much text", raw);
	}
	*kept = span_of(b->p + from, b->n - from);
	return true;
}

/* "C: TEXT", "C*3: TEXT", "M: TEXT": n lines with their CRLF. */
static bool
add_lines(struct reader *r, enum scenario_kind kind, uint64_t n,
    struct span text)
{
	size_t from = r->sc->octets.n;

	for (; n > 0; n--) {
		struct span kept;

		if (!keep(r, text, &kept) || !keep(r, SPAN("\r\n"), &kept))
			return false;
	}
	return add_step(r, kind, 1, span_of(r->sc->octets.p + from,
	    r->sc->octets.n - from));
}

/* What stands behind "C", "S", "M", "E". */
static bool
read_talk(struct reader *r, uint8_t who, struct span rest)
{
	struct span text, how = span_take(&rest, span_find(rest, ' '));
	enum scenario_kind kind = who == 'C' ? STEP_CLIENT : who == 'S' ?
	    STEP_SERVER : who == 'M' ? STEP_CONTENT : STEP_FACT;
	bool is_said = who == 'C' || who == 'M';
	uint64_t n = 1;

	rest = span_skip(rest, 1);
	if (how.n == 1 && how.p[0] == '<' && is_said)
		return unpack(r, rest, &text) && add_step(r, kind, 1, text);
	if (how.n == 1 && how.p[0] == '?' && who == 'S')
		return keep(r, rest, &text) && add_step(r, STEP_HAS, 1, text);
	if (how.n == 1 && how.p[0] == '!' && who == 'S')
		return keep(r, rest, &text) &&
		    add_step(r, STEP_HAS_NOT, 1, text);
	if (how.n == 1 && how.p[0] == '!' && who == 'E')
		return keep(r, rest, &text) &&
		    add_step(r, STEP_FACT_NOT, 1, text);
	if (how.n > 2 && how.p[0] == '*' && who != 'E' &&
	    !number(span_of(how.p + 1, how.n - 2), &n))
		return wrong(r, "how often?", how);
	if (how.n == 0 || how.p[how.n - 1] != ':' ||
	    (how.n > 1 && how.p[0] != '*'))
		return wrong(r, "not in the language", how);
	if (is_said)
		return add_lines(r, kind, n, rest);
	return keep(r, rest, &text) && add_step(r, kind, n, text);
}

static const struct {
	const char	*name;
	enum smtp_do	 question;
} questions[] = {
	{ "mail", SMTP_DO_MAIL }, { "rcpt", SMTP_DO_RCPT },
	{ "auth", SMTP_DO_AUTH }, { "starttls", SMTP_DO_STARTTLS },
	{ "store", SMTP_DO_COMMIT }, { "content", SMTP_DO_BODY },
	{ "etrn", SMTP_DO_ETRN }, { "expn", SMTP_DO_EXPN },
};

static bool
read_fails(struct reader *r, struct span what)
{
	for (size_t i = 0; i < COUNT(questions); i++)
		if (span_eq(what, span_str(questions[i].name)))
			return add_step(r, STEP_FAILS, questions[i].question,
			    what);
	return wrong(r, "nothing that can fail", what);
}

/* What stands behind "--- ". */
static bool
read_event(struct reader *r, struct span rest)
{
	static const struct {
		const char	   *name;
		enum scenario_kind  kind;
	} plain[] = {
		{ "tls", STEP_TLS }, { "drop", STEP_DROP },
		{ "closed", STEP_CLOSED }, { "stop", STEP_STOP },
	};
	struct span text, name = span_take(&rest, span_find(rest, ' '));
	uint64_t n;

	rest = span_trim(rest);
	for (size_t i = 0; i < COUNT(plain); i++)
		if (span_eq(name, span_str(plain[i].name)) && rest.n == 0)
			return add_step(r, plain[i].kind, 1, name);
	if (span_eq(name, SPAN("time")) && rest.n > 1 &&
	    rest.p[rest.n - 1] == 's' &&
	    number(span_of(rest.p, rest.n - 1), &n))
		return add_step(r, STEP_TIME, n, name);
	if (span_eq(name, SPAN("fails")))
		return read_fails(r, rest);
	if (span_eq(name, SPAN("message")))
		return keep(r, rest, &text) &&
		    add_step(r, STEP_MESSAGE, 1, text);
	return wrong(r, "no such event", name);
}

static bool
read_listener(struct reader *r, struct span value)
{
	static const char *const names[SMTP_LISTENER_COUNT] = {
		[SMTP_MX] = "mx", [SMTP_SUBMISSION] = "submission",
		[SMTP_RELAY] = "relay", [SMTP_LOCAL] = "local",
		[SMTP_LMTP] = "lmtp", [SMTP_CLOSED] = "closed",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (!span_eq(value, span_str(names[i])))
			continue;
		r->sc->policy.listener = (enum smtp_listener)i;
		r->sc->policy.checks_header = i == SMTP_SUBMISSION ||
		    i == SMTP_LOCAL;
		return true;
	}
	return wrong(r, "no such listener", value);
}

static bool
read_tls(struct reader *r, struct span value)
{
	r->sc->is_implicit = span_eq(value, SPAN("implicit"));
	r->sc->policy.has_tls = r->sc->is_implicit ||
	    span_eq(value, SPAN("yes"));
	return r->sc->policy.has_tls || span_eq(value, SPAN("no")) ||
	    wrong(r, "yes, no or implicit", value);
}

static bool
read_limit(struct reader *r, struct span value)
{
	struct span name = span_take(&value, span_find(value, ' '));
	uint64_t *limit = scenario_limit(r->sc, name);

	if (limit == NULL)
		return wrong(r, "no such limit", name);
	return number(span_trim(value), limit) || wrong(r, "a number", value);
}

static bool
read_user(struct reader *r, struct span value)
{
	struct span name = span_take(&value, span_find(value, ' '));

	return keep(r, name, &r->sc->user) &&
	    keep(r, span_skip(value, 1), &r->sc->password);
}

static bool
read_mechanisms(struct reader *r, struct span value)
{
	static const struct {
		const char	*name;
		uint32_t	 bits;
	} names[] = {
		{ "scram", SASL_BIT(SASL_SCRAM) },
		{ "oauth", SASL_BIT(SASL_OAUTHBEARER) | SASL_BIT(SASL_XOAUTH2) },
	};

	while (value.n > 0) {
		struct span word = span_take(&value, span_find(value, ' '));
		size_t i = 0;

		while (i < COUNT(names) &&
		    !span_eq(word, span_str(names[i].name)))
			i++;
		if (i == COUNT(names))
			return wrong(r, "no such mechanism", word);
		r->sc->policy.mechanisms |= names[i].bits;
		(void)span_take(&value, 1);
	}
	return true;
}

static bool
read_peer(struct reader *r, struct span value)
{
	r->sc->is_listed_peer = span_eq(value, SPAN("listed"));
	return r->sc->is_listed_peer || wrong(r, "peer listed", value);
}

static bool
read_administrators(struct reader *r, struct span value)
{
	return keep(r, value, &r->sc->policy.administrators);
}

static bool
read_pieces(struct reader *r, struct span value)
{
	r->sc->is_whole_only = span_eq(value, SPAN("whole"));
	return r->sc->is_whole_only || wrong(r, "pieces whole", value);
}

static const struct {
	const char	*name;
	bool		(*read)(struct reader *r, struct span value);
} settings[] = {
	{ "listener", read_listener }, { "tls", read_tls },
	{ "limit", read_limit }, { "user", read_user },
	{ "pieces", read_pieces }, { "mechanisms", read_mechanisms },
	{ "peer", read_peer }, { "administrators", read_administrators },
};

static bool
read_setting(struct reader *r, struct span line)
{
	struct span name = span_take(&line, span_find(line, ' '));

	for (size_t i = 0; i < COUNT(settings); i++)
		if (span_eq(name, span_str(settings[i].name)))
			return r->is_playing ?
			    wrong(r, "too late for a setting", name) :
			    settings[i].read(r, span_trim(line));
	return wrong(r, "not in the language", name);
}

static bool
read_line(struct reader *r, struct span line)
{
	const struct span shows = SPAN("# shows: "), event = SPAN("--- ");

	if (span_starts(line, shows))
		return buf_add(&r->sc->shows, span_skip(line, shows.n)) ==
		    ERR_OK;
	if (line.n == 0 || line.p[0] == '#')
		return true;
	if (span_starts(line, event))
		return read_event(r, span_skip(line, event.n));
	if (line.n > 1 && memchr("CSME", line.p[0], 4) != NULL)
		return read_talk(r, line.p[0], span_skip(line, 1));
	return read_setting(r, line);
}

static const struct smtp_policy usual = {
	.listener = SMTP_MX,
	.hostname = { (const uint8_t *)"mx.example.org", 14 },
	.home = { (const uint8_t *)"example.org", 11 },
	.message_size = 1000, .recipients = 100, .errors_soft = 100,
	.errors = 100, .commands = 100, .mails = 100, .bad_recipients = 100,
	.body_line = 998, .auth_per_session = 3, .hops = 5, .hops_own = 2,
	.hold = 86400,
};

bool
scenario_read(struct span text, struct scenario *sc, struct buf *why)
{
	struct reader r = { sc, why, 0, false };

	memset(sc, 0, sizeof *sc);
	sc->policy = usual;
	sc->idle_s = 300;
	sc->data_idle_s = 180;
	sc->octets = buf_make(SCENARIO_TEXT_MAX);
	sc->shows = buf_make(256);
	if (buf_room(&sc->octets, SCENARIO_TEXT_MAX) != ERR_OK)
		return wrong(&r, "no memory", text);
	while (text.n > 0) {
		struct span line = span_take(&text, span_find(text, '\n'));

		(void)span_take(&text, 1);
		r.line++;
		if (!read_line(&r, line))
			return false;
	}
	return sc->nsteps > 0 || wrong(&r, "nothing is played", text);
}

void
scenario_free(struct scenario *sc)
{
	buf_free(&sc->octets);
	buf_free(&sc->shows);
}
