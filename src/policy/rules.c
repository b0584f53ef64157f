/*
 * rules.c - conditions, and the order in which rules are asked.
 *
 * A condition has one of four answers.  "Absent" is about something that the
 * session does not have: its rule does not match, negated or not.  "Doubt" is a
 * file that could not be asked: only when nothing else says no it counts.
 */
#include "policy/rules.h"

#include "mail/address.h"
#include "mail/idn.h"

#define MAPPED_BITS	96u

static const struct span null_path = { (const uint8_t *)"<>", 2 };

/* --- networks --- */

struct rules_address
rules_address_make(struct span octets)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = { [10] = 0xff,
		[11] = 0xff };
	struct rules_address a = { 0 };

	if (octets.n == 16 && memcmp(octets.p, mapped, sizeof mapped) == 0)
		octets = span_skip(octets, sizeof mapped);
	if (octets.n != 4 && octets.n != 16)
		return a;
	a.n = (uint8_t)octets.n;
	memcpy(a.octets, octets.p, octets.n);
	return a;
}

static bool
network_holds(const struct rules_network *n, const struct rules_address *a)
{
	size_t whole = MIN((size_t)n->bits / 8, (size_t)a->n);
	unsigned int rest = n->bits % 8u;

	if (n->base.n != a->n || memcmp(n->base.octets, a->octets, whole) != 0)
		return false;
	return whole == a->n || rest == 0 ||
	    (n->base.octets[whole] ^ a->octets[whole]) >> (8u - rest) == 0;
}

/* --- patterns --- */

static bool
same(uint8_t pattern, uint8_t c)
{
	return pattern == '?' || ascii_lower(pattern) == ascii_lower(c);
}

/*
 * What stands between two stars goes to its first place that fits: a later one
 * could never help (PRS-8), so only the last star is ever returned to.
 */
bool
rules_glob(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.n && same(pattern.p[p], text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* ".example.org" is what lies below it; else the same, or a glob. */
static bool
name_fits(struct span pattern, struct span name)
{
	if (pattern.n > 1 && pattern.p[0] == '.')
		return name.n > pattern.n && span_ends_nocase(name, pattern);
	return rules_glob(pattern, name);
}

static bool
address_fits(struct span pattern, struct span address)
{
	struct span local, domain, at = SPAN("@");

	if (!span_starts(pattern, at))
		return rules_glob(pattern, address);
	return addr_split(address, &local, &domain) &&
	    name_fits(span_skip(pattern, at.n), domain);
}

/* --- conditions --- */

static enum rules_answer
yes_if(bool holds)
{
	return holds ? RULES_YES : RULES_NO;
}

static enum rules_answer
any_pattern(const struct rules_condition *c, struct span text,
    bool (*fits)(struct span pattern, struct span text))
{
	for (size_t i = 0; i < c->npatterns; i++)
		if (fits(c->patterns[i], text))
			return RULES_YES;
	return RULES_NO;
}

/* What the files add to an answer that is no yet. */
static enum rules_answer
or_lists(enum rules_answer a, const struct rules_condition *c,
    const struct rules_facts *f)
{
	if (a == RULES_YES || (c->lists & f->lists_yes) != 0)
		return RULES_YES;
	return (c->lists & ~f->lists_known) != 0 ? RULES_IN_DOUBT : a;
}

static enum rules_answer
ask_listener(const struct rules_condition *c, const struct rules_facts *f)
{
	return yes_if((c->values >> f->listener & 1) != 0);
}

static enum rules_answer
ask_client(const struct rules_condition *c, const struct rules_facts *f)
{
	if (f->client.n == 0)
		return RULES_ABSENT;
	for (size_t i = 0; i < c->nnetworks; i++)
		if (network_holds(&c->networks[i], &f->client))
			return RULES_YES;
	return or_lists(RULES_NO, c, f);
}

static enum rules_answer
ask_helo(const struct rules_condition *c, const struct rules_facts *f)
{
	return or_lists(any_pattern(c, f->helo, name_fits), c, f);
}

static enum rules_answer
ask_sender(const struct rules_condition *c, const struct rules_facts *f)
{
	return or_lists(any_pattern(c, f->sender, address_fits), c, f);
}

static enum rules_answer
ask_recipient(const struct rules_condition *c, const struct rules_facts *f)
{
	return or_lists(any_pattern(c, f->recipient, address_fits), c, f);
}

static enum rules_answer
ask_user(const struct rules_condition *c, const struct rules_facts *f)
{
	if (f->user.n == 0)
		return yes_if((c->values & RULES_USER_NONE) != 0);
	if ((c->values & RULES_USER_ANY) != 0)
		return RULES_YES;
	return or_lists(any_pattern(c, f->user, rules_glob), c, f);
}

static enum rules_answer
ask_tls(const struct rules_condition *c, const struct rules_facts *f)
{
	return yes_if((c->values >> f->tls & 1) != 0);
}

static enum rules_answer
ask_size(const struct rules_condition *c, const struct rules_facts *f)
{
	return yes_if(f->size >= c->low && f->size <= c->high);
}

static enum rules_answer
ask_header(const struct rules_condition *c, const struct rules_facts *f)
{
	return yes_if((f->headers >> c->bit & 1) != 0);
}

/* No result, or none yet, says nothing. */
static enum rules_answer
ask_named(const struct rules_condition *c, const struct rules_facts *f)
{
	for (size_t i = 0; i < f->nchecks; i++) {
		const struct check *k = &f->checks[i];

		if (k->word != CHECK_WAITS && span_eq_nocase(c->patterns[0],
		    span_str(k->name)))
			return yes_if((c->values >> k->word & 1) != 0);
	}
	return RULES_ABSENT;
}

static enum rules_answer
ask_check(const struct rules_condition *c, const struct rules_facts *f)
{
	if (c->npatterns > 0)
		return ask_named(c, f);
	return f->routes == 0 ? RULES_ABSENT : yes_if((c->values & f->routes) != 0);
}

static enum rules_answer
ask_tag(const struct rules_condition *c, const struct rules_facts *f)
{
	return yes_if((c->values & f->tags) != 0);
}

static enum rules_answer (*const ask[RULES_FACT_COUNT])(
    const struct rules_condition *, const struct rules_facts *) = {
	[RULES_LISTENER] = ask_listener,
	[RULES_CLIENT] = ask_client,
	[RULES_HELO_NAME] = ask_helo,
	[RULES_SENDER] = ask_sender,
	[RULES_RECIPIENT] = ask_recipient,
	[RULES_USER] = ask_user,
	[RULES_TLS] = ask_tls,
	[RULES_SIZE] = ask_size,
	[RULES_HEADER] = ask_header,
	[RULES_CHECK] = ask_check,
	[RULES_TAG] = ask_tag,
};

static bool
is_of_recipient(const struct rules_condition *c)
{
	return c->fact == RULES_RECIPIENT ||
	    (c->fact == RULES_CHECK && c->npatterns == 0);
}

/* In the content stage: was it so for one of the recipients? */
static enum rules_answer
ask_kept(const struct rules_condition *c, uint64_t yes, uint64_t doubt)
{
	if ((yes >> c->bit & 1) != 0)
		return RULES_YES;
	return (doubt >> c->bit & 1) != 0 ? RULES_IN_DOUBT : RULES_NO;
}

static enum rules_answer
turned(const struct rules_condition *c, enum rules_answer a)
{
	if (!c->is_not || (a != RULES_YES && a != RULES_NO))
		return a;
	return a == RULES_YES ? RULES_NO : RULES_YES;
}

enum rules_answer
rules_ask(const struct rules_condition *c, enum rules_stage stage,
    const struct rules_facts *f)
{
	bool is_kept = stage == RULES_CONTENT && is_of_recipient(c);

	return turned(c, is_kept ? ask_kept(c, f->rcpts_yes, f->rcpts_doubt) :
	    ask[c->fact](c, f));
}

static enum rules_answer
matches(const struct rules_rule *r, enum rules_stage stage,
    const struct rules_facts *f)
{
	/* A route is for each recipient by itself: rules_fits(). */
	bool is_each = stage == RULES_CONTENT && r->action == RULES_VIA;
	enum rules_answer all = RULES_YES;

	for (size_t i = 0; i < r->nconditions; i++) {
		const struct rules_condition *c = &r->conditions[i];
		enum rules_answer a = is_each && is_of_recipient(c) ?
		    RULES_YES : rules_ask(c, stage, f);

		if (a == RULES_NO || a == RULES_ABSENT)
			return RULES_NO;
		if (a == RULES_IN_DOUBT)
			all = RULES_IN_DOUBT;
	}
	return all;
}

/* --- rules --- */

bool
rules_next(const struct rules *r, enum rules_stage stage,
    const struct rules_facts *f, size_t *at, struct rules_verdict *v)
{
	while (*at < r->n) {
		const struct rules_rule *rule = &r->rules[(*at)++];
		enum rules_answer a;

		if ((rule->stages >> stage & 1) == 0)
			continue;
		a = matches(rule, stage, f);
		if (a == RULES_NO)
			continue;
		v->rule = rule;
		v->action = a == RULES_IN_DOUBT ? RULES_DOUBT : rule->action;
		v->is_final = v->action != RULES_ADD_TAG &&
		    v->action != RULES_COPY && v->action != RULES_VIA;
		return true;
	}
	return false;
}

bool
rules_has_stage(const struct rules *r, enum rules_stage stage)
{
	for (size_t i = 0; i < r->n; i++)
		if ((r->rules[i].stages >> stage & 1) != 0)
			return true;
	return false;
}

/* Each condition of each rule of that stage, or of any. */
struct walk {
	size_t	rule, condition;
};
#define ANY_STAGE	((1u << RULES_STAGE_COUNT) - 1)

static const struct rules_condition *
walk_next(const struct rules *r, unsigned int stages, struct walk *w)
{
	for (; w->rule < r->n; w->rule++, w->condition = 0) {
		const struct rules_rule *rule = &r->rules[w->rule];

		if ((rule->stages & stages) != 0 &&
		    w->condition < rule->nconditions)
			return &rule->conditions[w->condition++];
	}
	return NULL;
}

uint64_t
rules_lists(const struct rules *r, enum rules_fact fact)
{
	const struct rules_condition *c;
	struct walk w = { 0 };
	uint64_t lists = 0;

	while ((c = walk_next(r, ANY_STAGE, &w)) != NULL)
		if (c->fact == fact)
			lists |= c->lists;
	return lists;
}

struct rules_recipient
rules_keep_recipient(const struct rules *r, struct rules_facts *f)
{
	const struct rules_condition *c;
	struct rules_recipient one = { 0 };
	struct walk w = { 0 };

	while ((c = walk_next(r, 1u << RULES_CONTENT, &w)) != NULL) {
		enum rules_answer a;

		if (!is_of_recipient(c))
			continue;
		a = ask[c->fact](c, f);
		if (a == RULES_YES)
			one.yes |= UINT64_C(1) << c->bit;
		else if (a == RULES_IN_DOUBT)
			one.doubt |= UINT64_C(1) << c->bit;
	}
	f->rcpts_yes |= one.yes;
	f->rcpts_doubt |= one.doubt;
	return one;
}

enum rules_answer
rules_fits(const struct rules_rule *rule, const struct rules_recipient *one)
{
	enum rules_answer all = RULES_YES;

	for (size_t i = 0; i < rule->nconditions; i++) {
		const struct rules_condition *c = &rule->conditions[i];
		enum rules_answer a = RULES_YES;

		if (is_of_recipient(c))
			a = turned(c, ask_kept(c, one->yes, one->doubt));
		if (a == RULES_NO)
			return RULES_NO;
		if (a == RULES_IN_DOUBT)
			all = a;
	}
	return all;
}

/* The name is the first pattern, the values are behind it. */
static bool
is_header(const struct rules_condition *c, struct span name)
{
	return c->fact == RULES_HEADER &&
	    span_eq_nocase(c->patterns[0], name);
}

void
rules_keep_header(const struct rules *r, struct rules_facts *f,
    struct span name, struct span value)
{
	const struct rules_condition *c;
	struct walk w = { 0 };

	while ((c = walk_next(r, ANY_STAGE, &w)) != NULL)
		for (size_t i = 1; is_header(c, name) && i < c->npatterns; i++)
			if (rules_glob(c->patterns[i], value))
				f->headers |= UINT64_C(1) << c->bit;
}

bool
rules_has_header(const struct rules *r, struct span name)
{
	const struct rules_condition *c;
	struct walk w = { 0 };

	while ((c = walk_next(r, ANY_STAGE, &w)) != NULL)
		if (is_header(c, name))
			return true;
	return false;
}

/* --- subjects --- */

static size_t
add(uint8_t *room, size_t n, uint8_t c)
{
	if (n < RULES_SUBJECT_MAX)
		room[n++] = ascii_lower(c);
	return n;
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > 127)
			return false;
	return true;
}

/* In A-labels, behind the n octets that are there. */
static enum err
add_domain(uint8_t *room, size_t *n, struct span domain)
{
	struct buf ascii = buf_make(4 * RULES_SUBJECT_MAX);
	enum err e = ERR_OK;

	if (!is_ascii(domain)) {
		e = idn_entry(domain, &ascii);
		domain = buf_span(&ascii);
	}
	for (size_t i = 0; e == ERR_OK && i < domain.n; i++)
		*n = add(room, *n, domain.p[i]);
	buf_free(&ascii);
	return e;
}

enum err
rules_subject(struct span address, uint8_t room[RULES_SUBJECT_MAX],
    struct span *subject)
{
	struct addr a;
	struct span local;
	size_t n = 0;
	enum err e;

	*subject = null_path;
	if (address.n == 0)
		return ERR_OK;
	if (addr_parse(address, &a) != ERR_OK)
		a = (struct addr){ .local = address };
	local = a.local;
	if (a.is_quoted)
		local = span_of(local.p + 1, local.n - 2);
	for (size_t i = 0; i < local.n; i++) {
		if (a.is_quoted && local.p[i] == '\\' && i + 1 < local.n)
			i++;
		n = add(room, n, local.p[i]);
	}
	if (a.domain.n > 0)
		n = add(room, n, SPAN("@").p[0]);
	e = add_domain(room, &n, a.domain);
	*subject = span_of(room, n);
	return e;
}
