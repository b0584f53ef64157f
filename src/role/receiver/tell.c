/*
 * tell.c - what a session did, in the words of doc/design/events.md.
 */
#include "role/receiver/receiver.h"

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

void
tell_connect(struct session *s)
{
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_DEBUG))
		return;
	log_begin(&l, LOG_LEVEL_DEBUG, NULL, "connect");
	log_str(&l, "client", s->client);
	log_str(&l, "listen", s->listen->name);
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
tell_accepted(struct session *s)
{
	const struct smtp_server *v = &s->server;
	struct span list = buf_span(&v->recipients);
	struct envelope_recipient r;
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO, &v->tx.id, "accepted");
	log_span(&l, "from", v->tx.reverse_path);
	for (unsigned int i = 0; i < RECIPIENTS_SHOWN; i++) {
		if (envelope_next(&list, &r) != ERR_OK)
			break;
		log_span(&l, "to", r.address);
	}
	if (v->tx.nrecipients > RECIPIENTS_SHOWN)
		log_num(&l, "recipients", v->tx.nrecipients);
	log_str(&l, "client", s->client);
	log_span(&l, "helo", buf_span(&v->helo));
	log_num(&l, "size", v->facts.size);
	log_more(&l, "user", buf_span(&v->user));
	log_more(&l, "tls", stream_tls_name(s->stream));
	say(s, &l);
}

static const char *
stage_of(const struct smtp_server *v)
{
	static const char *const stages[] = {
		[PH_CONNECT] = "connect", [PH_HELLO] = "connect",
		[PH_READY] = "mail", [PH_MAIL] = "rcpt", [PH_RCPT] = "rcpt",
		[PH_BODY] = "content", [PH_AUTH] = "connect",
		[PH_OVER] = "connect", [PH_KEEP] = "connect",
	};

	return stages[v->phase];
}

void
tell_refused(struct session *s, enum smtp_reply re, struct span what)
{
	const struct smtp_server *v = &s->server;
	bool is_rcpt = v->phase == PH_MAIL || v->phase == PH_RCPT;
	struct log_line l;

	if (!is_wanted(s, LOG_LEVEL_INFO))
		return;
	log_begin(&l, LOG_LEVEL_INFO,
	    msg_id_is_none(&v->tx.id) ? NULL : &v->tx.id, "refused");
	log_str(&l, "stage", stage_of(v));
	log_num(&l, "code", smtp_reply_code(re));
	log_str(&l, "status", smtp_reply_esc(re));
	log_str(&l, "text", smtp_reply_text(re));
	log_str(&l, "client", s->client);
	if (v->phase >= PH_MAIL && v->phase <= PH_BODY)
		log_span(&l, "from", v->tx.reverse_path);
	/*
	 * LOG-2: a command that nobody knows may be the password of a client
	 * that talks on after its AUTH was refused.
	 */
	if (smtp_reply_code(re) != 500)
		log_more(&l, is_rcpt ? "to" : "what", what);
	log_more(&l, "helo", buf_span(&v->helo));
	log_more(&l, "user", buf_span(&v->user));
	say(s, &l);
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
