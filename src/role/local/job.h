/*
 * job.h - one job of the queue: which octets go into which mailboxes.
 *
 * job_open and job_close run in the loop, job_deliver in a thread.  Every drop
 * (a message for one recipient) has an outcome from birth: "try again".  So a
 * job that nobody worked on can be answered as it is.
 */
#ifndef POSTHORSE_ROLE_LOCAL_JOB_H
#define POSTHORSE_ROLE_LOCAL_JOB_H

#include "base/arena.h"
#include "config/config.h"
#include "ipc/deliver.h"
#include "role/local/maildir.h"

#define JOB_DESCRIPTION_MAX	(16u * 1024 * 1024)	/* octets */
#define JOB_DROPS_MAX		(DELIVER_MESSAGES_MAX * 1000u)

struct job_sweeps;
/* What every job needs and none changes. */
struct job_place {
	const struct config		*config;
	const struct mailbox_system	*sys;
	int				 bases[CONFIG_DOMAINS_MAX]; /* or -1 */
	struct job_sweeps		*sweeps;
};
/* The hour in which a mailbox's tmp was last swept, by a hash of its name. */
#define JOB_SWEEPS	1024u
struct job_sweeps {
	_Atomic uint32_t	hour[JOB_SWEEPS];
};

struct job_drop {
	struct msg_id		 id;
	uint32_t		 slot;
	struct span		 reverse_path, address, domain, key, content;
	size_t			 same;	/* the drop that stands for this one */
	enum deliver_fate	 fate;
	const char		*status;	/* "2.0.0" */
	const char		*text;		/* plain words, "" when done */
	bool			 is_binary;	/* RFC 3030 */
	bool			 is_alarm;	/* an operator should look */
};

struct job {
	const struct job_place	*place;
	uint64_t		 number;
	const uint8_t		*octets;	/* the memfd, mapped */
	size_t			 noctets;
	struct arena		 memory;
	struct job_drop		*drops;
	size_t			 ndrops;
	bool			 is_starved;	/* not opened for want of memory */
};

/*
 * Map the memfd (taken over) and read its description.  False: it is not
 * sealed, does not decode, or points outside: who sent it is to be cut off; unless
 * is_starved, which is nobody's fault.
 */
MUST_USE bool job_open(struct job *j, const struct job_place *place,
    uint64_t number, int fd, uint32_t description);
void job_close(struct job *j);
/* Blocks: opens mailboxes, writes, syncs. */
void job_deliver(struct job *j);

#endif
