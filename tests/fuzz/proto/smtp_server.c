/*
 * A whole session: the first octet chooses listener, TLS and the size of the
 * pieces; the rest is what the client says.  The order of RFC 5321 4.1.4 is
 * watched from outside: no recipient without a sender, no content without a
 * recipient, no more commits than contents (SMTP-4, FUZ-2).
 */
#include "proto/smtp_server.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct watch {
	unsigned int	rcpts;
	bool		has_mail, has_content, is_over;
	uint64_t	size;
};

static const struct smtp_policy policies[SMTP_LISTENER_COUNT] = {
#define POLICY(kind) [kind] = { .listener = kind,                            \
	.hostname = { (const uint8_t *)"mx.example", 10 },                    \
	.home = { (const uint8_t *)"example", 7 }, .has_tls = true,           \
	.message_size = 500, .recipients = 3, .errors_soft = 3, .errors = 6,  \
	.commands = 20, .mails = 3, .bad_recipients = 3, .body_line = 100,    \
	.auth_per_session = 2, .hops = 3, .hops_own = 1 }
	POLICY(SMTP_MX), POLICY(SMTP_SUBMISSION), POLICY(SMTP_RELAY),
	POLICY(SMTP_LOCAL),
};

static void
on_rcpt(struct smtp_server *s, struct watch *w, struct span address)
{
	static const struct msg_id none;
	enum smtp_route route = (enum smtp_route)(address.n % SMTP_ROUTE_COUNT);
	enum smtp_reply re = smtp_server_rcpt(s, route, SPAN("d"), SPAN("k"));

	if (!w->has_mail || msg_id_eq(&s->tx.id, &none))
		abort();
	if (re == RE_RCPT_OK && route == SMTP_ROUTE_REMOTE &&
	    s->policy->listener == SMTP_MX)
		abort();
	w->rcpts += re == RE_RCPT_OK;
}

static void
on_end(struct smtp_server *s, struct watch *w, enum smtp_reply re)
{
	if (!w->has_content || w->rcpts == 0 ||
	    (re == RE_QUEUED && s->facts.size != w->size))
		abort();
	w->has_content = w->has_mail = false;
	w->rcpts = 0;
	smtp_server_done(s, re);
}

static bool
act(struct smtp_server *s, struct watch *w, const struct smtp_action *a)
{
	static const struct msg_id id = { { 1 } };

	switch (a->kind) {
	case SMTP_DO_MORE:
		return false;
	case SMTP_DO_MAIL:
		if (s->policy->listener == SMTP_SUBMISSION && s->user.n == 0)
			abort();
		w->has_mail = true;
		w->rcpts = 0;
		smtp_server_mail(s, RE_SENDER_OK, &id);
		return true;
	case SMTP_DO_RCPT:
		on_rcpt(s, w, a->text);
		return true;
	case SMTP_DO_AUTH:
		if (!s->is_tls)
			abort();
		smtp_server_auth(s, s->sasl.password.n % 2 ? RE_AUTH_OK :
		    RE_AUTH_BAD, s->sasl.user);
		return true;
	case SMTP_DO_BEGIN:
		if (w->rcpts == 0 || w->has_content)
			abort();
		w->has_content = true;
		w->size = 0;
		return true;
	case SMTP_DO_BODY:
		w->size += a->text.n;
		if (w->size > s->policy->message_size)
			abort();
		return true;
	case SMTP_DO_COMMIT:
		on_end(s, w, w->size % 3 ? RE_QUEUED : RE_NOT_STORED);
		return true;
	case SMTP_DO_DISCARD:
		on_end(s, w, a->reply);
		return true;
	case SMTP_DO_STARTTLS:
		smtp_server_starttls(s, s->helo.n % 3 ? RE_START_TLS :
		    RE_TLS_LATER);
		return true;
	case SMTP_DO_TLS:
		smtp_server_tls(s);
		*w = (struct watch){ .rcpts = 0 };
		return true;
	case SMTP_DO_DELAY:
		smtp_server_delayed(s);
		return true;
	case SMTP_DO_REFUSED:
		return true;
	case SMTP_DO_CLOSE:
		w->is_over = true;
		return false;
	default:
		abort();	/* WAIT: all was answered at once */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct watch w = { .rcpts = 0 };
	struct smtp_server s;
	uint8_t how;

	if (size == 0)
		return 0;
	how = span_take(&in, 1).p[0];
	smtp_server_begin(&s, &policies[how % SMTP_LISTENER_COUNT],
	    (how & 4) != 0);
	smtp_server_greet(&s, RE_GREETING, false);
	while (in.n > 0 && !w.is_over) {
		struct span piece = span_take(&in, how / 8 + 1u);
		struct smtp_action a;

		do {
			a = smtp_server_next(&s, &piece);
			if (smtp_server_may_send(&s))
				buf_cut(&s.out, 0);
		} while (act(&s, &w, &a));
	}
	smtp_server_free(&s);
	return 0;
}
