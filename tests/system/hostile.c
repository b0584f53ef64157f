/*
 * hostile.c - a role that was taken over: its own program, from the inside.
 *
 * Linked into the real program of a role with --wrap=role_main, so it has what
 * that role has and no more: its sandbox, its channels, its descriptors.  The
 * last one of its kind turns hostile, the others stay honest.  What it does is
 * said by the configuration's hostname:
 *
 * It begins with SIGUSR1; a later process in its place, at once.
 *
 *	liar.*		all peers get messages that are cut, too long, of every
 *			type there is, for ids that are not its own
 *	greedy.*	asks keys for one signature more than may be unanswered
 *	modest.*	asks for as many as may be
 *	writer.*	keeps each descriptor that the queue passed, and writes
 *			everywhere into what they lead to
 */
#include "ipc/all.h"
#include "role/private.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define KEPT_MAX	256u
#define LIE_MAX		1024u	/* octets of a payload without form */
#define WRITE_EVERY_MS	2u
#define STRUCT_MAX	512u
#define INSTANCES_AT_START 9u	/* of two receivers, two senders, the rest */

int __real_role_main(const struct role_desc *desc);
int __wrap_role_main(const struct role_desc *desc);

static struct {
	const struct role_desc	*real;
	uint64_t		 chance;	/* xorshift's state */
	struct loop_timer	*timer;
	struct loop_signal	*signal;
	int			 kept[KEPT_MAX];
	size_t			 nkept;
	uint64_t		 nwrites, nanswers;
} h;

static uint64_t
chance(uint64_t below)
{
	h.chance ^= h.chance << 13;
	h.chance ^= h.chance >> 7;
	h.chance ^= h.chance << 17;
	return h.chance % below;
}

static bool
is_called(const struct role *r, const char *word)
{
	return span_starts(span_str(r->config->hostname), span_str(word));
}

static bool
is_hostile(const struct role *r)
{
	uint64_t n = r->kind == IPC_ROLE_RECEIVER ? r->config->receivers
	    : r->kind == IPC_ROLE_SENDER	  ? r->config->senders
						  : 1;

	return r->index + 1 == n;
}

/* --- lies ---------------------------------------------------------------- */

/* Of good form, and about what it knows nothing of. */
static void
make_up(const struct ipc_type *t, uint8_t *msg)
{
	static uint8_t octets[64];

	memset(msg, 0, STRUCT_MAX);
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)chance(256);
	for (size_t i = 0; i < t->nfields; i++) {
		const struct ipc_field *f = &t->fields[i];
		uint64_t number = f->max == UINT64_MAX ? chance(UINT64_MAX)
						       : chance(f->max + 1);
		struct span s = { octets, (size_t)MIN(number,
			(uint64_t)chance(sizeof octets)) };

		if (f->kind == IPC_OCTETS)
			memcpy(msg + f->offset, &s, sizeof s);
		else if (f->kind == IPC_ID)
			memcpy(msg + f->offset, octets, MSG_ID_OCTETS);
		else if (f->kind == IPC_U8)
			msg[f->offset] = (uint8_t)number;
		else if (f->kind == IPC_U16)
			memcpy(msg + f->offset, &(uint16_t){ (uint16_t)number },
			    2);
		else if (f->kind == IPC_U32)
			memcpy(msg + f->offset, &(uint32_t){ (uint32_t)number },
			    4);
		else
			memcpy(msg + f->offset, &number, 8);
	}
}

static void
lie(struct role_peer *p)
{
	const struct ipc_type *t = ipc_all[chance(IPC_ALL_COUNT)];
	_Alignas(16) uint8_t msg[STRUCT_MAX];
	struct buf b = buf_make(IPC_PAYLOAD_MAX);
	unsigned int nfds = t->fds;
	struct span said;
	int fds[CHANNEL_FDS_MAX] = { 2, 2, 2, 2 };
	uint8_t rest[LIE_MAX];

	make_up(t, msg);
	for (size_t i = 0; i < sizeof rest; i++)
		rest[i] = (uint8_t)chance(256);
	/* What cannot even be written down is not said in good form. */
	said = ipc_encode(t, msg, &b) == ERR_OK ? buf_span(&b)
						: span_of(rest, sizeof rest);
	switch (chance(5)) {
	case 0:		/* as it should be, but for what it says */
		break;
	case 1:
		said.n -= said.n > 0;
		break;
	case 2:
		said = span_of(rest, (size_t)chance(sizeof rest));
		break;
	case 3:
		nfds = (nfds + 1) % CHANNEL_FDS_MAX;
		break;
	case 4:
		if (buf_room(&b, 1) == ERR_OK) {
			b.p[b.n] = 0;
			said = span_of(b.p, b.n + 1);
		}
		break;
	}
	if (channel_send(p->channel, t->number, said, fds, nfds) == ERR_OK)
		channel_flush(p->channel);
	buf_free(&b);
}

/* The supervisor would end us before the others have heard anything. */
static void
tell_lies(struct role *r)
{
	bool is_all = r->instance % 4 == 0;

	for (unsigned int round = 0; round < 8; round++)
		for (struct role_peer *p = role_peer_next(r, NULL); p != NULL;
		     p = role_peer_next(r, p))
			if (p->channel != NULL &&
			    (is_all || p->kind != IPC_ROLE_SUPERVISOR))
				lie(p);
}

/* --- asking ---------------------------------------------------------------- */

/* In one packet, so that keys hears of them in one turn. */
static void
ask_for_signatures(struct role *r, uint64_t n)
{
	static const uint8_t octets[KEYS_ID];
	const struct role_peer *keys = role_peer(r, IPC_ROLE_KEYS);
	struct keys_sign m = { .key = span_of(octets, KEYS_ID),
		.scheme = 0x0403, .octets = span_of(octets, KEYS_ID) };
	struct buf b = buf_make(IPC_PAYLOAD_MAX);

	for (m.tag = 1; keys != NULL && m.tag <= n; m.tag++) {
		buf_cut(&b, 0);
		if (ipc_encode(&ipc_keys_sign, &m, &b) == ERR_OK)
			(void)!channel_send(keys->channel,
			    ipc_keys_sign.number, buf_span(&b), NULL, 0);
	}
	if (keys != NULL)
		channel_flush(keys->channel);
	buf_free(&b);
}

static const struct role_row *
real_row(const struct ipc_type *type)
{
	for (size_t i = 0; i < h.real->nrows; i++)
		if (h.real->rows[i].type == type)
			return &h.real->rows[i];
	return NULL;
}

static bool
hear_signature(struct role *r, struct role_peer *from, const void *msg,
    const int *fds)
{
	struct log_line line;

	if (!is_hostile(r) || !is_called(r, "modest."))
		return real_row(&ipc_keys_signature)->handle(r, from, msg,
		    fds);
	log_begin(&line, LOG_LEVEL_WARN, NULL, "hostile");
	log_num(&line, "answers", ++h.nanswers);
	role_log(r, &line);
	return true;
}

/* --- writing ------------------------------------------------------------- */

static bool
keep(struct role *r, struct role_peer *from, const void *msg, const int *fds)
{
	int fd = is_hostile(r) && h.nkept < KEPT_MAX
	    ? fcntl(fds[0], F_DUPFD_CLOEXEC, 0) : -1;

	if (fd >= 0)
		h.kept[h.nkept++] = fd;
	return real_row(&ipc_intake_segment)->handle(r, from, msg, fds);
}

static void
write_everywhere(void *ctx)
{
	struct role *r = ctx;
	static uint8_t junk[2048];
	struct log_line line;

	for (size_t i = 0; i < h.nkept; i++) {
		size_t n = 1 + (size_t)chance(sizeof junk - 1);

		memset(junk, (int)chance(256), n);
		if (pwrite(h.kept[i], junk, n, (off_t)chance(1u << 20)) > 0 &&
		    ++h.nwrites % 1000 == 0) {
			log_begin(&line, LOG_LEVEL_WARN, NULL, "hostile");
			log_num(&line, "writes", h.nwrites);
			log_num(&line, "files", h.nkept);
			role_log(r, &line);
		}
	}
	loop_timer_set(h.timer, WRITE_EVERY_MS);
}

/* --- in its place -------------------------------------------------------- */

static void
turn(void *ctx)
{
	struct role *r = ctx;

	h.chance = r->instance * UINT64_C(0x9e3779b97f4a7c15) | 1;
	if (!is_hostile(r))
		return;
	if (is_called(r, "writer."))
		loop_timer_set(h.timer, WRITE_EVERY_MS);
	if (is_called(r, "liar."))
		tell_lies(r);
	if (is_called(r, "modest."))
		ask_for_signatures(r, KEYS_ASKED_MAX);
	if (is_called(r, "greedy."))
		ask_for_signatures(r, KEYS_ASKED_MAX + 1);
}

static void
serve(struct role *r)
{
	if (h.real->serve != NULL)
		h.real->serve(r);
	/* A server of which one role cannot start at all does not start. */
	if (r->instance > INSTANCES_AT_START + (r->config->ntls > 0) +
	    (r->config->greylist > 0))
		turn(r);
}

static bool
start(struct role *r)
{
	return loop_signal_new(r->loop, SIGUSR1, turn, r, &h.signal) ==
		ERR_OK &&
	    loop_timer_new(r->loop, write_everywhere, r, &h.timer) == ERR_OK &&
	    (h.real->start == NULL || h.real->start(r));
}

int
__wrap_role_main(const struct role_desc *desc)
{
	static struct role_row rows[64];
	struct role_desc ours = *desc;

	h.real = desc;
	ASSERT(desc->nrows <= COUNT(rows));
	memcpy(rows, desc->rows, desc->nrows * sizeof rows[0]);
	for (size_t i = 0; i < desc->nrows; i++)
		if (rows[i].type == &ipc_intake_segment)
			rows[i].handle = keep;
		else if (rows[i].type == &ipc_keys_signature)
			rows[i].handle = hear_signature;
	ours.rows = rows;
	ours.start = start;
	ours.serve = serve;
	return __real_role_main(&ours);
}
