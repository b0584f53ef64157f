/*
 * leaks.h - what nobody points to any more, looked for at an orderly end.
 *
 * Roles end with _exit(), which skips the leak checker's own turn: a sanitized
 * build asks for it.  A leak ends the process with status 23 and a report on
 * standard error.  In other builds this is nothing.
 */
#ifndef POSTHORSE_BASE_LEAKS_H
#define POSTHORSE_BASE_LEAKS_H

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_SEEN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_SEEN	1
#endif
#endif

#ifdef LEAKS_ARE_SEEN
#include <sanitizer/lsan_interface.h>

static inline void
leaks_check(void)
{
	__lsan_do_leak_check();
}
#else
static inline void
leaks_check(void)
{
}
#endif

#endif
