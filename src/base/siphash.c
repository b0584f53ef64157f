/*
 * siphash.c - four words, stirred.
 */
#include "base/siphash.h"

struct state {
	uint64_t	v[4];
};

static uint64_t
word_at(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	for (size_t i = n; i > 0; i--)
		w = w << 8 | p[i - 1];
	return w;
}

static uint64_t
turn(uint64_t w, unsigned int bits)
{
	return w << bits | w >> (64 - bits);
}

/* One half of a round: a takes b in, b is turned and folded back. */
static void
stir(uint64_t *a, uint64_t *b, unsigned int bits)
{
	*a += *b;
	*b = turn(*b, bits) ^ *a;
}

static void
rounds(struct state *s, unsigned int n)
{
	while (n-- > 0) {
		stir(&s->v[0], &s->v[1], 13);
		s->v[0] = turn(s->v[0], 32);
		stir(&s->v[2], &s->v[3], 16);
		stir(&s->v[0], &s->v[3], 21);
		stir(&s->v[2], &s->v[1], 17);
		s->v[2] = turn(s->v[2], 32);
	}
}

static void
take_word(struct state *s, uint64_t w, unsigned int c)
{
	s->v[3] ^= w;
	rounds(s, c);
	s->v[0] ^= w;
}

struct siphash_key
siphash_key_make(const uint8_t octets[SIPHASH_KEY_OCTETS])
{
	return (struct siphash_key){ word_at(octets, 8),
		word_at(octets + 8, 8) };
}

uint64_t
siphash_rounds(const struct siphash_key *key, struct span in, unsigned int c,
    unsigned int d)
{
	struct state s = { {
		key->low ^ UINT64_C(0x736f6d6570736575),
		key->high ^ UINT64_C(0x646f72616e646f6d),
		key->low ^ UINT64_C(0x6c7967656e657261),
		key->high ^ UINT64_C(0x7465646279746573),
	} };
	uint64_t last = (uint64_t)in.n << 56;

	while (in.n >= 8)
		take_word(&s, word_at(span_take(&in, 8).p, 8), c);
	take_word(&s, last | word_at(in.p, in.n), c);
	s.v[2] ^= 0xff;
	rounds(&s, d);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

uint64_t
siphash(const struct siphash_key *key, struct span s)
{
	return siphash_rounds(key, s, 1, 3);
}
