/*
 * smtp_server_content.c - DATA, from 354 to the answer behind the final dot.
 *
 * Content that is refused on its way is read to its true end all the same: the
 * session stays in step with the client (SMTP-2).
 */
#include "proto/smtp_server_private.h"

bool
smtp_do_data(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	if (smtp_server_is_pipelined(s))
		return false;
	smtp_wire_expect_body(&s->wire);
	content_scan_begin(&s->scan, s->policy->hostname);
	smtp_server_reply(s, RE_SEND_CONTENT);
	smtp_server_act(s, SMTP_DO_BEGIN, span_of(NULL, 0));
	return true;
}

void
smtp_server_body(struct smtp_server *s, struct span octets)
{
	if (s->tx.refuse != RE_NONE)
		return;
	s->tx.size += octets.n;
	if (s->tx.size > s->policy->message_size) {
		s->tx.refuse = RE_TOO_BIG;
		return;
	}
	content_scan_feed(&s->scan, octets);
	if (s->tx.spoilt == RE_NONE)
		smtp_server_act(s, SMTP_DO_BODY, octets);
}

/*
 * Section 19, once all is known.  What will never be taken is said before what
 * is only a matter of time: a client that comes again would send it in vain.
 */
static enum smtp_reply
judge(const struct smtp_server *s, const struct content_facts *f)
{
	const struct smtp_policy *p = s->policy;

	if (s->tx.refuse != RE_NONE)
		return s->tx.refuse;
	if (f->header_size > CONTENT_HEADER_MAX ||
	    f->longest_field > CONTENT_FIELD_MAX ||
	    f->fields > CONTENT_FIELDS_MAX)
		return RE_HEADER;
	/* RFC 5321 6.3: loop detection. */
	if (f->received > p->hops || f->received_own > p->hops_own)
		return RE_LOOP;
	return f->longest_line > p->body_line ? RE_BODY_LINE : s->tx.spoilt;
}

void
smtp_server_body_end(struct smtp_server *s)
{
	enum smtp_reply re;

	s->facts = content_scan_end(&s->scan);
	re = judge(s, &s->facts);
	if (re == RE_NONE) {
		smtp_server_ask(s, SMTP_DO_COMMIT, span_of(NULL, 0));
		return;
	}
	/* The owner sees why in action.reply; id and sender are reset after. */
	s->is_waiting = true;
	s->action = (struct smtp_action){ SMTP_DO_DISCARD, re,
		s->tx.reverse_path };
}

void
smtp_server_spoil(struct smtp_server *s, enum smtp_reply re)
{
	if (s->phase == PH_BODY && s->tx.spoilt == RE_NONE)
		s->tx.spoilt = re;
}

void
smtp_server_done(struct smtp_server *s, enum smtp_reply re)
{
	char id[MSG_ID_LETTERS + 1];
	bool is_over = s->tx.is_end_doubtful;

	ASSERT(s->is_waiting && s->phase == PH_BODY);
	s->is_waiting = false;
	msg_id_print(&s->tx.id, id);
	smtp_server_reset(s);
	if (re != RE_QUEUED) {
		smtp_server_refuse(s, re, span_of(NULL, 0));
		/* The owner knows already: it said so, or DISCARD did. */
		smtp_server_act(s, SMTP_DO_MORE, span_of(NULL, 0));
		s->is_closing = s->is_closing || is_over;
		return;
	}
	s->nmails++;
	s->ncommands = 0;
	smtp_server_reply_with(s, re, span_str(id));
}
