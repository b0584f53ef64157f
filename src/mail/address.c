/*
 * address.c - RFC 5321 4.1.2 and 4.1.3, rule by rule, each a function that
 * takes what it knows off the front.
 */
#include "mail/address.h"

#include "base/utf8.h"

/* RFC 6531 3.3: UTF8-non-ascii.  Octets of the point at `at`, or 0. */
static size_t
utf8_at(struct span in, size_t at)
{
	uint32_t point;
	size_t n;

	if (in.p[at] < 0x80)
		return 0;
	n = utf8_take(span_skip(in, at), &point);
	return n > 0 && !utf8_is_hidden(point) ? n : 0;
}

/* RFC 5322 3.2.3: atext. */
static bool
is_atext(uint8_t c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	    (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_let_dig(uint8_t c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* Dot-string = Atom *("." Atom) */
static bool
take_dot_string(struct span *in, struct span *local)
{
	size_t n = 0, more;
	bool is_atom_open = false;

	for (; n < in->n; n += more) {
		more = utf8_at(*in, n);
		if (in->p[n] == '.' && is_atom_open)
			is_atom_open = false;
		else if (more > 0 || is_atext(in->p[n]))
			is_atom_open = true;
		else
			break;
		more = MAX(more, (size_t)1);
	}
	if (!is_atom_open)
		return false;
	*local = span_take(in, n);
	return true;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE; a pair escapes %d32-126. */
static bool
take_quoted(struct span *in, struct span *local)
{
	for (size_t n = 1; n < in->n; n++) {
		size_t more = utf8_at(*in, n);

		if (more > 0) {
			n += more - 1;
			continue;
		}
		if (in->p[n] < 32 || in->p[n] > 126)
			return false;
		if (in->p[n] == '"') {
			*local = span_take(in, n + 1);
			return true;
		}
		if (in->p[n] == '\\' &&
		    (++n == in->n || in->p[n] < 32 || in->p[n] > 126))
			return false;
	}
	return false;
}

/* A label of U-labels' letters is measured when DNS is asked for it. */
static size_t
take_label(struct span in, size_t at)
{
	bool is_ascii = true;
	size_t n = at, more;

	for (; n < in.n; n += more) {
		more = utf8_at(in, n);
		is_ascii = is_ascii && more == 0;
		if (more == 0 && !is_let_dig(in.p[n]) &&
		    (in.p[n] != '-' || n == at))
			break;
		more = MAX(more, (size_t)1);
	}
	if (n == at || in.p[n - 1] == '-' ||
	    (is_ascii && n - at > ADDR_LABEL_MAX))
		return 0;
	return n - at;
}

/*
 * Domain = sub-domain *("." sub-domain); labels as RFC 1035 2.3.4 bounds.  RFC
 * 6531 3.3: a sub-domain may be a U-label.
 */
static bool
take_domain(struct span *in, struct span *domain)
{
	size_t n = 0, label;

	for (;;) {
		label = take_label(*in, n);
		if (label == 0)
			return false;
		n += label;
		if (n == in->n || in->p[n] != '.')
			break;
		n++;
	}
	if (n > ADDR_DOMAIN_MAX)
		return false;
	*domain = span_take(in, n);
	return true;
}

/* Snum = 1*3DIGIT, 0 to 255; four of them. */
static bool
is_ipv4(struct span s)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct span part = span_take(&s, span_find(s, '.'));
		uint64_t v;

		if (part.n == 0 || part.n > 3 || span_u64(part, 255, &v) != ERR_OK)
			return false;
		if (i < 3 && span_take(&s, 1).n == 0)
			return false;
	}
	return s.n == 0;
}

static bool
is_hex_group(struct span s)
{
	if (s.n == 0 || s.n > 4)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]) &&
		    (ascii_lower(s.p[i]) < 'a' || ascii_lower(s.p[i]) > 'f'))
			return false;
	return true;
}

/*
 * Groups between single colons, how many in *n: IPv6-hex, or with an IPv4
 * address as the last one, which counts for two.
 */
static bool
count_groups(struct span s, bool may_end_v4, unsigned int *n)
{
	*n = 0;
	while (s.n > 0) {
		struct span group = span_take(&s, span_find(s, ':'));
		bool is_last = s.n == 0;

		if (is_last && may_end_v4 && is_ipv4(group)) {
			*n += 2;
			return true;
		}
		if (!is_hex_group(group) || ++*n > 8)
			return false;
		if (!is_last && (span_take(&s, 1), s.n == 0))
			return false;
	}
	return true;
}

/* RFC 5321 4.1.3: "::" stands for at least two groups. */
static bool
is_ipv6(struct span s)
{
	size_t gap = span_find_span(s, SPAN("::"));
	unsigned int before, after;

	if (gap == s.n)
		return count_groups(s, true, &before) && before == 8;
	return count_groups(span_of(s.p, gap), false, &before) &&
	    count_groups(span_skip(s, gap + 2), true, &after) &&
	    before + after <= 6;
}

bool
addr_is_literal(struct span s)
{
	struct span inside;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	inside = span_of(s.p + 1, s.n - 2);
	if (span_starts_nocase(inside, SPAN("IPv6:")))
		return is_ipv6(span_skip(inside, 5));
	return is_ipv4(inside);
}

bool
addr_is_domain(struct span s)
{
	struct span domain;

	return take_domain(&s, &domain) && s.n == 0;
}

static bool
take_literal(struct span *in, struct span *domain)
{
	size_t n = span_find(*in, ']');

	if (n == in->n || n >= ADDR_DOMAIN_MAX ||
	    !addr_is_literal(span_of(in->p, n + 1)))
		return false;
	*domain = span_take(in, n + 1);
	return true;
}

static bool
take_mailbox(struct span *in, struct addr *a)
{
	struct addr got = { .kind = ADDR_MAILBOX };
	const uint8_t *start = in->p;
	bool is_good;

	got.is_quoted = in->n > 0 && in->p[0] == '"';
	is_good = got.is_quoted ? take_quoted(in, &got.local) :
	    take_dot_string(in, &got.local);
	if (!is_good || got.local.n > ADDR_LOCAL_MAX || in->n < 2 ||
	    in->p[0] != '@')
		return false;
	(void)span_take(in, 1);
	got.is_literal = in->p[0] == '[';
	is_good = got.is_literal ? take_literal(in, &got.domain) :
	    take_domain(in, &got.domain);
	got.text = span_of(start, got.local.n + 1 + got.domain.n);
	if (!is_good || got.text.n > ADDR_MAX)
		return false;
	for (size_t i = 0; i < got.text.n; i++)
		got.is_utf8 = got.is_utf8 || got.text.p[i] >= 0x80;
	*a = got;
	return true;
}

enum err
addr_parse(struct span text, struct addr *a)
{
	struct addr got;

	if (!take_mailbox(&text, &got) || text.n > 0)
		return ERR_SYNTAX;
	*a = got;
	return ERR_OK;
}

/* A-d-l = At-domain *( "," At-domain ), then ":". */
static bool
take_route(struct span *in)
{
	struct span domain;

	do {
		if (in->n < 2 || in->p[0] != '@')
			return false;
		(void)span_take(in, 1);
		if (!take_domain(in, &domain) || in->n == 0)
			return false;
	} while (span_take(in, 1).p[0] == ',');
	return in->p[-1] == ':';
}

static enum err
parse_path(struct span *in, enum addr_kind bare, struct addr *a)
{
	struct span rest = *in, postmaster = SPAN("<Postmaster>");
	struct addr got = { .kind = bare };

	if (bare == ADDR_NULL && span_starts(rest, SPAN("<>"))) {
		got.text = span_of(rest.p + 1, 0);
		*in = span_skip(rest, 2);
		*a = got;
		return ERR_OK;
	}
	if (bare == ADDR_POSTMASTER && span_starts_nocase(rest, postmaster)) {
		got.text = got.local = span_of(rest.p + 1, postmaster.n - 2);
		*in = span_skip(rest, postmaster.n);
		*a = got;
		return ERR_OK;
	}
	if (rest.n < 2 || span_take(&rest, 1).p[0] != '<')
		return ERR_SYNTAX;
	if (rest.p[0] == '@' && !take_route(&rest))
		return ERR_SYNTAX;
	if (!take_mailbox(&rest, &got) || rest.n == 0 || rest.p[0] != '>')
		return ERR_SYNTAX;
	*in = span_skip(rest, 1);
	*a = got;
	return ERR_OK;
}

enum err
addr_parse_reverse(struct span *in, struct addr *a)
{
	return parse_path(in, ADDR_NULL, a);
}

enum err
addr_parse_forward(struct span *in, struct addr *a)
{
	return parse_path(in, ADDR_POSTMASTER, a);
}

/* The next octet of a local part without its quoting; false at the end. */
static bool
local_next(struct span *s, bool is_quoted, uint8_t *c)
{
	if (is_quoted && s->n > 0 && s->p[0] == '\\')
		(void)span_take(s, 1);
	if (s->n == 0)
		return false;
	*c = span_take(s, 1).p[0];
	return true;
}

static struct span
local_inside(const struct addr *a)
{
	return a->is_quoted ? span_of(a->local.p + 1, a->local.n - 2) : a->local;
}

bool
addr_split(struct span text, struct span *local, struct span *domain)
{
	size_t at = span_rfind(text, '@');

	*local = span_of(text.p, at);
	*domain = span_skip(text, MIN(at + 1, text.n));
	return at < text.n;
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	struct span la, lb;
	uint8_t ca = 0, cb = 0;
	bool is_a, is_b;

	if (a->kind != b->kind)
		return false;
	if (a->kind != ADDR_MAILBOX)
		return true;
	la = local_inside(a);
	lb = local_inside(b);
	do {
		is_a = local_next(&la, a->is_quoted, &ca);
		is_b = local_next(&lb, b->is_quoted, &cb);
		if (is_a != is_b || (is_a && ca != cb))
			return false;
	} while (is_a);
	return span_eq_nocase(a->domain, b->domain);
}

enum err
addr_canonical(const struct addr *a, struct buf *to)
{
	size_t before = to->n;
	enum err e = buf_add(to, a->text);

	if (e != ERR_OK || a->kind != ADDR_MAILBOX)
		return e;
	for (size_t i = before + a->local.n; i < to->n; i++)
		to->p[i] = ascii_lower(to->p[i]);
	return ERR_OK;
}

static enum err
quote(struct span local, struct buf *to)
{
	enum err e = buf_addc(to, '"');

	for (size_t i = 0; e == ERR_OK && i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			e = buf_addc(to, '\\');
		if (e == ERR_OK)
			e = buf_addc(to, local.p[i]);
	}
	return e != ERR_OK ? e : buf_addc(to, '"');
}

enum err
addr_join(struct span local, struct span domain, struct buf *to)
{
	size_t before = to->n;
	struct span rest = local, taken;
	enum err e;

	if (take_dot_string(&rest, &taken) && rest.n == 0)
		e = buf_add(to, local);
	else
		e = quote(local, to);
	if (e == ERR_OK)
		e = buf_addc(to, '@');
	if (e == ERR_OK)
		e = buf_add(to, domain);
	if (e != ERR_OK)
		buf_cut(to, before);
	return e;
}
