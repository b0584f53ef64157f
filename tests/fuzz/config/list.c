/*
 * Any text is a list of entries or is refused; what was taken is held, each line
 * as it stands.  The first octet says of what they are.
 */
#include "config/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
holds_itself(const struct list *l, struct span row)
{
	uint8_t lower[LIST_ENTRY_MAX];

	row = span_trim(row);
	/* Networks are no addresses, and a name's dot is what lies below. */
	if (row.n == 0 || row.p[0] == '#' || row.p[0] == '.' ||
	    row.p[row.n - 1] < ' ' || l->kind == CONFIG_MATCH_CLIENT)
		return;
	for (size_t i = 0; i < row.n; i++)
		lower[i] = ascii_lower(row.p[i]);
	ASSERT(list_holds(l, span_of(lower, row.n)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum config_match kinds[] = { CONFIG_MATCH_CLIENT,
		CONFIG_MATCH_HELO, CONFIG_MATCH_SENDER, CONFIG_MATCH_USER };
	static const struct siphash_key key = { 1, 2 };
	struct span text = span_of(data, size);
	struct list l;
	size_t line = 0;

	if (size == 0)
		return 0;
	l = list_make(&key, kinds[data[0] % COUNT(kinds)]);
	text = span_skip(text, 1);
	(void)list_holds(&l, text);
	if (list_replace(&l, text, &line) == ERR_OK) {
		ASSERT(l.is_there);
		for (size_t n = 0; n <= 17 && n <= text.n; n++)
			(void)list_holds(&l, span_of(text.p, n));
		while (text.n > 0) {
			holds_itself(&l, span_take(&text,
			    span_find(text, '\n')));
			text = span_skip(text, MIN((size_t)1, text.n));
		}
	} else {
		ASSERT(!l.is_there && line > 0);
	}
	list_free(&l);
	return 0;
}
