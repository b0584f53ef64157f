/*
 * plant.h - faults put in on purpose, to prove that the crash tests bite.
 *
 * Zero in every build of the product; tests/crash compiles the spool once more
 * for each of them (SECURITY-REQUIREMENTS 20).  A condition on a constant: in
 * the product nothing of it is left.
 */
#ifndef POSTHORSE_SPOOL_PLANT_H
#define POSTHORSE_SPOOL_PLANT_H

#ifndef PLANT_FAULT
#define PLANT_FAULT	0
#endif

enum plant {
	PLANT_NONE,
	PLANT_ACK_BEFORE_SYNC,
	PLANT_NO_SYNC,
	PLANT_NO_DIRECTORY_SYNC,
	PLANT_SYNC_RETRIED,
	PLANT_HASH_IGNORED,
	PLANT_IDENTITY_IGNORED,
	PLANT_RECLAIM_EARLY,
	PLANT_OUTCOME_NOT_SYNCED,
	PLANT_PARTIAL_BATCH,
	PLANT_TYPE_ZERO,
	PLANT_UNKNOWN_DELETED,
	PLANT_ID_REUSED,
	PLANT_COUNT
};
#define PLANTED(fault)	(PLANT_FAULT == (fault))

#endif
