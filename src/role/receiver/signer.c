/*
 * signer.c - ask keys for a signature, from a thread that waits.
 *
 * There are as many lines as threads, so a thread always finds one that nobody
 * uses.  Without an answer in time the handshake fails, and so it does at once
 * when keys has gone: nothing is ever shown that is not signed.
 */
#include "role/receiver/signer.h"

#include "base/buf.h"
#include "io/line.h"
#include "os/clock.h"
#include "os/file.h"

static void
lock(struct signer *s)
{
	ASSERT(pthread_mutex_lock(&s->lock) == 0);
}

static void
unlock(struct signer *s)
{
	ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

/* Under the lock, while nobody uses it. */
static void
line_renew(struct line *l)
{
	if (l->next < 0)
		return;
	file_close(l->fd);
	l->fd = l->next;
	l->next = -1;
}

static struct line *
line_take(struct signer *s, uint64_t *tag)
{
	struct line *found = NULL;

	lock(s);
	for (size_t i = 0; i < KEYS_LINES && found == NULL; i++)
		if (!s->lines[i].is_busy && s->lines[i].fd >= 0)
			found = &s->lines[i];
	if (found != NULL) {
		found->is_busy = true;
		*tag = ++s->last_tag;
	}
	unlock(s);
	return found;
}

static void
line_give_back(struct signer *s, struct line *l, bool is_dead)
{
	lock(s);
	l->is_busy = false;
	if (is_dead) {
		file_close(l->fd);
		l->fd = -1;
	}
	line_renew(l);
	unlock(s);
}

static enum err
say(int fd, const struct keys_sign *m)
{
	struct buf b = buf_make(LINE_PACKET_MAX);
	enum err e = ipc_encode(&ipc_keys_sign, m, &b);

	if (e == ERR_OK)
		e = line_say(fd, ipc_keys_sign.number, buf_span(&b));
	buf_free(&b);
	return e;
}

/* An older tag: the answer to a question that somebody gave up. */
static enum err
hear(int fd, uint64_t tag, struct buf *packet, struct keys_signature *m)
{
	uint64_t until = clock_mono_ms() + SIGNER_WITHIN_MS;
	struct span payload;
	uint16_t type;
	enum err e;

	do {
		e = line_hear(fd, until, packet->p, &type, &payload);
		if (e == ERR_OK && (type != ipc_keys_signature.number ||
		    ipc_decode(&ipc_keys_signature, payload, m) != ERR_OK ||
		    m->tag > tag))
			e = ERR_SYNTAX;
	} while (e == ERR_OK && m->tag != tag);
	return e;
}

static enum err
ask(int fd, const struct keys_sign *m, struct tls_signature *to)
{
	struct buf packet = buf_make(LINE_PACKET_MAX);
	struct keys_signature answer;
	enum err e = buf_room(&packet, LINE_PACKET_MAX);

	if (e == ERR_OK)
		e = say(fd, m);
	if (e == ERR_OK)
		e = hear(fd, m->tag, &packet, &answer);
	if (e == ERR_OK && answer.result != KEYS_SIGNED)
		e = ERR_DENIED;
	if (e == ERR_OK) {
		/* ipc/keys.h bounds it. */
		to->n = answer.octets.n;
		memcpy(to->octets, answer.octets.p, answer.octets.n);
	}
	buf_free(&packet);
	return e;
}

static enum err
sign(void *ctx, const uint8_t id[TLS_KEY_ID], uint16_t scheme,
    struct span octets, struct tls_signature *to)
{
	struct keys_sign m = { .key = span_of(id, TLS_KEY_ID),
	    .scheme = scheme, .octets = octets };
	struct signer *s = ctx;
	struct line *l = line_take(s, &m.tag);
	enum err e;

	_Static_assert(TLS_KEY_ID == KEYS_ID, "the same hash");
	if (l == NULL)
		return ERR_CLOSED;
	e = ask(l->fd, &m, to);
	line_give_back(s, l, e == ERR_CLOSED || e == ERR_SYNTAX);
	return e;
}

void
signer_begin(struct signer *s)
{
	s->seam = (struct tls_signer){ sign, s };
	ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
	for (size_t i = 0; i < KEYS_LINES; i++)
		s->lines[i] = (struct line){ .fd = -1, .next = -1 };
}

void
signer_line(struct signer *s, size_t i, int fd)
{
	struct line *l = &s->lines[i];

	lock(s);
	file_close(l->next);
	l->next = fd;
	if (!l->is_busy)
		line_renew(l);
	unlock(s);
}
