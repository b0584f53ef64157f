/*
 * mailbox.c - RFC 5322 3.4, a function a rule.
 *
 * What stands before `@`, `<` or `:` is one run of words and dots; only that
 * octet tells whether it was a local part, a display name or a group's name.
 * So the run is read once, as both.
 */
#include "mail/mailbox.h"

void
mailbox_begin(struct mailbox_list *l, struct span value)
{
	*l = (struct mailbox_list){ .value = value, .why = "" };
}

static const char name_in_quotes[] = "a name with an at-sign in it must be in "
    "quotes";

static enum err
wrong(struct mailbox_list *l, const char *why)
{
	l->why = why;
	return ERR_SYNTAX;
}

/* The octet here, or -1 at the end. */
static int
peek(const struct mailbox_list *l)
{
	return l->at < l->value.n ? l->value.p[l->at] : -1;
}

static bool
take(struct mailbox_list *l, int c)
{
	if (peek(l) != c)
		return false;
	l->at++;
	return true;
}

/* RFC 5322 3.2.3, RFC 6532 3.2. */
static bool
is_atext(int c)
{
	return c >= 128 || (c > 0 && (ascii_is_alpha((uint8_t)c) ||
	    ascii_is_digit((uint8_t)c) ||
	    strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL));
}

static bool
is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 5322 3.2.2: inside of a comment, behind its parenthesis. */
static enum err
take_comment(struct mailbox_list *l)
{
	unsigned int depth = 1;

	while (depth > 0) {
		int c = peek(l);

		if (c < 0)
			return wrong(l, "a comment does not end");
		l->at++;
		if (c == '\\' && peek(l) >= 0)
			l->at++;
		else if (c == '(' && ++depth > MAILBOX_DEPTH_MAX)
			return wrong(l, "comments are nested too deep");
		else if (c == ')')
			depth--;
	}
	return ERR_OK;
}

/* [CFWS] */
static enum err
skip(struct mailbox_list *l)
{
	for (;;) {
		int c = peek(l);

		if (c == '(') {
			enum err e;

			l->at++;
			e = take_comment(l);
			if (e != ERR_OK)
				return e;
		} else if (is_space(c)) {
			l->at++;
		} else {
			return ERR_OK;
		}
	}
}

/* --- words ---------------------------------------------------------------- */

/* A run of words and dots, and what it could be. */
struct run {
	size_t	from, to;	/* in the value, without what surrounds it */
	size_t	nwords;
	bool	is_local;	/* word *("." word) so far */
	bool	is_dotted;	/* the last was a dot */
	bool	is_long;	/* too long for a local part */
};

static void
local_add(struct mailbox_list *l, struct run *r, uint8_t c)
{
	if (l->nlocal == sizeof l->local)
		r->is_long = true;
	else
		l->local[l->nlocal++] = c;
}

/* Behind the first quote.  RFC 5322 3.2.4: folding is not part of it. */
static enum err
take_quoted(struct mailbox_list *l, struct run *r)
{
	for (;;) {
		int c = peek(l);

		if (c < 0)
			return wrong(l, "a quoted string does not end");
		l->at++;
		if (c == '"')
			return ERR_OK;
		if (c == '\r' || c == '\n')
			continue;
		if (c == '\\' && peek(l) >= 0)
			c = l->value.p[l->at++];
		local_add(l, r, (uint8_t)c);
	}
}

static enum err
take_word(struct mailbox_list *l, struct run *r)
{
	enum err e = ERR_OK;

	/* Two words without a dot are a name, no local part. */
	if (r->nwords++ > 0 && !r->is_dotted)
		r->is_local = false;
	r->is_dotted = false;
	if (take(l, '"'))
		e = take_quoted(l, r);
	else
		while (is_atext(peek(l)))
			local_add(l, r, l->value.p[l->at++]);
	r->to = l->at;
	return e;
}

static void
take_dot(struct mailbox_list *l, struct run *r)
{
	if (r->is_dotted || r->nwords == 0)
		r->is_local = false;
	r->is_dotted = true;
	local_add(l, r, '.');
	r->to = ++l->at;
}

static enum err
take_run(struct mailbox_list *l, struct run *r)
{
	enum err e = skip(l);

	*r = (struct run){ .from = l->at, .to = l->at, .is_local = true };
	l->nlocal = 0;
	l->is_bare = false;
	while (e == ERR_OK) {
		int c = peek(l);

		if (c == '.')
			take_dot(l, r);
		else if (c == '"' || is_atext(c))
			e = take_word(l, r);
		else
			return ERR_OK;
		if (e == ERR_OK)
			e = skip(l);
	}
	return e;
}

/* --- an address ----------------------------------------------------------- */

static void
put(struct mailbox_list *l, uint8_t c)
{
	l->text[l->address.n++] = c;
}

/* RFC 5321 4.1.2: without quotes where it can do without. */
static void
put_local(struct mailbox_list *l)
{
	bool is_plain = l->nlocal > 0, is_dot = true;

	l->address = span_of(l->text, 0);
	for (size_t i = 0; i < l->nlocal && is_plain; i++) {
		bool was_dot = is_dot;

		is_dot = l->local[i] == '.';
		is_plain = is_dot ? !was_dot : is_atext(l->local[i]);
	}
	is_plain = is_plain && !is_dot;
	if (!is_plain)
		put(l, '"');
	for (size_t i = 0; i < l->nlocal; i++) {
		if (l->local[i] == '"' || l->local[i] == '\\')
			put(l, '\\');
		put(l, l->local[i]);
	}
	if (!is_plain)
		put(l, '"');
	put(l, '@');
}

static bool
domain_add(struct mailbox_list *l, size_t start, uint8_t c)
{
	if (l->address.n - start == MAILBOX_DOMAIN_MAX)
		return false;
	put(l, ascii_lower(c));
	return true;
}

/* dot-atom, obs-domain: spaces and comments may stand around its dots. */
static enum err
take_domain(struct mailbox_list *l)
{
	size_t start = l->address.n;
	bool is_open = false;	/* an atom stands before */

	for (;;) {
		int c = peek(l);
		enum err e;

		if (c == '.' ? !is_open : !is_atext(c) || is_open)
			return is_open ? ERR_OK :
			    wrong(l, "an address without a whole domain");
		is_open = c != '.';
		do
			if (!domain_add(l, start, l->value.p[l->at++]))
				return wrong(l, "a domain is too long");
		while (is_open && is_atext(peek(l)));
		e = skip(l);
		if (e != ERR_OK)
			return e;
	}
}

/* domain-literal: folding inside is not part of it. */
static enum err
take_literal(struct mailbox_list *l)
{
	size_t start = l->address.n;

	for (;;) {
		int c = peek(l);

		if (c < 0 || (c == '[' && l->address.n > start) || c == '\\')
			return wrong(l, "an address literal does not end");
		l->at++;
		if (is_space(c))
			continue;
		if (!domain_add(l, start, (uint8_t)c))
			return wrong(l, "a domain is too long");
		if (c == ']')
			return skip(l);
	}
}

/* Could the run be an address of this host? */
static bool
is_bare(const struct mailbox_list *l, const struct run *r)
{
	return l->takes_bare && r->nwords > 0 && r->is_local &&
	    !r->is_dotted && !r->is_long;
}

static enum err
take_bare(struct mailbox_list *l, const struct run *r)
{
	put_local(l);
	l->address.n--;			/* no at-sign */
	l->is_bare = true;
	l->bare_at = r->to;
	return ERR_OK;
}

/* Behind the run that is a local part: "@" domain. */
static enum err
take_at_domain(struct mailbox_list *l, const struct run *r)
{
	enum err e;

	if (r->nwords == 0)
		return wrong(l, "an address without a local part");
	if (!r->is_local || r->is_dotted)
		return wrong(l, name_in_quotes);
	if (r->is_long)
		return wrong(l, "a local part is too long");
	l->at++;			/* the at-sign */
	put_local(l);
	e = skip(l);
	if (e != ERR_OK)
		return e;
	return peek(l) == '[' ? take_literal(l) : take_domain(l);
}

/* obs-route: "@a,@b:"; read and dropped. */
static enum err
skip_route(struct mailbox_list *l)
{
	do {
		enum err e;

		while (take(l, ','))
			if ((e = skip(l)) != ERR_OK)
				return e;
		if (!take(l, '@'))
			return wrong(l, "a route is not whole");
		l->address = span_of(l->text, 0);
		e = skip(l);
		if (e == ERR_OK)
			e = take_domain(l);
		if (e != ERR_OK)
			return e;
	} while (peek(l) == ',');
	return take(l, ':') ? ERR_OK : wrong(l, "a route is not whole");
}

static enum err
take_angle(struct mailbox_list *l)
{
	struct run r;
	enum err e;

	l->at++;			/* the bracket */
	e = skip(l);
	if (e == ERR_OK && (peek(l) == '@' || peek(l) == ','))
		e = skip_route(l);
	if (e == ERR_OK)
		e = take_run(l, &r);
	if (e != ERR_OK)
		return e;
	if (peek(l) == '>' && is_bare(l, &r))
		e = take_bare(l, &r);
	else if (peek(l) != '@')
		e = wrong(l, "no address between < and >");
	else
		e = take_at_domain(l, &r);
	if (e != ERR_OK)
		return e;
	if (!take(l, '>'))
		return wrong(l, "a < without its >");
	return skip(l);
}

/* --- the list ------------------------------------------------------------- */

static enum err
found(struct mailbox_list *l, enum err e)
{
	int c = peek(l);

	if (e != ERR_OK)
		return e;
	if (c == '<')
		return wrong(l, name_in_quotes);
	if (c >= 0 && c != ',' && !(c == ';' && l->is_group))
		return wrong(l, "a comma is missing behind an address");
	if (l->count == MAILBOX_LIST_MAX) {
		l->why = "too many addresses";
		return ERR_FULL;
	}
	l->count++;
	l->is_in_group = l->is_group;
	l->is_after = true;
	return ERR_OK;
}

/* The end of a group, its list or ours; ERR_OK: go on. */
static enum err
separator(struct mailbox_list *l)
{
	if (peek(l) < 0) {
		l->name = l->address = span_of(NULL, 0);
		return l->is_group ? wrong(l, "a group does not end with ;") :
		    ERR_NONE;
	}
	if (take(l, ',')) {
		l->is_after = false;
		return ERR_OK;
	}
	if (!l->is_group || !take(l, ';'))
		return wrong(l, "an octet that no address holds");
	l->is_group = false;
	l->is_after = true;
	return ERR_OK;
}

static enum err
group_begin(struct mailbox_list *l, const struct run *r)
{
	if (l->is_group || r->nwords == 0)
		return wrong(l, "a colon that begins no group");
	l->at++;
	l->is_group = true;
	l->ngroups++;
	return ERR_OK;
}

/* A name without an address behind it. */
static enum err
no_address(struct mailbox_list *l, const struct run *r)
{
	int c = peek(l);
	bool is_end = c < 0 || c == ',' || c == ';';

	if (is_end && is_bare(l, r)) {
		l->name.n = 0;
		return found(l, take_bare(l, r));
	}
	if (is_end)
		l->at = r->from;
	return wrong(l, is_end ? "a name without an address" :
	    "an octet that no address holds");
}

/* One element of the list; ERR_AGAIN: it was no address, go on. */
static enum err
element(struct mailbox_list *l)
{
	struct run r;
	enum err e = take_run(l, &r);

	if (e != ERR_OK)
		return e;
	if (r.nwords == 0 && !r.is_dotted && peek(l) != '@' &&
	    peek(l) != '<' && peek(l) != ':') {
		e = separator(l);
		return e == ERR_OK ? ERR_AGAIN : e;
	}
	if (l->is_after)
		return wrong(l, "a comma is missing before an address");
	l->name = span_of(l->value.p + r.from, r.to - r.from);
	if (r.nwords == 0 && r.is_dotted)
		return wrong(l, "a name that begins with a dot");
	if (peek(l) == '<')
		return found(l, take_angle(l));
	if (peek(l) == '@') {
		l->name.n = 0;
		return found(l, take_at_domain(l, &r));
	}
	if (peek(l) != ':')
		return no_address(l, &r);
	e = group_begin(l, &r);
	return e == ERR_OK ? ERR_AGAIN : e;
}

enum err
mailbox_next(struct mailbox_list *l)
{
	enum err e;

	do
		e = element(l);
	while (e == ERR_AGAIN);
	return e;
}
