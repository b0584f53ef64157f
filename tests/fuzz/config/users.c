/*
 * Any text is walked to its end; what comes out is fit to be a path and a
 * hash.
 */
#include "config/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size);
	struct users_line line;
	enum err e;

	while ((e = users_next(&rest, &line)) != ERR_NONE) {
		if (e != ERR_OK)
			continue;
		ASSERT(line.name.n > 0 && line.name.n <= USERS_NAME_MAX);
		ASSERT(line.name.p[0] != '.');
		ASSERT(span_find(line.name, '/') == line.name.n);
		ASSERT(span_find(line.name, '\0') == line.name.n);
		ASSERT(users_is_hash(line.hash));
	}
	return 0;
}
