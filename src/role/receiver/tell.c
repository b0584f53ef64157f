/*
 * tell.c - what a session did, in the words of doc/design/events.md.
 */
#include "role/receiver/receiver.h"

#include <stdio.h>

#define RECIPIENTS_SHOWN	20u

static bool
is_wanted(const struct session *s, enum log_level level)
{
	return level <= s->receiver->role->config->log_level;
}

static void
say(struct session *s, const struct log_line *l)
{
	role_log(s->receiver->role, l);
}

static void
log_more(struct log_line *l, const char *key, struct span value)
{
	if (value.n > 0)
		log_span(l, key, value);
}

static void
log_proxy(struct log_line *l, const struct session *s)
{
	struct buf text = buf_make(sizeof s->client);

	if (s->via.n > 0 && address_print(&s->via, &text) == ERR_OK)
		log_span(l, "proxy", buf_span(&text));
	buf_free(&text);
}

/* Of a client that has proved it: its certificate's fingerprint and subject. */
static void
log_identity(struct log_line *l, const struct session *s, bool has_subject)
{
	struct tls_identity id;

	if (!receiver_identity(s, &id))
		return;
	log_str(l, "certificate", id.fingerprint);
	if (has_subject)
		log_str(l, "subject", id.subject);
}

void
tell_connect(struct session *s)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_DEBUG))
		return;
	log_begin(&l, LOG_LEVEL_DEBUG, NULL, "connect");
	log_str(&l, "client", s->client);
	log_str(&l, "listen", s->listen->name);
	log_proxy(&l, s);
	say(s, &l);
}

void
tell_proxy(struct session *s, enum proxy_result result)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_WARN))
		return;
	log_begin(&l, LOG_LEVEL_WARN, NULL, "proxy-trouble");
	log_str(&l, "client", s->client);
	log_str(&l, "listen", s->listen->name);
	log_str(&l, "why", proxy_result_text(result));
	say(s, &l);
}

void
tell_become(struct session *s, const char *was)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, NULL, "xclient");
	log_str(&l, "client", s->client);
	log_more(&l, "name", span_str(s->name));
	log_more(&l, "helo", buf_span(&s->server.helo));
	log_more(&l, "user", buf_span(&s->server.user));
	log_str(&l, "was", was);
	say(s, &l);
}

/* What a filter in front of us knew of the message: its word, for the log. */
void
tell_forwarded(struct session *s)
{
	static const struct {
		enum smtp_xattr	 attribute;
		const char	*key;
	} keys[] = {
		{ XATTR_ADDR, "client" }, { XATTR_PORT, "port" },
		{ XATTR_NAME, "name" }, { XATTR_HELO, "helo" },
		{ XATTR_PROTO, "proto" }, { XATTR_IDENT, "ident" },
		{ XATTR_SOURCE, "origin" },
	};
	const struct smtp_xattrs *x = s->server.tx.xforward;
	struct log_line l;

	if (x == NULL)
		return;
	log_begin(&l, LOG_LEVEL_INFO, &s->server.tx.id, "forwarded");
	for (size_t i = 0; i < COUNT(keys); i++)
		log_more(&l, keys[i].key, x->of[keys[i].attribute].text);
	say(s, &l);
}

void
tell_tls(struct session *s)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_DEBUG))
		return;
	log_begin(&l, LOG_LEVEL_DEBUG, NULL, "tls");
	log_str(&l, "client", s->client);
	log_span(&l, "tls", stream_tls_name(s->stream));
	log_identity(&l, s, true);
	say(s, &l);
}

void
tell_auth(struct session *s, bool is_ok, struct span user)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_INFO, NULL, is_ok ? "auth-ok" : "auth-failed");
	log_str(&l, "client", s->client);
	log_span(&l, "user", user);
	say(s, &l);
}

void
tell_checks(struct session *s)
{
	size_t n;
	const struct check *c = check_results(s, &n);
	struct log_line l;
	int64_t sum = 0;

	if (n == 0 || !is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, &s->server.tx.id, "checks");
	log_str(&l, "client", s->client);
	for (size_t i = 0; i < n; i++) {
		char text[CHECK_QUERY_MAX + CHECK_WHY_MAX + 48];
		int at = snprintf(text, sizeof text, "%s %s", c[i].name,
		    check_word_text(c[i].word));

		if (c[i].why[0] != '\0')
			at += snprintf(text + at, sizeof text - (size_t)at,
			    " %s", c[i].why);
		if (c[i].word == CHECK_LISTED)
			(void)snprintf(text + at, sizeof text - (size_t)at,
			    " weight %lld", (long long)c[i].weight);
		sum += c[i].word == CHECK_LISTED ? c[i].weight : 0;
		log_str(&l, "found", text);
	}
	if (sum != 0) {
		char text[24];

		(void)snprintf(text, sizeof text, "%lld", (long long)sum);
		log_str(&l, "sum", text);
	}
	say(s, &l);
}

void
tell_sender(struct session *s, const char *word)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, &s->rules.id, "sender-domain");
	log_str(&l, "client", s->client);
	log_span(&l, "from", s->server.tx.reverse_path);
	log_str(&l, "found", word);
	say(s, &l);
}

void
tell_greylist(struct session *s, const char *word, uint64_t wait_s)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, &s->server.tx.id, "greylist");
	log_str(&l, "found", word);
	log_span(&l, "from", s->server.tx.reverse_path);
	log_span(&l, "to", s->server.tx.asked);
	log_str(&l, "client", s->client);
	if (wait_s > 0)
		log_num(&l, "wait", wait_s);
	say(s, &l);
}

/* The first of those who were taken, and how many they are if more. */
static void
log_recipients(struct log_line *l, const struct session *s)
{
	struct span list = buf_span(&s->server.recipients);
	const struct rules_rcpt *one = s->rules.rcpts;
	struct envelope_recipient r;
	uint32_t n = 0;

	while (envelope_next(&list, &r) == ERR_OK) {
		if (!rules_via_is_refused(one) && n++ < RECIPIENTS_SHOWN)
			log_span(l, "to", r.address);
		one = one == NULL ? NULL : one->next;
	}
	if (n > RECIPIENTS_SHOWN)
		log_num(l, "recipients", n);
}

void
tell_accepted(struct session *s)
{
	const struct smtp_server *v = &s->server;
	uint8_t tags[ENVELOPE_TAGS_MAX];
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, &v->tx.id, "accepted");
	log_span(&l, "from", v->tx.reverse_path);
	log_recipients(&l, s);
	log_str(&l, "client", s->client);
	log_more(&l, "name", span_str(s->name));
	log_span(&l, "helo", buf_span(&v->helo));
	log_num(&l, "size", v->facts.size);
	log_more(&l, "user", buf_span(&v->user));
	log_more(&l, "tls", stream_tls_name(s->stream));
	log_identity(&l, s, false);
	log_more(&l, "tags", rules_tags(s, tags));
	say(s, &l);
}

/* Of tag, copy-to and route: which. */
static void
log_name(struct log_line *l, const struct session *s,
    const struct rules_verdict *v)
{
	const struct config_rules *all = s->receiver->role->config->rules;

	if (v->action == RULES_ADD_TAG)
		log_str(l, "tag", all->tags[v->rule->bit]);
	else if (v->action == RULES_COPY)
		log_str(l, "copy", all->copies[v->rule->bit]);
	else if (v->action == RULES_VIA)
		log_str(l, "route", all->routes[v->rule->bit]);
}

void
tell_rule(struct session *s, enum rules_stage stage,
    const struct rules_verdict *v)
{
	static const char *const verdicts[RULES_ACTION_COUNT] = {
		[RULES_ACCEPT] = "accept", [RULES_REFUSE] = "refuse",
		[RULES_DEFER] = "defer", [RULES_HOLD] = "hold",
		[RULES_RELAY] = "relay", [RULES_ADD_TAG] = "tag",
		[RULES_COPY] = "copy-to", [RULES_VIA] = "route",
		[RULES_DOUBT] = "doubt",
	};
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, stage >= RULES_MAIL ? &s->rules.id :
	    NULL, "rule");
	log_str(&l, "stage", config_stage_name((enum config_stage)stage));
	log_span(&l, "rule", v->rule->origin);
	log_str(&l, "verdict", verdicts[v->action]);
	log_name(&l, s, v);
	log_str(&l, "client", s->client);
	log_more(&l, "helo", buf_span(&s->server.helo));
	if (stage >= RULES_MAIL)
		log_span(&l, "from", s->server.tx.reverse_path);
	if (stage == RULES_RCPT)
		log_span(&l, "to", s->server.tx.asked);
	if (s->rules.now != NULL)
		log_span(&l, "to", s->rules.now->address);
	log_more(&l, "user", buf_span(&s->server.user));
	say(s, &l);
}

void
tell_no_copy(struct session *s, struct span to, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_ALARM, &s->rules.id, "no-copy");
	log_span(&l, "to", to);
	log_str(&l, "why", why);
	say(s, &l);
}

static const char *
stage_of(const struct smtp_server *v)
{
	static const char *const stages[] = {
		[PH_CONNECT] = "connect", [PH_HELLO] = "connect",
		[PH_READY] = "mail", [PH_MAIL] = "rcpt", [PH_RCPT] = "rcpt",
		[PH_BODY] = "content", [PH_AUTH] = "connect",
		[PH_CHUNKS] = "content", [PH_BROKEN] = "content",
		[PH_OVER] = "connect", [PH_KEEP] = "connect",
	};

	return stages[v->phase];
}

void
tell_refused(struct session *s, enum smtp_reply re, struct span what)
{
	const struct smtp_server *v = &s->server;
	bool is_rcpt = v->phase == PH_MAIL || v->phase == PH_RCPT;
	struct span why = smtp_server_why(v, re);
	const struct smtp_said said = smtp_server_said(v, re);
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO,
	    msg_id_is_none(&v->tx.id) ? NULL : &v->tx.id, "refused");
	log_str(&l, "stage", stage_of(v));
	log_num(&l, "code", said.code);
	log_span(&l, "status", said.esc);
	log_span(&l, "text", why.n > 0 ? why : said.text);
	if (smtp_reply_is_rule(re))
		log_span(&l, "rule", s->rules.origin);
	log_str(&l, "client", s->client);
	if (v->phase >= PH_MAIL && v->phase <= PH_BODY)
		log_span(&l, "from", v->tx.reverse_path);
	/*
	 * LOG-2: a command that nobody knows may be the password of a client
	 * that talks on after its AUTH was refused.
	 */
	if (smtp_reply_code(re) != 500)
		log_more(&l, is_rcpt || s->rules.now != NULL ? "to" : "what",
		    what);
	log_more(&l, "helo", buf_span(&v->helo));
	log_more(&l, "user", buf_span(&v->user));
	say(s, &l);
}

void
tell_turn(struct session *s, struct span node, bool is_told)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, NULL, "etrn");
	log_str(&l, "client", s->client);
	log_span(&l, "node", node);
	log_str(&l, "told", is_told ? "yes" : "no");
	role_log(s->receiver->role, &l);
}

void
tell_disconnect(struct session *s)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_DEBUG))
		return;
	log_begin(&l, LOG_LEVEL_DEBUG, NULL, "disconnect");
	log_str(&l, "client", s->client);
	log_str(&l, "why", s->why != NULL ? s->why : "closed");
	say(s, &l);
}
