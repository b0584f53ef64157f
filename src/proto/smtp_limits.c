#include "proto/smtp_limits.h"

static const struct {
	struct span	name;
	size_t		offset;
} rows[] = {
	{ SPAN("MAILMAX"), offsetof(struct smtp_limits, mails) },
	{ SPAN("RCPTMAX"), offsetof(struct smtp_limits, rcpts) },
	{ SPAN("RCPTDOMAINMAX"), offsetof(struct smtp_limits, domains) },
};

/* A digit that is not 0, and at most five more; else 0. */
static uint32_t
number(struct span s)
{
	uint64_t n;

	if (s.n == 0 || s.p[0] == '0' ||
	    span_u64(s, SMTP_LIMIT_MAX, &n) != ERR_OK)
		return 0;
	return (uint32_t)n;
}

static void
take(struct smtp_limits *l, struct span name, struct span value)
{
	uint32_t n = number(value);

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t *at = (uint32_t *)(void *)((uint8_t *)l +
		    rows[i].offset);

		if (n > 0 && span_eq_nocase(name, rows[i].name))
			*at = *at == 0 ? n : MIN(*at, n);
	}
}

struct smtp_limits
smtp_limits_parse(struct span value)
{
	struct smtp_limits l = { 0 };

	while (value.n > 0) {
		struct span word = span_take(&value, span_find(value, ' '));
		struct span name = span_take(&word, span_find(word, '='));

		value = span_skip(value, 1);
		take(&l, name, span_skip(word, 1));
	}
	return l;
}
