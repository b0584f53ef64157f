/*
 * smtp_server_content.c - DATA and BDAT, up to the answer to the content.
 *
 * Content that is refused on its way is read to its true end all the same: the
 * session stays in step with the client (SMTP-2).  So is a chunk that comes out
 * of turn; after one that failed only RSET, EHLO and QUIT help (SMTP-5).
 */
#include "proto/smtp_server_private.h"

#include <stdio.h>

bool
smtp_do_data(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	(void)cmd;
	if (s->phase == PH_CHUNKS) {
		/* RFC 3030 section 2: DATA and BDAT do not mix. */
		s->phase = PH_BODY;
		s->tx.refuse = RE_MIXED;
		s->chunk.is_last = false;
		smtp_server_body_end(s);
		return false;
	}
	if (s->tx.params.body == SMTP_BODY_BINARY) {
		/* RFC 3030 section 3: binary content has no final dot. */
		smtp_server_refuse(s, RE_WANTS_BDAT, SPAN("DATA"));
		return false;
	}
	if (smtp_server_is_pipelined(s))
		return false;
	smtp_wire_expect_body(&s->wire);
	s->chunk.refuse = RE_NONE;
	s->chunk.is_last = true;
	smtp_server_scan_begin(s);
	smtp_server_reply(s, RE_SEND_CONTENT);
	smtp_server_act(s, SMTP_DO_BEGIN, span_of(NULL, 0));
	return true;
}

/* Out of turn, or RE_NONE. */
static enum smtp_reply
chunk_order(const struct smtp_server *s)
{
	if (s->phase == PH_HELLO)
		return RE_HELLO_FIRST;
	if (s->phase == PH_BROKEN)
		return RE_RSET_FIRST;
	return s->phase == PH_READY ? RE_MAIL_FIRST :
	    s->phase == PH_MAIL ? RE_RCPT_FIRST : RE_NONE;
}

static void
chunk_begin(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	struct smtp_tx *tx = &s->tx;
	unsigned int how = cmd->is_last ? SMTP_CHUNK_LAST : 0;

	if (tx->params.body == SMTP_BODY_BINARY)
		how |= SMTP_CHUNK_BINARY;
	if (tx->nchunks++ == 0) {
		how |= SMTP_CHUNK_FIRST;
		smtp_server_scan_begin(s);
		smtp_server_act(s, SMTP_DO_BEGIN, span_of(NULL, 0));
	}
	tx->nsmall += cmd->chunk < SMTP_SMALL_CHUNK && !cmd->is_last;
	if (tx->refuse == RE_NONE && (tx->nchunks > SMTP_CHUNKS_MAX ||
	    tx->nsmall > SMTP_SMALL_CHUNKS_MAX))
		tx->refuse = RE_TOO_MANY_CHUNKS;
	smtp_wire_expect_chunk(&s->wire, cmd->chunk, how);
}

bool
smtp_do_bdat(struct smtp_server *s, const struct smtp_cmd *cmd)
{
	enum smtp_reply re = chunk_order(s);

	s->chunk.refuse = re;
	s->chunk.is_last = cmd->is_last;
	s->chunk.n = cmd->chunk;
	/* SMTP-8: so much would not be read to its end. */
	if (cmd->chunk / 2 > s->policy->message_size) {
		smtp_server_refuse(s, RE_TOO_BIG, cmd->argument);
		s->is_closing = true;
		return false;
	}
	if (re == RE_NONE)
		chunk_begin(s, cmd);
	else
		smtp_wire_expect_chunk(&s->wire, cmd->chunk,
		    SMTP_CHUNK_BINARY | SMTP_CHUNK_FIRST);
	s->phase = PH_BODY;
	return false;
}

/* RFC 3030 section 2: a transaction in disorder ends, and waits for RSET. */
static void
chunk_refused(struct smtp_server *s)
{
	enum smtp_reply re = s->chunk.refuse;
	uint64_t seen = s->tx.seen;
	/* RFC 2033 4.3: a reply a recipient, and there is none. */
	bool is_unanswered = s->policy->listener == SMTP_LMTP &&
	    s->chunk.is_last && re == RE_RCPT_FIRST;

	smtp_server_reset(s);
	s->phase = re == RE_HELLO_FIRST ? PH_HELLO : PH_BROKEN;
	s->tx.seen = seen;	/* SMTP-8: chunks for nothing add up */
	if (is_unanswered) {
		s->phase = PH_READY;
		return;
	}
	smtp_server_refuse(s, re, SPAN("BDAT"));
}

void
smtp_server_chunk_end(struct smtp_server *s)
{
	char text[48];

	if (s->chunk.refuse != RE_NONE) {
		chunk_refused(s);
		return;
	}
	if (s->chunk.is_last || s->tx.refuse != RE_NONE ||
	    s->tx.spoilt != RE_NONE) {
		smtp_server_body_end(s);
		return;
	}
	s->phase = PH_CHUNKS;
	(void)snprintf(text, sizeof text, "%llu octets received",
	    (unsigned long long)s->chunk.n);
	smtp_server_reply_with(s, RE_CHUNK_OK, span_str(text));
}

void
smtp_server_body(struct smtp_server *s, struct span octets)
{
	if (s->tx.refuse != RE_NONE || s->chunk.refuse != RE_NONE)
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
judge(struct smtp_server *s, const struct content_facts *f)
{
	const struct smtp_policy *p = s->policy;
	enum smtp_reply re;

	if (s->tx.refuse != RE_NONE)
		return s->tx.refuse;
	if (f->header_size > CONTENT_HEADER_MAX ||
	    f->longest_field > CONTENT_FIELD_MAX ||
	    f->fields > CONTENT_FIELDS_MAX)
		return RE_HEADER;
	/* RFC 5321 6.3: loop detection. */
	if (f->received > p->hops || f->received_own > p->hops_own)
		return RE_LOOP;
	re = smtp_server_submit(s);
	if (re != RE_NONE)
		return re;
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

static bool
has_prdr(const struct smtp_server *s)
{
	return (s->tx.params.said & SMTP_SAID(SMTP_PARAM_PRDR)) != 0;
}

bool
smtp_server_is_each(const struct smtp_server *s)
{
	return s->policy->listener == SMTP_LMTP || has_prdr(s);
}

/* One recipient's: its own word, or that of the message. */
static void
reply_one(struct smtp_server *s, const struct smtp_each *one,
    enum smtp_reply re, struct span more)
{
	const struct smtp_said said = s->said;

	if (one == NULL || one->re == RE_NONE) {
		smtp_server_reply_with(s, re, more);
		return;
	}
	s->said = one->said;
	smtp_server_reply(s, one->re);
	s->said = said;
}

/* RFC 2033 4.2, and PRDR: the next one's word is returned. */
static const struct smtp_each *
reply_each(struct smtp_server *s, enum smtp_reply re, uint32_t n,
    struct span more)
{
	const struct smtp_each *one = s->tx.each;

	for (uint32_t i = 0; i < n; i++) {
		reply_one(s, one, re, more);
		one = one == NULL ? NULL : one->next;
	}
	return one;
}

/*
 * What the client is told before the reply that ends the transaction; and whose
 * that one is, if it has a word of its own.
 */
static const struct smtp_each *
reply_recipients(struct smtp_server *s, enum smtp_reply re, struct span more)
{
	uint32_t n = s->tx.nrecipients;

	if (!s->chunk.is_last)
		return NULL;
	/* The one that follows is the last recipient's. */
	if (s->policy->listener == SMTP_LMTP)
		return reply_each(s, re, n > 0 ? n - 1 : 0, more);
	if (has_prdr(s)) {
		smtp_server_reply(s, RE_PRDR);
		(void)reply_each(s, re, n, more);
	}
	return NULL;
}

void
smtp_server_done(struct smtp_server *s, enum smtp_reply re)
{
	char id[MSG_ID_LETTERS + 1] = "";
	bool is_over = s->tx.is_end_doubtful, is_last = s->chunk.is_last;
	struct span more = smtp_server_why(s, re);
	struct smtp_each last = { .re = RE_NONE };
	const struct smtp_each *one;

	ASSERT(s->is_waiting && s->phase == PH_BODY);
	s->is_waiting = false;
	msg_id_print(&s->tx.id, id);
	if (re == RE_QUEUED)
		more = span_str(id);
	one = reply_recipients(s, re, more);
	if (one != NULL)
		last = *one;
	smtp_server_reset(s);
	if (re != RE_QUEUED) {
		s->phase = is_last ? PH_READY : PH_BROKEN;
		if (last.re != RE_NONE) {
			re = last.re;
			s->said = last.said;
		}
		smtp_server_refuse(s, re, span_of(NULL, 0));
		/* The owner knows already: it said so, or DISCARD did. */
		smtp_server_act(s, SMTP_DO_MORE, span_of(NULL, 0));
		s->is_closing = s->is_closing || is_over;
		return;
	}
	s->nmails++;
	s->ncommands = 0;
	reply_one(s, &last, re, more);
}
