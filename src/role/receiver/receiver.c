/*
 * receiver.c - the role that takes mail in: sessions of strangers, a segment
 * to write to, and nothing else in reach.
 */
#include "role/receiver/receiver.h"

#include "ipc/greylist.h"
#include "ipc/inquiry.h"

#include <stdlib.h>

#define FIRST_SEGMENT_MS	2000u

static void
on_kick(void *ctx)
{
	commit_kick(ctx);
}

static bool
on_load(struct role *r)
{
	struct receiver *rc = r->self;
	uint8_t key[SIPHASH_KEY_OCTETS];

	rc->role = r;
	role_random(r, key, sizeof key);
	rc->cache = map_make(siphash_key_make(key));
	rc->files = spool_files_posix();
	rc->added = buf_make(SPOOL_ADDED_MAX);
	rc->envelope = buf_make(ENVELOPE_MAX);
	rc->routed = buf_make(ENVELOPE_MAX);
	rc->cuts = buf_make(SPOOL_CUTS_MAX * sizeof(struct spool_cut));
	rc->kick = (struct loop_task){ .run = on_kick, .ctx = rc };
	rc->nslots = load_places(r->config);
	rc->share = (uint32_t)MAX(rc->nslots / r->config->receivers, 1u);
	rc->slots = calloc(rc->nslots, sizeof(struct session *));
	rc->free_slots = calloc(rc->nslots, sizeof *rc->free_slots);
	if (rc->slots == NULL || rc->free_slots == NULL || !receiver_tls_load(rc))
		return false;
	while (rc->nfree < rc->nslots) {
		rc->free_slots[rc->nfree] = rc->nslots - 1 - rc->nfree;
		rc->nfree++;
	}
	return rules_load(rc) && receiver_listen_load(rc) &&
	    spool_writer_new(&rc->files, &rc->writer) == ERR_OK;
}

static void
on_first_late(void *ctx)
{
	receiver_listen_start(ctx);
}

static bool
on_start(struct role *r)
{
	struct receiver *rc = r->self;

	/* One thread: at most one sync is in flight. */
	return loop_timer_new(r->loop, on_first_late, rc, &rc->first) ==
	    ERR_OK && worker_new(r->loop, 1, 2, &rc->worker) == ERR_OK &&
	    receiver_tls_start(rc);
}

/*
 * Clients wait in the kernel for the first segment: without one a mail could
 * only be put off.  Not for long: without a queue they shall hear so.
 */
static void
on_serve(struct role *r)
{
	struct receiver *rc = r->self;

	loop_timer_set(rc->first, FIRST_SEGMENT_MS);
}

static void
on_peer_came(struct role *r, struct role_peer *p)
{
	if (p->kind == IPC_ROLE_QUEUE)
		commit_announce(r->self);
}

static void
on_peer_went(struct role *r, struct role_peer *p)
{
	if (p->kind == IPC_ROLE_LOOKUP)
		ask_lookup_went(r->self);
	else if (p->kind == IPC_ROLE_RESOLVER) {
		check_resolver_went(r->self);
		sender_resolver_went(r->self);
	}
	else if (p->kind == IPC_ROLE_KEYS)
		receiver_keys_went(r->self);
	else if (p->kind == IPC_ROLE_STATE)
		grey_state_went(r->self);
	else if (p->kind == IPC_ROLE_QUEUE)
		release_queue_went(r->self);
}

void
receiver_may_end(struct receiver *rc)
{
	if (rc->is_stopping && rc->nfree == rc->nslots && commit_is_idle(rc))
		role_done(rc->role);
}

/*
 * RFC 5321 3.8 and OPS-4: 421 to who waits between messages; who is in the
 * middle of one may finish it.
 */
static void
on_stop(struct role *r)
{
	struct receiver *rc = r->self;

	rc->is_stopping = true;
	receiver_listen_stop(rc);
	for (uint32_t i = 0; i < rc->nslots; i++)
		if (rc->slots[i] != NULL &&
		    rc->slots[i]->server.phase != PH_BODY)
			session_stop(rc->slots[i], RE_STOPPING, "stop");
	receiver_may_end(rc);
}

static const struct role_row rows[] = {
	{ IPC_ROLE_LOOKUP, &ipc_lookup_rcpt_answer, ask_rcpt_answer },
	{ IPC_ROLE_LOOKUP, &ipc_lookup_lists_answer, ask_lists_answer },
	{ IPC_ROLE_LOOKUP, &ipc_lookup_auth_answer, ask_auth_answer },
	{ IPC_ROLE_LOOKUP, &ipc_login_salt_answer, ask_auth_salt_answer },
	{ IPC_ROLE_LOOKUP, &ipc_lookup_connect_answer, ask_connect_answer },
	{ IPC_ROLE_LOOKUP, &ipc_lookup_changed, ask_changed },
	{ IPC_ROLE_RESOLVER, &ipc_inquiry_reverse_answer,
	    check_reverse_answer },
	{ IPC_ROLE_RESOLVER, &ipc_inquiry_list_answer, check_list_answer },
	{ IPC_ROLE_RESOLVER, &ipc_inquiry_sender_answer, sender_answer },
	{ IPC_ROLE_LOOKUP, &ipc_lookup_submit_answer, ask_submit_answer },
	{ IPC_ROLE_KEYS, &ipc_keys_ticket_key, receiver_ticket_key },
	{ IPC_ROLE_KEYS, &ipc_keys_signature, receiver_signature },
	{ IPC_ROLE_STATE, &ipc_greylist_answer, grey_answer },
	{ IPC_ROLE_QUEUE, &ipc_intake_segment, commit_segment },
	{ IPC_ROLE_QUEUE, &ipc_intake_large, commit_large },
	{ IPC_ROLE_QUEUE, &ipc_intake_state, commit_state },
	{ IPC_ROLE_QUEUE, &ipc_intake_release_answer, release_answer },
};

static const struct role_desc desc = {
	.kind = IPC_ROLE_RECEIVER,
	.self_size = sizeof(struct receiver),
	.rows = rows,
	.nrows = COUNT(rows),
	.file = receiver_file,
	.listener = receiver_listener,
	.load = on_load,
	.start = on_start,
	.serve = on_serve,
	.peer_came = on_peer_came,
	.peer_went = on_peer_went,
	.stop = on_stop,
};

int
main(void)
{
	return role_main(&desc);
}
