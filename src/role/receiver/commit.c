/*
 * commit.c - 250 means durable.
 *
 * A record is written when its content is complete.  At the end of the turn one
 * sync takes all that was written; what is written while it runs belongs to the
 * next, which begins as soon as this one has ended.  Sessions wait in the order
 * of their tickets.
 */
#include "role/receiver/receiver.h"

#include "mail/date.h"
#include "mail/received.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Awaiting */

static void
await(struct session *s, uint64_t ticket)
{
	struct receiver *rc = s->receiver;

	s->ticket = rc->last_ticket = ticket;
	s->next = NULL;
	s->prev = rc->awaiting_last;
	*(s->prev == NULL ? &rc->awaiting : &s->prev->next) = s;
	rc->awaiting_last = s;
}

static void
await_end(struct session *s)
{
	struct receiver *rc = s->receiver;

	*(s->prev == NULL ? &rc->awaiting : &s->prev->next) = s->next;
	*(s->next == NULL ? &rc->awaiting_last : &s->next->prev) = s->prev;
	s->prev = s->next = NULL;
	s->ticket = 0;
}

void
commit_forget(struct session *s)
{
	/* Once its batch is closed it will be delivered: see intake.md. */
	if (!s->content.is_large)
		(void)spool_cancel(s->receiver->writer, s->ticket);
	await_end(s);
}

/* The record */

/* RFC 5322 3.6.2: of a program of this host, who says so in MAIL alone. */
static enum err
add_from(const struct smtp_server *v, struct buf *to)
{
	if (v->policy->listener != SMTP_LOCAL ||
	    (v->facts.flags & CONTENT_HAS_FROM) != 0)
		return ERR_OK;
	if (v->tx.reverse_path.n == 0)
		return buf_addf(to, "From: <MAILER-DAEMON@%.*s>\r\n",
		    SPAN_FMT(v->policy->hostname));
	return buf_addf(to, "From: <%.*s>\r\n",
	    SPAN_FMT(v->tx.reverse_path));
}

/* RFC 6409 8: what a user's program left out. */
static enum err
add_missing(const struct session *s, uint64_t wall_ms, struct buf *to)
{
	const struct smtp_server *v = &s->server;
	char id[MSG_ID_LETTERS + 1], date[DATE_MAX];
	enum err e;

	if (v->policy->listener != SMTP_SUBMISSION &&
	    v->policy->listener != SMTP_LOCAL)
		return ERR_OK;
	msg_id_print(&v->tx.id, id);
	date_print(wall_ms, date);
	e = add_from(v, to);
	if (e == ERR_OK && (v->facts.flags & CONTENT_HAS_DATE) == 0)
		e = buf_addf(to, "Date: %s\r\n", date);
	if (e == ERR_OK && (v->facts.flags & CONTENT_HAS_MESSAGE_ID) == 0)
		e = buf_addf(to, "Message-ID: <%s@%.*s>\r\n", id,
		    SPAN_FMT(v->policy->hostname));
	return e;
}

static enum err
write_added(const struct session *s, uint64_t wall_ms, struct buf *to)
{
	const struct smtp_server *v = &s->server;
	struct received r = {
		.helo = buf_span(&v->helo),
		.client = span_str(s->client),
		.name = span_str(s->name),
		.by = v->policy->hostname,
		.id = v->tx.id,
		.tls = stream_tls_name(s->stream),
		.is_esmtp = smtp_server_is_esmtp(v),
		.is_authenticated = v->user.n > 0,
		.is_lmtp = v->policy->listener == SMTP_LMTP,
		.is_utf8 = (v->tx.params.said &
		    SMTP_SAID(SMTP_PARAM_SMTPUTF8)) != 0,
		.priority = v->tx.priority,
		.wall_ms = wall_ms,
	};
	enum err e;

	if (v->tx.nrecipients == 1)
		r.only_rcpt = v->tx.only_rcpt;
	e = received_write(&r, to);
	if (e == ERR_OK)
		e = add_missing(s, wall_ms, to);
	if (e == ERR_OK)
		e = submit_complete(&v->submit, v->policy->home, to);
	/* RE_TOO_BIG: it will not fit the next time. */
	if (e == ERR_FULL)
		e = ERR_SYNTAX;
	/* A program of this host wrote text alone: no header ends before it. */
	if (e == ERR_OK && v->policy->listener == SMTP_LOCAL &&
	    v->facts.header_size == 0)
		e = buf_add(to, SPAN("\r\n"));
	return e;
}

static enum err
write_envelope(struct session *s, uint64_t wall_ms, struct buf *to)
{
	uint8_t tags[ENVELOPE_TAGS_MAX];
	struct tls_identity id;
	struct envelope e;
	char facts[256];
	enum err error;

	smtp_server_envelope(&s->server, &e);
	error = rules_via_list(s, &e);
	if (error != ERR_OK)
		return error;
	e.tags = rules_tags(s, tags);
	if (s->rules.is_held)
		e.flags |= ENVELOPE_HOLD;
	e.arrived_ms = wall_ms;
	e.client = span_str(s->client);
	e.tls = stream_tls_name(s->stream);
	if (receiver_identity(s, &id)) {
		(void)snprintf(facts, sizeof facts, "%.*s certificate=%s",
		    SPAN_FMT(e.tls), id.fingerprint);
		e.tls = span_str(facts);
	}
	return envelope_encode(&e, to);
}

/* RFC 5322 3.6.3: nobody but who was meant learns of a Bcc. */
static enum err
write_cuts(const struct session *s, struct buf *to)
{
	struct spool_cut c;
	size_t at = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK &&
	    submit_cut(&s->server.submit, &at, &c.from, &c.to))
		e = buf_add(to, span_of(&c, sizeof c));
	return e;
}

static enum err
append(struct session *s, uint64_t *ticket)
{
	struct receiver *rc = s->receiver;
	struct span pieces[RECEIVER_CHUNKS_MAX];
	struct spool_message m = {
		.id = &s->server.tx.id,
		.envelope = buf_span(&rc->envelope),
		.added = buf_span(&rc->added),
		.cuts = (const struct spool_cut *)(const void *)rc->cuts.p,
		.ncuts = rc->cuts.n / sizeof(struct spool_cut),
		.content = pieces,
		.facts = &s->server.facts,
	};

	for (struct chunk *k = s->content.first; k != NULL; k = k->next)
		pieces[m.ncontent++] = span_of(k->octets, k->n);
	if (s->content.is_large)
		m.large = &s->content.large;
	return spool_append(rc->writer, &m, ticket);
}

static enum smtp_reply
reply_to(enum err e)
{
	if (e == ERR_IO && (errno == ENOSPC || errno == EDQUOT))
		return RE_NO_SPACE;
	return e == ERR_SYNTAX ? RE_TOO_BIG : RE_NOT_STORED;
}

static void
end_message(struct session *s, enum smtp_reply re)
{
	if (re == RE_QUEUED) {
		tell_accepted(s);
		tell_forwarded(s);
		s->mail_ms = loop_now_ms(s->receiver->role->loop);
	} else {
		tell_refused(s, re, span_of(NULL, 0));
	}
	smtp_server_done(&s->server, re);
}

void
commit_refuse(struct session *s, enum smtp_reply re)
{
	content_drop(s->receiver, &s->content);
	end_message(s, re);
}

/*
 * SPL-12: it has closed, and said nothing behind its content.  Who pipelined
 * QUIT may close its side before our answer, and reads it all the same.
 */
static bool
is_gone(const struct session *s)
{
	return s->server.left == 0 && stream_is_peer_gone(s->stream) &&
	    !stream_has_come(s->stream);
}

void
commit_message(struct session *s)
{
	struct receiver *rc = s->receiver;
	uint64_t wall_ms = loop_wall_ms(rc->role->loop), ticket;
	enum err e;

	s->asked_ms = loop_now_ms(rc->role->loop);
	session_watch(s, 1000 * rc->role->config->limits.final_reply);
	if (rc->mode == INTAKE_NONE) {
		commit_refuse(s, RE_NO_SPACE);
		return;
	}
	buf_cut(&rc->added, 0);
	buf_cut(&rc->cuts, 0);
	buf_cut(&rc->envelope, 0);
	e = write_added(s, wall_ms, &rc->added);
	if (e == ERR_OK)
		e = write_envelope(s, wall_ms, &rc->envelope);
	if (e == ERR_OK)
		e = write_cuts(s, &rc->cuts);
	/* SPL-12.  Of others drop_gone() asks, as late as can be. */
	if (e == ERR_OK && s->content.is_large && is_gone(s))
		e = ERR_CLOSED;
	if (e == ERR_OK)
		e = append(s, &ticket);
	if (e == ERR_OK) {
		await(s, ticket);
		s->content.is_large = false;	/* the writer has it now */
	}
	content_drop(rc, &s->content);
	if (e != ERR_OK)
		end_message(s, reply_to(e));
	loop_quiet_ask(rc->role->loop, &rc->kick);
}

/* Syncs */

static void
sync_run(void *job)
{
	struct sync *y = job;

	spool_job_run(&y->job);
}

static bool
has_failed(const struct spool_synced *done, uint64_t ticket)
{
	return done->failed != 0 && ticket >= done->failed_from &&
	    ticket <= done->failed;
}

/* All whose fate is known are told, in order. */
static void
answer(struct receiver *rc, const struct spool_synced *done)
{
	struct session *s;

	while ((s = rc->awaiting) != NULL) {
		bool is_bad = has_failed(done, s->ticket);

		if (!is_bad && s->ticket > done->acked)
			break;
		await_end(s);
		end_message(s, is_bad ? RE_NOT_STORED : RE_QUEUED);
		session_go_on(s);
	}
}

static void
log_sync_failed(struct receiver *rc, const struct spool_job *job)
{
	struct log_line l;

	log_begin(&l, LOG_LEVEL_ALARM, NULL, "sync-failed");
	log_str(&l, "why", strerror(job->why));
	role_log(rc->role, &l);
}

static void
sync_done(void *job)
{
	struct sync *y = job;
	struct receiver *rc = y->receiver;
	struct spool_synced done;

	rc->is_syncing = false;
	if (y->job.error != ERR_OK)
		log_sync_failed(rc, &y->job);
	done = spool_writer_end_sync(rc->writer, &y->job);
	answer(rc, &done);
	commit_tell(rc);
	/* Behind the answers, and behind what else has come in this turn. */
	loop_quiet_ask(rc->role->loop, &rc->kick);
	receiver_may_end(rc);
}

/* SPL-12: who has gone while its record waited is not kept. */
static void
drop_gone(struct receiver *rc)
{
	struct session *s = rc->awaiting_last, *prev;

	for (; s != NULL && s->ticket > rc->nclosed; s = prev) {
		prev = s->prev;
		if (!is_gone(s))
			continue;
		commit_forget(s);
		end_message(s, RE_NOT_STORED);
		session_go_on(s);
	}
}

void
commit_kick(struct receiver *rc)
{
	if (rc->is_syncing || rc->writer == NULL)
		return;
	drop_gone(rc);
	if (!spool_writer_wants_sync(rc->writer)) {
		commit_tell(rc);
		return;
	}
	rc->sync.receiver = rc;
	rc->sync.job = (struct spool_job){ 0 };
	spool_writer_begin_sync(rc->writer, &rc->sync.job);
	rc->nclosed = rc->last_ticket;
	rc->is_syncing = true;
	/* One job at a time and room for one: it is always taken. */
	ASSERT(worker_give(rc->worker, sync_run, sync_done, &rc->sync) ==
	    ERR_OK);
}

bool
commit_is_idle(const struct receiver *rc)
{
	return !rc->is_syncing && rc->awaiting == NULL;
}

/* The queue */

static enum err
tell_one(struct receiver *rc, struct role_peer *queue,
    const struct spool_note *n)
{
	const struct intake_accepted accepted = { n->number, n->generation,
		n->durable };
	const struct intake_sealed sealed = { n->number, n->generation,
		n->durable, n->is_bad };
	const struct intake_large_used used = { n->number, n->is_bad };

	if (n->kind == SPOOL_NOTE_DURABLE)
		return role_send(rc->role, queue, &ipc_intake_accepted,
		    &accepted, NULL);
	if (n->kind == SPOOL_NOTE_SEALED)
		return role_send(rc->role, queue, &ipc_intake_sealed, &sealed,
		    NULL);
	return role_send(rc->role, queue, &ipc_intake_large_used, &used, NULL);
}

void
commit_tell(struct receiver *rc)
{
	struct role_peer *queue = role_peer(rc->role, IPC_ROLE_QUEUE);
	struct spool_note note;

	/* Without a queue they wait: its successor is announced to. */
	while (queue != NULL && spool_writer_next_note(rc->writer, &note))
		if (tell_one(rc, queue, &note) != ERR_OK) {
			role_cut(rc->role, queue, "it does not take hints");
			return;
		}
}

void
commit_announce(struct receiver *rc)
{
	struct role_peer *queue = role_peer(rc->role, IPC_ROLE_QUEUE);
	struct intake_announced m = {
		.segments = (uint8_t)(2 - spool_writer_wants(rc->writer)),
		.large = (uint8_t)(2 - spool_writer_wants_large(rc->writer)),
	};

	spool_writer_announce(rc->writer);
	commit_tell(rc);
	if (role_send(rc->role, queue, &ipc_intake_announced, &m, NULL) !=
	    ERR_OK && queue != NULL)
		role_cut(rc->role, queue, "it does not take hints");
}

/*
 * What a dead queue still had on its way is not ours: its successor has heard
 * from us what we hold, and may have given that file to somebody else.
 */
static bool
is_present_queue(struct role *r, const struct role_peer *from)
{
	return from == role_peer(r, IPC_ROLE_QUEUE);
}

bool
commit_segment(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	const struct intake_segment *m = msg;
	const struct spool_grant g = { m->segment, m->generation, m->offset,
		m->size, fds[0] };
	struct receiver *rc = r->self;

	if (!is_present_queue(r, from)) {
		(void)close(fds[0]);
		return true;
	}
	/* A failed sync may have waited for it, to write down its poison. */
	if (spool_writer_adopt(rc->writer, &g) == ERR_OK) {
		loop_task_ask(r->loop, &rc->kick);
		receiver_listen_start(rc);
	}
	return true;
}

bool
commit_large(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	const struct intake_large *m = msg;
	struct receiver *rc = r->self;

	if (!is_present_queue(r, from)) {
		(void)close(fds[0]);
		return true;
	}
	/* One too many is closed; the queue has it again when we end. */
	return spool_writer_adopt_large(rc->writer, m->large, fds[0]) !=
	    ERR_SYNTAX;
}

bool
commit_state(struct role *r, struct role_peer *from UNUSED, const void *msg,
    const int *fds UNUSED)
{
	const struct intake_state *m = msg;
	struct receiver *rc = r->self;

	if (m->mode >= INTAKE_MODE_COUNT || m->memory >= INTAKE_MEMORY_COUNT)
		return false;
	rc->mode = (enum intake_mode)m->mode;
	rc->memory = (enum intake_memory)m->memory;
	load_look(rc);
	return true;
}
