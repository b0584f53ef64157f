#include "policy/greylist.h"

const char *
greylist_word_text(enum greylist_word word)
{
	static const char *const texts[GREYLIST_WORD_COUNT] = {
		[GREYLIST_WAIT] = "wait",
		[GREYLIST_PASS] = "pass",
		[GREYLIST_KNOWN_CLIENT] = "known",
		[GREYLIST_LATER] = "later",
	};

	return texts[word];
}

/* Is that longer ago, or in a future that a clock set back has left? */
static bool
is_over(uint64_t now_ms, uint64_t then_ms, uint64_t s)
{
	return then_ms == 0 || then_ms > now_ms || now_ms - then_ms > 1000 * s;
}

static bool
is_known(uint64_t now_ms, const struct greylist_client *c)
{
	return c->passes >= GREYLIST_KNOWN &&
	    !is_over(now_ms, c->last_ms, GREYLIST_KEEP_S);
}

static struct greylist_verdict
wait(uint64_t ms)
{
	return (struct greylist_verdict){ GREYLIST_WAIT, (ms + 999) / 1000 };
}

struct greylist_verdict
greylist_judge(uint64_t now_ms, uint64_t delay_s, struct greylist_seen *seen,
    struct greylist_client *client)
{
	uint64_t keep = seen->has_passed ? GREYLIST_KEEP_S : GREYLIST_RETRY_S;

	if (is_known(now_ms, client)) {
		client->last_ms = now_ms;
		return (struct greylist_verdict){ GREYLIST_KNOWN_CLIENT, 0 };
	}
	if (is_over(now_ms, seen->has_passed ? seen->last_ms : seen->first_ms,
	    keep)) {
		*seen = (struct greylist_seen){ now_ms, now_ms, false };
		return wait(1000 * MAX(delay_s, 1u));
	}
	if (!seen->has_passed && now_ms - seen->first_ms < 1000 * delay_s)
		return wait(1000 * delay_s - (now_ms - seen->first_ms));
	if (!seen->has_passed) {
		if (is_over(now_ms, client->last_ms, GREYLIST_KEEP_S))
			client->passes = 0;
		client->passes++;
		client->last_ms = now_ms;
	}
	seen->has_passed = true;
	seen->last_ms = now_ms;
	return (struct greylist_verdict){ GREYLIST_PASS, 0 };
}

size_t
greylist_network(struct span address, uint8_t key[GREYLIST_NETWORK_MAX])
{
	size_t n = address.n == 4 ? 3 : 8;

	if (address.n != 4 && address.n != 16)
		return 0;
	key[0] = address.n == 4 ? 4 : 6;
	memcpy(key + 1, address.p, n);
	return n + 1;
}
