/*
 * smtp_server_submit.c - content that our own users hand in: its header.
 */
#include "proto/smtp_server_private.h"

void
smtp_server_scan_begin(struct smtp_server *s)
{
	const struct submit_rules rules = {
		.is_from_added = s->policy->listener == SMTP_LOCAL,
		.is_text_taken = s->policy->listener == SMTP_LOCAL,
		.is_bare_taken = s->policy->listener == SMTP_LOCAL,
		.is_utf8 = (s->tx.params.said &
		    SMTP_SAID(SMTP_PARAM_SMTPUTF8)) != 0,
		.is_loose = s->policy->is_header_loose,
	};

	content_scan_begin(&s->scan, s->policy->hostname);
	if (!s->policy->checks_header)
		return;
	submit_free(&s->submit);
	submit_begin(&s->submit, &rules);
	content_scan_watch(&s->scan,
	    (struct content_watch){ submit_event, &s->submit });
}

enum smtp_reply
smtp_server_submit(struct smtp_server *s)
{
	static const enum smtp_reply replies[] = {
		[SUBMIT_GOOD] = RE_NONE,
		[SUBMIT_FORM] = RE_FORM,
		[SUBMIT_IDENTITY] = RE_IDENTITY,
		[SUBMIT_NO_MEMORY] = RE_NOT_STORED,
	};

	return s->policy->checks_header ? replies[submit_end(&s->submit)] :
	    RE_NONE;
}

struct span
smtp_server_why(const struct smtp_server *s, enum smtp_reply re)
{
	return re == RE_FORM || re == RE_IDENTITY ?
	    span_str(s->submit.said) : span_of(NULL, 0);
}
