#include "config/suggest.h"

#define ROW	(SUGGEST_WORD_MAX + 1)

static size_t
min3(size_t a, size_t b, size_t c)
{
	return MIN(MIN(a, b), c);
}

/* Optimal string alignment: one row of the table for each of three letters. */
size_t
suggest_distance(struct span a, struct span b)
{
	size_t rows[3][ROW];

	if (a.n > SUGGEST_WORD_MAX || b.n > SUGGEST_WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		const size_t *above = rows[(i + 2) % 3];
		const size_t *above2 = rows[(i + 1) % 3];
		size_t *now = rows[i % 3];

		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = a.p[i - 1] != b.p[j - 1];

			now[j] = min3(above[j] + 1, now[j - 1] + 1,
			    above[j - 1] + change);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1])
				now[j] = MIN(now[j], above2[j - 2] + 1);
		}
	}
	return rows[a.n % 3][b.n];
}

/* One error in a short word, two in a middling one, three in a long one. */
bool
suggest_is_near(struct span word, size_t distance)
{
	return distance <= (word.n <= 4 ? 1u : word.n <= 9 ? 2u : 3u);
}
