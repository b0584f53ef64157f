/*
 * explain.c - `posthorse explain`: the stages of a session, without one.
 */
#include "cli/explain.h"

#include "config/network.h"

#include <stdio.h>
#include <stdlib.h>

/* --- what was typed --- */

static bool
take_text(const char **to, const char *value)
{
	*to = value;
	return true;
}

static bool
take_from(struct explain *x, const char *value)
{
	return take_text(&x->from, value);
}

static bool
take_helo(struct explain *x, const char *value)
{
	return take_text(&x->helo, value);
}

static bool
take_user(struct explain *x, const char *value)
{
	return take_text(&x->user, value);
}

static bool
take_to(struct explain *x, const char *value)
{
	if (x->nto == EXPLAIN_TO_MAX) {
		cli_complain("more than %u recipients", EXPLAIN_TO_MAX);
		return false;
	}
	x->to[x->nto++].address = value;
	return true;
}

static bool
take_client(struct explain *x, const char *value)
{
	struct address a;

	if (address_parse(span_str(value), &a) != ERR_OK) {
		cli_complain("\"%s\" is no address such as 192.0.2.1", value);
		return false;
	}
	x->facts.client = rules_address_make(address_span(&a));
	return take_text(&x->client, value);
}

static bool
take_listen(struct explain *x, const char *value)
{
	const char *name;

	for (unsigned int i = 0; (name = config_from_name(i)) != NULL; i++) {
		x->facts.listener = i;
		if (strcmp(name, value) == 0)
			return true;
	}
	cli_complain("\"%s\" is no listener: mx, submission, relay, lmtp or "
	    "local", value);
	return false;
}

static bool
take_prdr(struct explain *x, const char *value UNUSED)
{
	x->is_each = true;
	return true;
}

static bool
take_tls(struct explain *x, const char *value)
{
	static const struct {
		const char	*name;
		unsigned int	 is;
	} versions[] = {
		{ "1.2", CONFIG_TLS_IS_12 }, { "1.3", CONFIG_TLS_IS_13 },
	};

	for (size_t i = 0; i < COUNT(versions); i++)
		if (strcmp(versions[i].name, value) == 0) {
			x->facts.tls = versions[i].is;
			return true;
		}
	cli_complain("\"%s\" is no version of TLS: 1.2 or 1.3", value);
	return false;
}

static bool
take_size(struct explain *x, const char *value)
{
	x->has_size = span_u64(span_str(value), UINT64_MAX,
	    &x->facts.size) == ERR_OK;
	if (!x->has_size)
		cli_complain("\"%s\" is no number of octets", value);
	return x->has_size;
}

static bool
take_header(struct explain *x, const char *value)
{
	if (strchr(value, ':') == NULL) {
		cli_complain("\"%s\" is no field such as \"Subject: x\"",
		    value);
		return false;
	}
	if (buf_addf(&x->header, "%s\r\n", value) == ERR_OK)
		return true;
	cli_complain("more than %u octets of fields", EXPLAIN_HEADER_MAX);
	return false;
}

/* `NAME=RESULT`: what a check is supposed to have found. */
static bool
take_check(struct explain *x, const char *value)
{
	size_t n = strcspn(value, "="), i = x->facts.nchecks;

	for (enum check_word w = CHECK_TIMEOUT; i < CHECK_MAX &&
	    value[n] == '=' && n < sizeof x->names[i] && w < CHECK_WORD_COUNT;
	    w++) {
		if (strcmp(value + n + 1, check_word_text(w)) != 0)
			continue;
		memcpy(x->names[i], value, n);
		x->checks[i] = (struct check){ .name = x->names[i], .word = w };
		x->facts.nchecks++;
		return true;
	}
	cli_complain("\"%s\" is no result such as bl.example=listed", value);
	return false;
}

static const struct option {
	const char	*name;
	const char	*without;	/* taken when no value is there; or NULL */
	bool		(*take)(struct explain *x, const char *value);
} options[] = {
	{ "--from", NULL, take_from }, { "--to", NULL, take_to },
	{ "--client", NULL, take_client }, { "--helo", NULL, take_helo },
	{ "--auth", NULL, take_user }, { "--listen", NULL, take_listen },
	{ "--tls", "1.3", take_tls }, { "--size", NULL, take_size },
	{ "--header", NULL, take_header }, { "--check", NULL, take_check },
	{ "--prdr", "", take_prdr },
};

static int
unknown_option(const char *word)
{
	const char *names[COUNT(options) + 1] = { NULL };
	const char *meant;

	for (size_t i = 0; i < COUNT(options); i++)
		names[i] = options[i].name;
	meant = cli_meant(word, names);
	return cli_usage("explain", "explain takes no \"%s\"%s%s%s", word,
	    meant == NULL ? "" : ", did you mean \"", meant == NULL ? "" :
	    meant, meant == NULL ? "" : "\"?");
}

/* `--name value`, `--name=value`. */
static int
take_options(struct explain *x, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t n = strcspn(argv[i], "="), k = 0;
		const char *value = argv[i][n] == '=' ? argv[i] + n + 1 : NULL;

		while (k < COUNT(options) && !span_eq(span_of(argv[i], n),
		    span_str(options[k].name)))
			k++;
		if (k == COUNT(options))
			return unknown_option(argv[i]);
		if (value == NULL)
			value = options[k].without;
		if (value == NULL && ++i < argc)
			value = argv[i];
		if (value == NULL)
			return cli_usage("explain", "%s needs a value",
			    options[k].name);
		if (!options[k].take(x, value))
			return EX_USAGE;
	}
	return EX_OK;
}

static int
check_options(struct explain *x)
{
	bool is_local = x->facts.listener == CONFIG_FROM_LOCAL;

	if (x->from == NULL || x->nto == 0)
		return cli_usage("explain", "say --from and --to");
	if (x->client == NULL && !is_local)
		return cli_usage("explain", "say --client, or --listen local");
	x->is_each |= x->facts.listener == CONFIG_FROM_LMTP;
	if (x->helo == NULL)
		x->helo = is_local ? "localhost" : "unknown";
	return EX_OK;
}

/* --- stages --- */

/* NO: none of them has it; IN_DOUBT: of one it cannot be told. */
static enum rules_answer
give_routes(struct explain *x, const struct rules_rule *rule)
{
	enum rules_answer all = RULES_NO;

	for (size_t i = 0; i < x->nto; i++) {
		struct explain_to *t = &x->to[i];
		bool is_asked = x->now == NULL || x->now == t;
		enum rules_answer a = t->is_taken && is_asked ?
		    rules_fits(rule, &t->said) : RULES_NO;

		if (a == RULES_YES && t->via == 0)
			t->via = (uint8_t)(rule->bit + 1);
		if (a == RULES_IN_DOUBT || (a == RULES_YES && all == RULES_NO))
			all = a;
	}
	return all;
}

/* As the receiver does it. */
static bool
route_holds(struct explain *x, enum rules_stage stage,
    struct rules_verdict *v)
{
	enum rules_answer a = RULES_YES;

	if (v->action == RULES_VIA && stage == RULES_CONTENT)
		a = give_routes(x, v->rule);
	if (a == RULES_IN_DOUBT) {
		v->action = RULES_DOUBT;
		v->is_final = true;
	}
	return a != RULES_NO;
}

static void
follow(struct explain *x, enum rules_stage stage,
    const struct rules_verdict *v)
{
	uint64_t bit = UINT64_C(1) << v->rule->bit;

	x->is_held |= v->action == RULES_HOLD;
	x->may_relay |= v->action == RULES_RELAY;
	if (v->action == RULES_ADD_TAG)
		x->facts.tags |= bit;
	if (v->action == RULES_COPY)
		x->copies |= bit;
	if (v->action == RULES_VIA && stage == RULES_RCPT && x->now->via == 0)
		x->now->via = (uint8_t)(v->rule->bit + 1);
}

/* Rule by rule, each asked by rules_next(); what the stage answers. */
static struct rules_reply
ask(struct explain *x, enum rules_stage stage, const struct rules_rule **by)
{
	struct rules_verdict v = { 0 };
	struct rules_reply none = { 0 };

	*by = NULL;
	explain_say_stage(x, stage);
	for (size_t i = 0; i < x->rules.n; i++) {
		const struct rules one = { &x->rules.rules[i], 1 };
		size_t at = 0;

		if ((one.rules->stages >> stage & 1) == 0)
			continue;
		if (!rules_next(&one, stage, &x->facts, &at, &v)) {
			explain_say_rule(x, stage, i, NULL);
			continue;
		}
		if (!route_holds(x, stage, &v)) {
			explain_say_rule(x, stage, i, NULL);
			continue;
		}
		explain_say_rule(x, stage, i, &v);
		follow(x, stage, &v);
		if (v.is_final) {
			*by = v.rule;
			return rules_reply(stage, &v);
		}
	}
	return none;
}

static bool
passes(struct explain *x, enum rules_stage stage)
{
	const struct rules_rule *by;
	const struct rules_reply r = ask(x, stage, &by);

	explain_say_reply(x, stage, &r, r.code == 0 ? NULL : by);
	return r.code == 0;
}

/* What the server itself says of a recipient that the rules let pass (RLY-1). */
static struct rules_reply
judge(const struct explain *x)
{
	static const enum smtp_listener listeners[] = {
		[CONFIG_FROM_MX] = SMTP_MX,
		[CONFIG_FROM_SUBMISSION] = SMTP_SUBMISSION,
		[CONFIG_FROM_RELAY] = SMTP_RELAY,
		[CONFIG_FROM_LMTP] = SMTP_LMTP,
		[CONFIG_FROM_LOCAL] = SMTP_LOCAL,
	};
	static const enum smtp_route routes[ROUTE_COUNT] = {
		[ROUTE_UNKNOWN] = SMTP_ROUTE_UNKNOWN,
		[ROUTE_LOCAL] = SMTP_ROUTE_LOCAL,
		[ROUTE_REMOTE] = SMTP_ROUTE_REMOTE,
		[ROUTE_TEMPFAIL] = SMTP_ROUTE_TEMPFAIL,
		[ROUTE_NO_MAIL] = SMTP_ROUTE_NO_MAIL,
		[ROUTE_ALIAS] = SMTP_ROUTE_ALIAS,
	};
	enum route route = x->now->found.route;
	bool is_bad = route == ROUTE_ALIAS && x->now->members.n == 0;
	enum smtp_reply re = smtp_server_judge(listeners[x->facts.listener],
	    route == ROUTE_REMOTE && x->may_relay ? SMTP_ROUTE_ALLOWED :
	    is_bad ? SMTP_ROUTE_BAD_ALIAS : routes[route]);
	struct rules_reply none = { 0 };

	if (re == RE_RCPT_OK)
		return none;
	return (struct rules_reply){ smtp_reply_code(re),
		span_str(smtp_reply_esc(re)), span_str(smtp_reply_text(re)) };
}

static bool
subject(const char *address, uint8_t room[RULES_SUBJECT_MAX],
    struct span *to)
{
	struct span s = span_str(address);

	if (span_starts(s, SPAN("<")) && s.p[s.n - 1] == '>' && s.n >= 2)
		s = span_of(s.p + 1, s.n - 2);
	if (rules_subject(s, room, to) == ERR_OK)
		return true;
	cli_complain("out of memory");
	return false;
}

/* What rules call the places that mail goes to; 0: nobody can tell. */
static uint64_t
route_bit(enum route route)
{
	static const uint64_t bits[ROUTE_COUNT] = {
		[ROUTE_LOCAL] = 1u << RULES_ROUTE_LOCAL,
		[ROUTE_REMOTE] = 1u << RULES_ROUTE_REMOTE,
		[ROUTE_UNKNOWN] = 1u << RULES_ROUTE_UNKNOWN,
		[ROUTE_NO_MAIL] = 1u << RULES_ROUTE_UNKNOWN,
		[ROUTE_ALIAS] = 1u << RULES_ROUTE_LOCAL,
	};

	return bits[route];
}

static bool
recipient(struct explain *x, struct explain_to *t, uint64_t mail_tags)
{
	uint64_t copies = x->copies;
	bool was_held = x->is_held;
	const struct rules_rule *by;
	struct rules_reply r;

	x->now = t;
	x->may_relay = false;
	x->facts.tags = mail_tags;
	explain_route(x, t);
	x->facts.routes = route_bit(t->found.route);
	if (!subject(t->address, x->rooms[1], &x->facts.recipient))
		return false;
	explain_look(x, CONFIG_MATCH_RECIPIENT, x->facts.recipient);
	r = ask(x, RULES_RCPT, &by);
	if (r.code == 0) {
		r = judge(x);
		by = NULL;
	}
	explain_say_reply(x, RULES_RCPT, &r, by);
	t->is_taken = r.code == 0;
	if (t->is_taken) {
		t->said = rules_keep_recipient(&x->rules, &x->facts);
		return true;
	}
	/* Who is not taken leaves nothing behind. */
	x->facts.tags = mail_tags;
	x->copies = copies;
	x->is_held = was_held;
	return false;
}

static bool
recipients(struct explain *x)
{
	uint64_t mail_tags = x->facts.tags, tags = mail_tags;
	bool is_any = false;

	for (size_t i = 0; i < x->nto; i++) {
		is_any |= recipient(x, &x->to[i], mail_tags);
		tags |= x->facts.tags;
	}
	x->now = NULL;
	x->facts.tags = tags;
	return is_any;
}

/* LMTP, PRDR: the rules are asked for each alone, as the receiver does it. */
static bool
content_of(struct explain *x, struct explain_to *t)
{
	uint64_t copies = x->copies;

	x->now = t;
	x->facts.rcpts_yes = t->said.yes;
	x->facts.rcpts_doubt = t->said.doubt;
	t->is_taken = passes(x, RULES_CONTENT);
	if (!t->is_taken)
		x->copies = copies;
	x->now = NULL;
	return t->is_taken;
}

static bool
content(struct explain *x)
{
	uint64_t tags = x->facts.tags;
	bool is_any = false;

	if (!x->is_each)
		return passes(x, RULES_CONTENT);
	for (size_t i = 0; i < x->nto; i++) {
		if (!x->to[i].is_taken)
			continue;
		x->facts.tags = tags;
		is_any |= content_of(x, &x->to[i]);
	}
	return is_any;
}

static int
explain(struct explain *x)
{
	struct rules_facts *f = &x->facts;

	f->helo = span_str(x->helo);
	f->user = span_str(x->user);
	f->checks = x->checks;
	explain_look(x, CONFIG_MATCH_CLIENT, span_of(f->client.octets,
	    f->client.n));
	if (!passes(x, RULES_CONNECT))
		return EXIT_FAILURE;
	explain_look(x, CONFIG_MATCH_HELO, f->helo);
	if (!passes(x, RULES_HELO))
		return EXIT_FAILURE;
	if (!subject(x->from, x->rooms[0], &f->sender))
		return EX_OSERR;
	explain_look(x, CONFIG_MATCH_SENDER, f->sender);
	explain_look(x, CONFIG_MATCH_USER, f->user);
	if (!passes(x, RULES_MAIL) || !recipients(x))
		return EXIT_FAILURE;
	explain_fields(x);
	if (!content(x))
		return EXIT_FAILURE;
	explain_say_end(x);
	return EX_OK;
}

static int
with_config(struct explain *x, const struct cli *cli)
{
	struct config *c = cli_config(cli);
	int status;

	if (c == NULL)
		return EX_CONFIG;
	x->c = c;
	status = explain_read(x) ? explain(x) : EX_OSERR;
	explain_free(x);
	config_free(c);
	return status;
}

int
cli_explain(const struct cli *cli, int argc, char **argv)
{
	struct explain *x = calloc(1, sizeof *x);
	int status;

	if (x == NULL) {
		cli_complain("out of memory");
		return EX_OSERR;
	}
	x->is_json = cli->is_json;
	x->user = "";
	x->header = buf_make(EXPLAIN_HEADER_MAX);
	status = take_options(x, argc, argv);
	if (status == EX_OK)
		status = check_options(x);
	if (status == EX_OK)
		status = with_config(x, cli);
	buf_free(&x->header);
	free(x);
	return status;
}
