/*
 * base.c - names of errors, and the end of a process that lied to itself.
 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {
	[ERR_OK] = "ok",
	[ERR_NOMEM] = "no memory",
	[ERR_FULL] = "full",
	[ERR_SYNTAX] = "syntax",
	[ERR_SHORT] = "short",
	[ERR_NONE] = "not found",
	[ERR_IO] = "i/o error",
	[ERR_AGAIN] = "not ready",
	[ERR_CLOSED] = "closed",
	[ERR_DENIED] = "denied",
	[ERR_CORRUPT] = "corrupt",
};
_Static_assert(COUNT(names) == ERR_COUNT, "every error has a name");

const char *
err_name(enum err e)
{
	return (unsigned int)e < COUNT(names) ? names[e] : "unknown";
}

void
assert_failed(const char *claim, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: broken claim: %s\n", file, line, claim);
	abort();
}
