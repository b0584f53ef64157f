/*
 * smtp_param.c - parameters of MAIL and RCPT, a row each.
 *
 * RFC 5321 4.1.2: esmtp-keyword ["=" esmtp-value].  A reader gets the value,
 * which is not empty where the row wants one, and says whether it is good.
 */
#include "mail/date.h"
#include "mail/envelope.h"
#include "mail/xtext.h"
#include "proto/smtp_command.h"

/* Words of a value, as rows. */
struct word {
	const char	*text;
	unsigned int	 value;
};

static bool
find_word(const struct word *rows, size_t n, struct span v,
    unsigned int *value)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq_nocase(v, span_str(rows[i].text))) {
			*value = rows[i].value;
			return true;
		}
	return false;
}

static bool
read_size(struct span v, struct smtp_params *p)
{
	/* RFC 1870 section 3: 1 to 20 digits, some of them too large for us. */
	enum err e = span_u64(v, UINT64_MAX, &p->size);

	if (e == ERR_FULL)
		p->size = UINT64_MAX;
	return e == ERR_OK || e == ERR_FULL;
}

static bool
read_body(struct span v, struct smtp_params *p)
{
	static const struct word words[] = {
		{ "7BIT", SMTP_BODY_7BIT },
		{ "8BITMIME", SMTP_BODY_8BIT },
		{ "BINARYMIME", SMTP_BODY_BINARY },
	};
	unsigned int value;

	if (!find_word(words, COUNT(words), v, &value))
		return false;
	p->body = (enum smtp_body)value;
	return true;
}

static bool
read_auth(struct span v, struct smtp_params *p)
{
	uint8_t text[ADDR_MAX];
	struct addr a;
	size_t n;

	p->auth = v;
	if (span_eq(v, SPAN("<>")))
		return true;
	/* RFC 4954 section 5: a mailbox, in xtext. */
	return xtext_is(v) &&
	    xtext_decode(v, text, sizeof text, &n) &&
	    addr_parse(span_of(text, n), &a) == ERR_OK;
}

static bool
read_flag(struct span v, struct smtp_params *p)
{
	(void)p;
	return v.n == 0;
}

static bool
read_ret(struct span v, struct smtp_params *p)
{
	static const struct word words[] = {
		{ "FULL", SMTP_RET_FULL },
		{ "HDRS", SMTP_RET_HEADERS },
	};
	unsigned int value;

	if (!find_word(words, COUNT(words), v, &value))
		return false;
	p->ret = (enum smtp_ret)value;
	return true;
}

static bool
read_envid(struct span v, struct smtp_params *p)
{
	p->envid = v;
	return v.n <= ENVELOPE_ENVID_MAX && xtext_is(v);
}

/* A number with a sign perhaps, of 1 to `digits` digits. */
static bool
take_signed(struct span *in, size_t digits, int32_t *value)
{
	bool is_negative = in->n > 0 && in->p[0] == '-';
	struct span number;
	uint64_t v;
	size_t n = 0;

	if (is_negative || (in->n > 0 && in->p[0] == '+'))
		(void)span_take(in, 1);
	while (n < in->n && ascii_is_digit(in->p[n]))
		n++;
	number = span_take(in, n);
	if (n > digits || span_u64(number, INT32_MAX, &v) != ERR_OK)
		return false;
	*value = is_negative ? -(int32_t)v : (int32_t)v;
	return true;
}

/* RFC 2852 section 4: by-time ";" by-mode [by-trace]. */
static bool
read_by(struct span v, struct smtp_params *p)
{
	if (!take_signed(&v, 9, &p->by_s) || v.n < 2 || v.n > 3 ||
	    v.p[0] != ';')
		return false;
	p->is_by_return = ascii_lower(v.p[1]) == 'r';
	p->is_by_trace = v.n == 3;
	if (!p->is_by_return && ascii_lower(v.p[1]) != 'n')
		return false;
	if (v.n == 3 && ascii_lower(v.p[2]) != 't')
		return false;
	/* Mail that is to be returned already has not to be sent. */
	return p->by_s > 0 || !p->is_by_return;
}

static bool
read_hold_for(struct span v, struct smtp_params *p)
{
	/* RFC 4865 section 3: 1 to 9 digits, the first of them no zero. */
	return v.n > 0 && v.n <= 9 && v.p[0] != '0' && span_u64(v, UINT64_MAX, &p->hold_for_s) == ERR_OK &&
	    (p->said & SMTP_SAID(SMTP_PARAM_HOLDUNTIL)) == 0;
}

static bool
read_hold_until(struct span v, struct smtp_params *p)
{
	return date_parse_utc(v, &p->hold_until_ms) == ERR_OK &&
	    (p->said & SMTP_SAID(SMTP_PARAM_HOLDFOR)) == 0;
}

static bool
read_priority(struct span v, struct smtp_params *p)
{
	int32_t value;

	/* RFC 6710 section 7: one digit, or a minus and one that is no zero. */
	if (v.n == 0 || v.p[0] == '+' || span_eq(v, SPAN("-0")) ||
	    !take_signed(&v, 1, &value) || v.n > 0)
		return false;
	p->priority = (int8_t)value;
	return true;
}

static bool
read_notify(struct span v, struct smtp_params *p)
{
	static const struct word words[] = {
		{ "NEVER", ENVELOPE_NEVER },
		{ "SUCCESS", ENVELOPE_SUCCESS },
		{ "FAILURE", ENVELOPE_FAILURE },
		{ "DELAY", ENVELOPE_DELAY },
	};
	bool is_last;
	unsigned int value;

	do {
		struct span word = span_take(&v, span_find(v, ','));

		is_last = span_take(&v, 1).n == 0;
		if (!find_word(words, COUNT(words), word, &value) ||
		    (p->notify & value) != 0)
			return false;
		p->notify |= (uint8_t)value;
	} while (!is_last);
	/* RFC 3461 4.1: NEVER stands alone. */
	return (p->notify & ENVELOPE_NEVER) == 0 ||
	    p->notify == ENVELOPE_NEVER;
}

static bool
is_addr_type(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
		    s.p[i] != '-')
			return false;
	return s.n > 0;
}

static bool
read_orcpt(struct span v, struct smtp_params *p)
{
	struct span rest = v, type = span_take(&rest, span_find(rest, ';'));
	/* RFC 6533 section 3: raw UTF-8 only in the type made for it. */
	bool is_utf8 = span_eq_nocase(type, SPAN("utf-8"));

	p->orcpt = v;
	return v.n <= ENVELOPE_ORCPT_MAX && is_addr_type(type) && rest.n > 1 &&
	    xtext_is_utf8(span_skip(rest, 1), is_utf8, &p->has_utf8);
}

static const struct {
	const char	*name;
	enum smtp_verb	 verb;
	bool		 has_value;
	bool		(*read)(struct span value, struct smtp_params *p);
} params[SMTP_PARAM_COUNT] = {
	[SMTP_PARAM_SIZE] = { "SIZE", VERB_MAIL, true, read_size },
	[SMTP_PARAM_BODY] = { "BODY", VERB_MAIL, true, read_body },
	[SMTP_PARAM_AUTH] = { "AUTH", VERB_MAIL, true, read_auth },
	[SMTP_PARAM_SMTPUTF8] = { "SMTPUTF8", VERB_MAIL, false, read_flag },
	[SMTP_PARAM_REQUIRETLS] = { "REQUIRETLS", VERB_MAIL, false, read_flag },
	[SMTP_PARAM_RET] = { "RET", VERB_MAIL, true, read_ret },
	[SMTP_PARAM_ENVID] = { "ENVID", VERB_MAIL, true, read_envid },
	[SMTP_PARAM_BY] = { "BY", VERB_MAIL, true, read_by },
	[SMTP_PARAM_HOLDFOR] = { "HOLDFOR", VERB_MAIL, true, read_hold_for },
	[SMTP_PARAM_HOLDUNTIL] = { "HOLDUNTIL", VERB_MAIL, true,
		read_hold_until },
	[SMTP_PARAM_PRIORITY] = { "MT-PRIORITY", VERB_MAIL, true,
		read_priority },
	[SMTP_PARAM_PRDR] = { "PRDR", VERB_MAIL, false, read_flag },
	[SMTP_PARAM_NOTIFY] = { "NOTIFY", VERB_RCPT, true, read_notify },
	[SMTP_PARAM_ORCPT] = { "ORCPT", VERB_RCPT, true, read_orcpt },
};

static enum smtp_reply
read_param(struct span word, enum smtp_verb verb, struct smtp_params *p)
{
	struct span name = span_take(&word, span_find(word, '='));

	for (unsigned int i = 0; i < COUNT(params); i++) {
		if (params[i].verb != verb ||
		    !span_eq_nocase(name, span_str(params[i].name)))
			continue;
		if ((p->said & SMTP_SAID(i)) != 0 ||
		    (word.n > 0) != params[i].has_value ||
		    (word.n < 2 && params[i].has_value) ||
		    !params[i].read(span_skip(word, 1), p))
			return RE_PARAM_VALUE;
		p->said |= SMTP_SAID(i);
		return RE_NONE;
	}
	return RE_BAD_PARAM;
}

enum smtp_reply
smtp_params_parse(struct span in, enum smtp_verb verb, struct smtp_params *p)
{
	if (in.n > 0 && in.p[0] != ' ')
		return RE_PARAM_VALUE;
	for (in = span_trim(in); in.n > 0; in = span_trim(in)) {
		struct span word = span_take(&in, span_find(in, ' '));
		enum smtp_reply re = read_param(word, verb, p);

		if (re != RE_NONE)
			return re;
	}
	return RE_NONE;
}
