/*
 * job.h - what blocks, put so that a worker thread can do it.
 *
 * spool_job_run touches the job and what it points to, and nothing else; who
 * filled the job leaves those alone until it has run.  The steps are done in
 * the order of the fields; the first failure ends the job.
 */
#ifndef POSTHORSE_SPOOL_JOB_H
#define POSTHORSE_SPOOL_JOB_H

#include "spool/files.h"

#define SPOOL_JOB_SYNCS	10u

enum spool_job_step {
	SPOOL_JOB_NONE,		/* nothing failed */
	SPOOL_JOB_MAKE,		/* creating and filling a file */
	SPOOL_JOB_SYNC,		/* one of sync[] */
	SPOOL_JOB_WRITE,
	SPOOL_JOB_COMMIT,	/* the sync behind the write */
	SPOOL_JOB_NAME		/* renaming, or syncing the directory */
};

struct spool_job {
	const struct spool_files *files;
	int		 sync[SPOOL_JOB_SYNCS];	/* first, in this order */
	size_t		 nsyncs;
	/* Create `from` in dir, allocate, zero; write_fd comes out. */
	bool		 is_making;
	unsigned int	 how;		/* SPOOL_* of the opening */
	uint64_t	 size;		/* allocate so many octets */
	bool		 prewrite;	/* and write zeros over them all */
	/* Write text at `at` of write_fd and sync that. */
	int		 write_fd;
	struct span	 text;
	uint64_t	 at;
	bool		 is_writing;
	/* Then from -> to in dir, and sync dir; from "": not; to "": unlink. */
	int		 dir;
	char		 from[SPOOL_NAME_MAX], to[SPOOL_NAME_MAX];
	/* The result. */
	enum err	 error;
	int		 why;			/* errno */
	enum spool_job_step failed;
};
void spool_job_run(struct spool_job *job);

#endif
