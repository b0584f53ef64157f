/*
 * alloc_fault.h - allocations that fail on purpose (test builds only, MEM-5).
 *
 * Only with -Dtest_hooks=true:
 *
 *	POSTHORSE_FAULT=alloc:N		one of N allocations of ours fails
 *	POSTHORSE_FAULT_ROLE=queue	only in the process whose argv[0] ends in
 *					this name
 *	POSTHORSE_FAULT_ALLOC=FOLDER	FOLDER/NAME (of the program), where it is,
 *					is shared with the test: numbers of
 *					64 bits in the machine's order,
 *						which allocation fails (0: none)
 *						how many were made
 *						how many failed
 *					and ten addresses, of those who asked
 *					for the last one that failed, counted
 *					from the program's start,
 *					so that a test counts and fails each in
 *					turn without a new process
 *
 * Libraries' own allocations are not touched.
 */
#ifndef POSTHORSE_BASE_ALLOC_FAULT_H
#define POSTHORSE_BASE_ALLOC_FAULT_H

#ifdef POSTHORSE_TEST_HOOKS
/* While files may still be opened. */
void alloc_fault_open(void);
/* From now on: a role that cannot start shows nothing. */
void alloc_fault_arm(void);
#else
static inline void
alloc_fault_open(void)
{
}

static inline void
alloc_fault_arm(void)
{
}
#endif

#endif
