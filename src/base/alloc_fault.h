/*
 * alloc_fault.h - allocations that fail on purpose (test builds only, MEM-5).
 *
 * Only with -Dtest_hooks=true:
 *
 *	POSTHORSE_FAULT=alloc:N		one of N allocations of ours fails
 *	POSTHORSE_FAULT_ROLE=queue	only in the process whose argv[0] ends in
 *					this name
 *
 * Libraries' own allocations are not touched.
 */
#ifndef POSTHORSE_BASE_ALLOC_FAULT_H
#define POSTHORSE_BASE_ALLOC_FAULT_H

#ifdef POSTHORSE_TEST_HOOKS
/* From now on: a role that cannot start shows nothing. */
void alloc_fault_arm(void);
#else
static inline void
alloc_fault_arm(void)
{
}
#endif

#endif
