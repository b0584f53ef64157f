#include "policy/check.h"

#include <stdio.h>

const char *
check_word_text(enum check_word word)
{
	static const char *const texts[CHECK_WORD_COUNT] = {
		[CHECK_WAITS] = "waits",
		[CHECK_TIMEOUT] = "timeout",
		[CHECK_LATER] = "later",
		[CHECK_PASS] = "pass",
		[CHECK_NONE] = "none",
		[CHECK_MISMATCH] = "mismatch",
		[CHECK_LISTED] = "listed",
		[CHECK_CLEAR] = "clear",
		[CHECK_ODD] = "odd",
	};

	return texts[word];
}

enum err
check_query(struct span address, struct span zone, struct buf *to)
{
	enum err e = ERR_OK;
	size_t before = to->n;

	for (size_t i = address.n; i > 0 && e == ERR_OK; i--) {
		unsigned int octet = address.p[i - 1];

		e = address.n == 4 ? buf_addf(to, "%u.", octet) :
		    buf_addf(to, "%x.%x.", octet & 15, octet >> 4);
	}
	if (e == ERR_OK)
		e = buf_add(to, zone);
	if (e == ERR_OK && to->n - before > CHECK_QUERY_MAX)
		e = ERR_FULL;
	if (e != ERR_OK)
		buf_cut(to, before);
	return e;
}

enum err
check_nobody_query(size_t octets, struct span zone, struct buf *to)
{
	static const uint8_t mapped[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1,
	};

	return check_query(octets == 4 ? span_of(mapped + 12, 4) :
	    span_of(mapped, sizeof mapped), zone, to);
}

static uint32_t
number(const uint8_t p[4])
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static bool
is_under(uint32_t a, uint32_t base, unsigned int bits)
{
	return bits == 0 || (a ^ base) >> (32 - bits) == 0;
}

#define LOOPBACK	UINT32_C(0x7f000000)	/* 127.0.0.0/8 */
#define REFUSALS	UINT32_C(0x7fffff00)	/* 127.255.255.0/24 */

static enum check_word
word_of(uint32_t reply, const uint8_t base[4], uint8_t bits)
{
	if (!is_under(reply, LOOPBACK, 8) || is_under(reply, REFUSALS, 24))
		return CHECK_ODD;
	return is_under(reply, number(base), bits) ? CHECK_LISTED :
	    CHECK_CLEAR;
}

enum check_word
check_list_word(struct span replies, const uint8_t base[4], uint8_t bits,
    char why[CHECK_WHY_MAX])
{
	/* A list that also says something odd is not to be trusted now. */
	static const enum check_word order[] = {
		CHECK_ODD, CHECK_LISTED, CHECK_CLEAR,
	};

	for (size_t k = 0; k < COUNT(order); k++)
		for (size_t i = 0; i + 4 <= replies.n; i += 4) {
			const uint8_t *p = replies.p + i;

			if (word_of(number(p), base, bits) != order[k])
				continue;
			(void)snprintf(why, CHECK_WHY_MAX, "%u.%u.%u.%u",
			    p[0], p[1], p[2], p[3]);
			return order[k];
		}
	why[0] = '\0';
	return CHECK_CLEAR;
}

struct check_sum
check_sum(const struct check *checks, size_t n)
{
	struct check_sum s = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (checks[i].word != CHECK_LISTED)
			continue;
		s.sum += checks[i].weight;
		if (s.worst == NULL || checks[i].weight > s.worst->weight)
			s.worst = &checks[i];
	}
	s.is_refused = s.sum >= CHECK_SUM_REFUSE;
	s.is_allowed = s.sum <= -CHECK_SUM_REFUSE;
	return s;
}
