/*
 * content.c - one message's octets on their way out.
 *
 * Looked at as a whole first: what is not canonical never leaves (SMTP-3).
 * Plain and without a dot to double the kernel copies from the memfd; else
 * pieces go through the stuffer.  Small content leaves in one go.
 */
#include "role/sender/sender.h"

/* Octets stuffed at a time: twice as many fit in the stream's room. */
#define STUFF_PIECE	(64u * 1024)

static struct order_message *
message(const struct conn *c)
{
	return &c->order->messages[c->order->current];
}

static bool
must_stuff(const struct conn *c)
{
	if (c->is_chunk)
		return false;
	return stream_is_tls(c->stream) ||
	    (message(c)->m.flags & DELIVER_DOT) != 0 ||
	    order_look(c->order, message(c))->has_dot_line ||
	    c->stuff.is_inside;
}

static bool
send_stuffed(struct conn *c, struct span rest)
{
	struct sender *s = c->role->self;
	struct span piece = span_take(&rest, STUFF_PIECE);

	buf_cut(&s->stuffed, 0);
	if (smtp_stuff_add(&c->stuff, piece, &s->stuffed) != ERR_OK ||
	    stream_send(c->stream, buf_span(&s->stuffed)) != ERR_OK)
		return false;
	c->sent += piece.n;
	return true;
}

/* RFC 3030: the octets as they are. */
static bool
send_raw(struct conn *c, struct span rest)
{
	struct span piece = span_take(&rest, STUFF_PIECE);

	if (stream_send(c->stream, piece) != ERR_OK)
		return false;
	c->sent += piece.n;
	return true;
}

static bool
send_file(struct conn *c, struct span rest)
{
	const struct order_message *m = message(c);
	uint64_t n = MIN(rest.n, (size_t)SENDER_PIECE);

	if (stream_send_file(c->stream, c->order->fd, m->m.offset + c->sent,
		n) != ERR_OK)
		return false;
	c->sent += n;
	return true;
}

static bool
send_piece(struct conn *c, struct span rest)
{
	if (must_stuff(c))
		return send_stuffed(c, rest);
	return stream_is_tls(c->stream) ? send_raw(c, rest) :
	    send_file(c, rest);
}

bool
content_go_on(struct conn *c)
{
	struct span rest =
	    span_skip(order_content(c->order, message(c)), (size_t)c->sent);

	if (rest.n > 0) {
		if (!send_piece(c, rest))
			return false;
		smtp_client_block_sent(&c->client);
	}
	if (c->sent == message(c)->m.size) {
		bool is_ended =
		    order_look(c->order, message(c))->is_ended;

		if (!c->is_chunk && stream_send(c->stream,
		    smtp_stuff_end(is_ended)) != ERR_OK)
			return false;
		c->is_all_given = true;
		conn_go_ahead(c);
	}
	stream_want_drained(c->stream);
	return true;
}

/*
 * A server may answer before it has all.  Its answer is read once the stream
 * has let go of the job's file: the job ends with the answer, and under its
 * descriptor's number comes somebody else's mail.
 */
bool
content_drained(struct conn *c)
{
	if (!c->is_all_given)
		return content_go_on(c);
	c->is_sending = false;
	smtp_client_content_sent(&c->client);
	return true;
}

bool
content_begin(struct conn *c)
{
	c->sent = 0;
	c->stuff = (struct smtp_stuff){ 0 };
	c->is_sending = true;
	c->is_all_given = false;
	return content_go_on(c);
}
