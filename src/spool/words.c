/*
 * words.c - a bounded table of texts, counted.
 */
#include "spool/words.h"

#include "spool/record.h"

#include <stdlib.h>

#define BUCKETS	4096u
#define WORDS_SEED	3u

struct word {
	uint8_t		*p;
	uint32_t	 n, uses;
	uint32_t	 next;		/* in its bucket, or in the free list */
	uint32_t	 bucket;
};
struct words {
	struct buf	 table;		/* of struct word; number 0 is unused */
	size_t		 octets;
	uint32_t	 free;		/* list of unused entries */
	uint32_t	 buckets[BUCKETS];
};

static struct word *
word_at(const struct words *w, uint32_t number)
{
	return (struct word *)(void *)w->table.p + number;
}

struct words *
words_new(void)
{
	struct words *w = calloc(1, sizeof *w);
	struct word none = { 0 };

	if (w == NULL)
		return NULL;
	w->table = buf_make(WORDS_MAX * sizeof(struct word));
	if (buf_add(&w->table, span_of(&none, sizeof none)) != ERR_OK) {
		free(w);
		return NULL;
	}
	return w;
}

void
words_free(struct words *w)
{
	if (w == NULL)
		return;
	for (uint32_t i = 1; i < w->table.n / sizeof(struct word); i++)
		free(word_at(w, i)->p);
	buf_free(&w->table);
	free(w);
}

/* An unused entry, or 0. */
static uint32_t
word_unused(struct words *w)
{
	struct word none = { 0 };
	uint32_t i = w->free;

	if (i != 0) {
		w->free = word_at(w, i)->next;
		return i;
	}
	i = (uint32_t)(w->table.n / sizeof none);
	return buf_add(&w->table, span_of(&none, sizeof none)) == ERR_OK ? i : 0;
}

static uint32_t
word_new(struct words *w, struct span text, uint32_t bucket)
{
	struct word *word;
	uint8_t *p;
	uint32_t i;

	if (text.n > WORDS_OCTETS - w->octets)
		return 0;
	p = malloc(text.n);
	if (p == NULL)
		return 0;
	i = word_unused(w);
	if (i == 0) {
		free(p);
		return 0;
	}
	memcpy(p, text.p, text.n);
	word = word_at(w, i);
	*word = (struct word){ p, (uint32_t)text.n, 1, w->buckets[bucket],
		bucket };
	w->buckets[bucket] = i;
	w->octets += text.n;
	return i;
}

uint32_t
words_keep(struct words *w, struct span text)
{
	uint32_t bucket = (uint32_t)(spool_hash(WORDS_SEED, text) % BUCKETS);

	if (text.n == 0)
		return 0;
	for (uint32_t i = w->buckets[bucket]; i != 0; i = word_at(w, i)->next)
		if (span_eq(words_text(w, i), text)) {
			word_at(w, i)->uses++;
			return i;
		}
	return word_new(w, text, bucket);
}

void
words_drop(struct words *w, uint32_t number)
{
	struct word *word = word_at(w, number);
	uint32_t *link;

	if (number == 0 || --word->uses > 0)
		return;
	for (link = &w->buckets[word->bucket]; *link != number;)
		link = &word_at(w, *link)->next;
	*link = word->next;
	w->octets -= word->n;
	free(word->p);
	*word = (struct word){ .next = w->free };
	w->free = number;
}

struct span
words_text(const struct words *w, uint32_t number)
{
	const struct word *word = word_at(w, number);

	return span_of(word->p, word->n);
}
