#include "cli/send_fields.h"
#include "mail/header_keep.h"
#include "mail/mailbox.h"

enum err
send_canonical(struct span text, struct buf *to)
{
	enum err e = ERR_OK;

	while (text.n > 0 && e == ERR_OK) {
		struct span line = span_take(&text, span_find(text, '\n'));

		if (text.n > 0)
			text = span_skip(text, 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		e = buf_add(to, line);
		if (e == ERR_OK)
			e = buf_add(to, SPAN("\r\n"));
	}
	return e;
}

/* Names alone are users of this host: the caller completes them. */
static enum err
add_addresses(struct span value, struct buf *list)
{
	struct mailbox_list l;
	enum err e;

	mailbox_begin(&l, value);
	l.takes_bare = true;
	while ((e = mailbox_next(&l)) == ERR_OK) {
		e = buf_add(list, l.address);
		if (e == ERR_OK)
			e = buf_addc(list, '\0');
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_NONE ? ERR_OK : e;
}

static void
keep_fields(struct span content, struct header_keep *k)
{
	struct header_event ev;
	struct header h;

	header_begin(&h);
	while ((ev = header_next(&h, &content)).kind != HEADER_MORE &&
	    ev.kind != HEADER_END)
		header_keep_event(k, &h, ev);
	while (ev.kind != HEADER_END) {
		ev = header_end(&h);
		header_keep_event(k, &h, ev);
	}
}

enum err
send_recipients(struct span content, struct buf *list, struct buf *rest)
{
	static const struct span names[] = { { (const uint8_t *)"bcc", 3 },
		{ (const uint8_t *)"cc", 2 }, { (const uint8_t *)"to", 2 } };
	struct header_keep k = header_keep_make(names, COUNT(names));
	struct header_kept f;
	uint64_t done = 0;
	enum err e;

	keep_fields(content, &k);
	e = k.is_short ? ERR_FULL : ERR_OK;
	for (size_t i = 0; e == ERR_OK && header_keep_at(&k, i, &f); i++) {
		e = add_addresses(f.value, list);
		if (e != ERR_OK || f.which != 0)
			continue;
		e = buf_add(rest, span_of(content.p + done,
		    (size_t)(f.offset - done)));
		done = f.offset + f.length;
	}
	header_keep_free(&k);
	return e != ERR_OK ? e : buf_add(rest, span_skip(content,
	    (size_t)done));
}
