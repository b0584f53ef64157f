/*
 * clock.h - what time it is, and octets that nobody can guess.
 */
#ifndef POSTHORSE_OS_CLOCK_H
#define POSTHORSE_OS_CLOCK_H

#include "base/base.h"

/* Never goes back; stands still for nothing but a suspended machine. */
uint64_t clock_mono_ms(void);
/* Since 1970 in UTC; an operator may set it back. */
uint64_t clock_wall_ms(void);
/* From the kernel; waits for nothing once the machine is up. */
void clock_random(void *to, size_t n);

#endif
