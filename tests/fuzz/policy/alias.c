/* Any text is an aliases file or is refused with a line; what was read is found. */
#include "policy/alias.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct siphash_key key = { 1, 2 };
	struct aliases a = aliases_make(&key);
	struct alias_trouble t;

	if (aliases_replace(&a, span_of(data, size), &t) != ERR_OK) {
		ASSERT(!a.is_there && t.line > 0 && t.why[0] != '\0');
		aliases_free(&a);
		return 0;
	}
	for (struct map_node *n = map_first(&a.names); n != NULL;
	    n = map_next(n)) {
		const struct alias *one = MAP_OWNER(n, struct alias, node);

		ASSERT(aliases_find(&a, one->name) == one);
		ASSERT(one->n > 0 && one->n <= ALIAS_TARGETS_MAX);
		for (uint32_t i = 0; i < one->n; i++) {
			struct addr parsed;

			ASSERT(one->targets[i].text.n > 0);
			ASSERT(!one->targets[i].has_domain || addr_parse(
			    one->targets[i].text, &parsed) == ERR_OK);
		}
	}
	aliases_free(&a);
	return 0;
}
