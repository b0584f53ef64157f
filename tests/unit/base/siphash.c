/*
 * siphash against answers that others computed.
 */
#include "check.h"

#include "base/siphash.h"

/*
 * The appendix of "SipHash: a fast short-input PRF" (2012): key 00 01 .. 0f,
 * input 00 01 .. 0e, SipHash-2-4.
 */
static void
test_published_vector(void **state)
{
	(void)state;
	uint8_t octets[16];
	struct siphash_key key;

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)i;
	key = siphash_key_make(octets);
	CHECK(siphash_rounds(&key, span_of(octets, 15), 2, 4) ==
		UINT64_C(0xa129ca6149be45e5),
	    "2-4");
}

/* CPython 3.11's hash() of the same octets with PYTHONHASHSEED=0: key zero. */
static void
test_one_three(void **state)
{
	(void)state;
	static const struct {
		size_t		n;	/* octets 00 01 02 .. */
		uint64_t	hash;
	} cases[] = {
		{ 1, UINT64_C(0x68a914128e01e473) },
		{ 8, UINT64_C(0xead411e67ebe2eea) },
		{ 15, UINT64_C(0xf30eb725bb91c9ea) },
		{ 63, UINT64_C(0x385d3e39e5f37359) },
	};
	struct siphash_key key = { 0, 0 };
	uint8_t octets[64];

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK(siphash(&key, span_of(octets, cases[i].n)) ==
			cases[i].hash,
		    "%zu octets", cases[i].n);
	CHECK(siphash(&key, SPAN("postmaster@example.org")) ==
		UINT64_C(0xcc16b81304008ef0),
	    "an address");
}

static void
test_every_octet_counts(void **state)
{
	(void)state;
	struct siphash_key key = { 1, 2 }, other = { 1, 3 };
	uint8_t a[40] = { 0 };

	for (size_t n = 0; n < sizeof a; n++) {
		uint64_t h = siphash(&key, span_of(a, n));

		CHECK(h != siphash(&key, span_of(a, n + 1)), "length %zu", n);
		CHECK(h != siphash(&other, span_of(a, n)), "key, %zu", n);
		for (size_t i = 0; i < n; i++) {
			a[i] = 0x80;
			CHECK(h != siphash(&key, span_of(a, n)),
			    "octet %zu of %zu", i, n);
			a[i] = 0;
		}
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_published_vector, "PRS-7"),
	TEST(test_one_three, "PRS-7"),
	TEST(test_every_octet_counts, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
