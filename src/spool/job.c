/*
 * job.c - the blocking steps, one after the other.
 */
#include "spool/job.h"

#include <errno.h>

#define JOB_SLICE	(1u << 20)	/* octets of zeros a write */

static enum err
job_zeros(const struct spool_job *job, uint64_t size)
{
	static const uint8_t zeros[1u << 16];
	struct iovec parts[JOB_SLICE / sizeof zeros];

	for (uint64_t at = 0; at < size;) {
		uint64_t left = MIN(size - at, (uint64_t)JOB_SLICE);
		size_t n = 0;
		enum err e;

		for (uint64_t to = left; to > 0; n++) {
			uint64_t one = MIN(to, (uint64_t)sizeof zeros);

			/* pwritev takes what it only reads without const. */
			parts[n].iov_base = (void *)(uintptr_t)zeros;
			parts[n].iov_len = (size_t)one;
			to -= one;
		}
		e = spool_write_at(job->files, job->write_fd, parts, n, at);
		if (e != ERR_OK)
			return e;
		at += left;
	}
	return ERR_OK;
}

static enum err
job_make(struct spool_job *job)
{
	const struct spool_files *f = job->files;

	if (!job->is_making)
		return ERR_OK;
	job->write_fd = f->open(f->self, job->dir, job->from,
	    job->how | SPOOL_CREATE);
	if (job->write_fd < 0)
		return ERR_IO;
	if (job->size > 0 &&
	    f->allocate(f->self, job->write_fd, job->size) < 0)
		return ERR_IO;
	return job->prewrite ? job_zeros(job, job->size) : ERR_OK;
}

static enum err
job_syncs(struct spool_job *job)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < job->nsyncs && e == ERR_OK; i++)
		e = spool_sync(job->files, job->sync[i]);
	return e;
}

static enum err
job_write(struct spool_job *job)
{
	struct iovec part = { (void *)(uintptr_t)job->text.p, job->text.n };

	if (!job->is_writing)
		return ERR_OK;
	return spool_write_at(job->files, job->write_fd, &part, 1, job->at);
}

static enum err
job_commit(struct spool_job *job)
{
	if (!job->is_writing && !job->is_making)
		return ERR_OK;
	return spool_sync(job->files, job->write_fd);
}

static enum err
job_name(struct spool_job *job)
{
	const struct spool_files *f = job->files;
	int got;

	if (job->from[0] == '\0')
		return ERR_OK;
	got = job->to[0] == '\0'
	    ? f->unlink(f->self, job->dir, job->from)
	    : f->rename(f->self, job->dir, job->from, job->dir, job->to);
	/* Gone already: an earlier try failed at the directory. */
	if (got < 0 && job->to[0] == '\0' && errno == ENOENT)
		got = 0;
	return got < 0 ? ERR_IO : spool_sync_dir(f, job->dir);
}

void
spool_job_run(struct spool_job *job)
{
	static const struct {
		enum spool_job_step	step;
		enum err	      (*run)(struct spool_job *job);
	} steps[] = {
		{ SPOOL_JOB_MAKE, job_make },
		{ SPOOL_JOB_SYNC, job_syncs },
		{ SPOOL_JOB_WRITE, job_write },
		{ SPOOL_JOB_COMMIT, job_commit },
		{ SPOOL_JOB_NAME, job_name },
	};

	job->error = ERR_OK;
	job->failed = SPOOL_JOB_NONE;
	for (size_t i = 0; i < COUNT(steps) && job->error == ERR_OK; i++) {
		job->error = steps[i].run(job);
		if (job->error == ERR_OK)
			continue;
		job->why = errno;
		job->failed = steps[i].step;
	}
}
