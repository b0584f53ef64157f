/*
 * map: finds what was put in, and cannot be aimed at.
 */
#include "check.h"

#include "base/map.h"
#include "base/rand.h"

struct thing {
	struct map_node	node;
	size_t		n;
	uint8_t		name[24];
};

static struct span
name_of(const struct thing *t)
{
	return span_of(t->name, t->n);
}

static void
name_it(struct thing *t, char kind, size_t i)
{
	t->n = (size_t)snprintf((char *)t->name, sizeof t->name, "%c%zx", kind,
	    i);
}

static void
test_add_find_remove(void **state)
{
	(void)state;
	struct map m = map_make((struct siphash_key){ 1, 2 });
	static struct thing things[1000];

	for (size_t i = 0; i < COUNT(things); i++) {
		name_it(&things[i], 'u', i);
		CHECK_NUM(map_add(&m, name_of(&things[i]), &things[i].node),
		    ERR_OK, "%zu", i);
	}
	CHECK_NUM(map_count(&m), COUNT(things), "all in");
	for (size_t i = 0; i < COUNT(things); i += 2)
		map_remove(&m, &things[i].node);
	for (size_t i = 0; i < COUNT(things); i++) {
		struct map_node *n = map_find(&m, name_of(&things[i]));

		CHECK((n == NULL) == (i % 2 == 0), "%zu", i);
		CHECK(n == NULL || MAP_OWNER(n, struct thing, node) ==
			    &things[i], "%zu", i);
	}
	CHECK_NUM(map_count(&m), COUNT(things) / 2, "half of them");
	map_free(&m);
	CHECK_NUM(map_count(&m), 0, "empty");
	CHECK(map_first(&m) == NULL, "empty");
}

/* Keys are octets: NUL and length count. */
static void
test_keys_with_nul(void **state)
{
	(void)state;
	struct map m = map_make((struct siphash_key){ 1, 2 });
	static const struct span keys[] = { { 0 }, SPAN("\0"), SPAN("\0\0"),
		SPAN("a"), SPAN("a\0"), SPAN("a\0b") };
	struct map_node nodes[COUNT(keys)];

	for (size_t i = 0; i < COUNT(keys); i++)
		CHECK_NUM(map_add(&m, keys[i], &nodes[i]), ERR_OK, "%zu", i);
	for (size_t i = 0; i < COUNT(keys); i++) {
		CHECK(map_find(&m, keys[i]) == &nodes[i], "%zu", i);
		CHECK(span_eq(map_key(&nodes[i]), keys[i]), "%zu", i);
	}
	map_free(&m);
}

struct chains {
	unsigned int	longest;
	uint64_t	steps;		/* to find each key once, at worst */
	uint64_t	order;		/* a mark of who stands in which bucket */
};

static struct chains
chains_of(const struct map *m)
{
	struct chains c = { 0 };
	UT_hash_table *t = m->first->hh.tbl;

	for (unsigned int i = 0; i < t->num_buckets; i++) {
		uint64_t n = t->buckets[i].count;

		c.longest = MAX(c.longest, t->buckets[i].count);
		c.steps += n * (n + 1) / 2;
		for (UT_hash_handle *h = t->buckets[i].hh_head; h != NULL;
		     h = h->hh_next) {
			struct span key = span_of(h->key, h->keylen);

			c.order = c.order * 31 + key.p[key.n - 1] + i;
		}
	}
	return c;
}

static struct chains
fill(struct siphash_key key, struct thing *things, size_t n)
{
	struct map m = map_make(key);
	struct chains c;

	for (size_t i = 0; i < n; i++)
		CHECK_NUM(map_add(&m, name_of(&things[i]), &things[i].node),
		    ERR_OK, "%zu", i);
	c = chains_of(&m);
	map_free(&m);
	return c;
}

#define KEYS	100000

/*
 * Keys chosen so that they collide under a key the stranger knows (low bits of
 * the hash all zero) cost under another key no more than random ones do.
 */
static void
test_adversarial_keys(void **state)
{
	(void)state;
	struct siphash_key known = { 11, 12 }, ours = { 21, 22 };
	struct thing *bad = calloc(KEYS, sizeof *bad);
	struct thing *good = calloc(KEYS, sizeof *good);
	struct chains aimed, plain;
	struct rand r = { 7 };
	size_t n = 0;

	CHECK(bad != NULL && good != NULL, "memory");
	for (size_t i = 0; n < KEYS; i++) {
		name_it(&bad[n], 'k', i);
		n += (siphash(&known, name_of(&bad[n])) & 31) == 0;
	}
	for (size_t i = 0; i < KEYS; i++)
		name_it(&good[i], 'r', (size_t)rand_u64(&r));
	aimed = fill(ours, bad, KEYS);
	plain = fill(ours, good, KEYS);
	CHECK(aimed.steps <= 3 * plain.steps, "%llu steps against %llu",
	    (unsigned long long)aimed.steps, (unsigned long long)plain.steps);
	CHECK(aimed.longest <= 40, "longest chain %u", aimed.longest);
	CHECK(fill(known, bad, KEYS / 50).steps >
		3 * fill(known, good, KEYS / 50).steps,
	    "the keys are bad for who has the other key");
	free(bad);
	free(good);
}

static void
test_order_differs_between_keys(void **state)
{
	(void)state;
	static struct thing things[1000];
	uint64_t one;

	for (size_t i = 0; i < COUNT(things); i++)
		name_it(&things[i], 'u', i);
	one = fill((struct siphash_key){ 1, 1 }, things, 1000).order;
	CHECK(one == fill((struct siphash_key){ 1, 1 }, things, 1000).order,
	    "the same under the same key");
	CHECK(one != fill((struct siphash_key){ 1, 2 }, things, 1000).order,
	    "another under another key");
}

static const struct CMUnitTest tests[] = {
	TEST(test_add_find_remove, ""),
	TEST(test_keys_with_nul, "MEM-4"),
	TEST(test_adversarial_keys, "PRS-7"),
	TEST(test_order_differs_between_keys, "PRS-7"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
