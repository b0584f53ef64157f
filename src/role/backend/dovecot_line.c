#include "role/backend/dovecot_line.h"
#include "base/base64.h"
#include "config/network.h"

static struct span
next_word(struct span *rest)
{
	struct span word = span_take(rest, span_find(*rest, '\t'));

	*rest = span_skip(*rest, 1);
	return word;
}

static bool
take_number(struct span *rest, struct dovecot_line *l)
{
	uint64_t n;

	if (span_u64(next_word(rest), UINT32_MAX, &n) != ERR_OK)
		return false;
	l->number = (uint32_t)n;
	return true;
}

static bool
take_text(struct span *rest, struct dovecot_line *l)
{
	l->text = next_word(rest);
	return l->text.n > 0;
}

static bool
take_nothing(struct span *rest, struct dovecot_line *l)
{
	(void)l;
	return rest->n == 0;
}

static bool
take_ok(struct span *rest, struct dovecot_line *l)
{
	if (!take_number(rest, l))
		return false;
	while (rest->n > 0) {
		struct span word = next_word(rest);

		if (span_starts(word, SPAN("user=")) && l->text.n == 0)
			l->text = span_skip(word, 5);
	}
	return true;
}

/* `temp` alone is of 2.2 and older. */
static bool
take_fail(struct span *rest, struct dovecot_line *l)
{
	if (!take_number(rest, l))
		return false;
	while (rest->n > 0) {
		struct span word = next_word(rest);

		l->is_temporary |= span_eq(word, SPAN("temp")) ||
		    span_eq(word, SPAN("code=temp_fail"));
	}
	return true;
}

static const struct {
	const char	*name;
	enum dovecot_word word;
	bool		(*take)(struct span *rest, struct dovecot_line *l);
} words[] = {
	{ "VERSION", DOVECOT_VERSION, take_number },
	{ "MECH", DOVECOT_MECH, take_text },
	{ "DONE", DOVECOT_DONE, take_nothing },
	{ "OK", DOVECOT_OK, take_ok },
	{ "FAIL", DOVECOT_FAIL, take_fail },
	{ "CONT", DOVECOT_CONT, take_number },
};

enum err
dovecot_line_parse(struct span line, struct dovecot_line *l)
{
	struct span rest = line, name = next_word(&rest);

	*l = (struct dovecot_line){ .word = DOVECOT_OTHER };
	if (name.n == 0 || line.n >= DOVECOT_LINE_MAX ||
	    span_find(line, '\0') < line.n || span_find(line, '\n') < line.n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < COUNT(words); i++)
		if (span_eq(name, span_str(words[i].name))) {
			l->word = words[i].word;
			return words[i].take(&rest, l) ? ERR_OK : ERR_SYNTAX;
		}
	return ERR_OK;
}

enum err
dovecot_hello(uint32_t pid, struct buf *to)
{
	return buf_addf(to, "VERSION\t%u\t1\nCPID\t%u\n", DOVECOT_MAJOR, pid);
}

static enum err
add_client(struct span client, struct buf *to)
{
	struct address a;
	enum err e;

	if (address_make(client, &a) != ERR_OK)
		return ERR_OK;
	e = buf_add(to, SPAN("\trip="));
	return e == ERR_OK ? address_print(&a, to) : e;
}

/* RFC 4616: nobody, NUL, who, NUL, the password. */
static enum err
add_response(struct span user, struct span password, struct buf *to)
{
	struct buf plain = buf_make(DOVECOT_LINE_MAX);
	enum err e = buf_addc(&plain, '\0');

	if (e == ERR_OK)
		e = buf_add(&plain, user);
	if (e == ERR_OK)
		e = buf_addc(&plain, '\0');
	if (e == ERR_OK)
		e = buf_add(&plain, password);
	if (e == ERR_OK)
		e = base64_encode(buf_span(&plain), to);
	buf_wipe(&plain);
	buf_free(&plain);
	return e;
}

enum err
dovecot_ask(uint32_t number, struct span user, struct span password,
    struct span client, struct buf *to)
{
	size_t before = to->n;
	enum err e = buf_addf(to, "AUTH\t%u\tPLAIN\tservice=smtp\tsecured",
	    number);

	if (e == ERR_OK)
		e = add_client(client, to);
	/* Nothing behind it: its octets are a stranger's. */
	if (e == ERR_OK)
		e = buf_add(to, SPAN("\tresp="));
	if (e == ERR_OK)
		e = add_response(user, password, to);
	if (e == ERR_OK)
		e = buf_addc(to, '\n');
	return e == ERR_OK && to->n - before > DOVECOT_LINE_MAX ? ERR_FULL : e;
}
