/*
 * job.c - decode a job, deliver it in batches, keep each drop's outcome.
 */
#include "role/local/job.h"

#include "mail/envelope.h"

#include "os/clock.h"
#include "os/file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct job_drop untouched = {
	.fate = DELIVER_RETRY,
	.status = "4.3.2",
	.text = "the mailbox writer was busy",
};

static bool
map(struct job *j, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *p;

	if (size <= 0 || !file_is_sealed(fd))
		return false;
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return false;
	j->octets = p;
	j->noctets = (size_t)size;
	return true;
}

/* Two passes over the list: count, then fill. */
static bool
count_drops(struct span list, size_t *n)
{
	struct deliver_message m;
	struct deliver_recipient rcpt;
	enum err e;

	*n = 0;
	while ((e = ipc_list_next(&ipc_deliver_message, &list, &m)) == ERR_OK) {
		enum err inner;

		while ((inner = ipc_list_next(&ipc_deliver_recipient,
			    &m.recipients, &rcpt)) == ERR_OK)
			(*n)++;
		if (inner != ERR_NONE || *n > JOB_DROPS_MAX)
			return false;
	}
	return e == ERR_NONE && *n > 0;
}

static bool
is_same_box(const struct job_drop *a, const struct job_drop *b)
{
	return span_eq(a->key, b->key) && span_eq(a->domain, b->domain);
}

/* One copy a mailbox: an earlier drop of this message may stand for it. */
static size_t
find_same(const struct job *j, size_t first, size_t at)
{
	for (size_t i = first; i < at; i++)
		if (is_same_box(&j->drops[i], &j->drops[at]))
			return i;
	return at;
}

static bool
fill_message(struct job *j, const struct deliver_message *m)
{
	struct span list = m->recipients;
	struct deliver_recipient rcpt;
	size_t first = j->ndrops;

	if (m->offset > j->noctets || m->size > j->noctets - m->offset)
		return false;
	while (ipc_list_next(&ipc_deliver_recipient, &list, &rcpt) == ERR_OK) {
		struct job_drop *d = &j->drops[j->ndrops];

		*d = untouched;
		d->id = m->id;
		d->slot = rcpt.slot;
		d->reverse_path = m->reverse_path;
		d->address = rcpt.address;
		d->domain = rcpt.domain;
		d->key = rcpt.key;
		d->is_binary = (m->envelope & ENVELOPE_BINARY) != 0;
		d->content = span_of(j->octets + m->offset, (size_t)m->size);
		d->same = find_same(j, first, j->ndrops);
		j->ndrops++;
	}
	return true;
}

static bool
fill(struct job *j, struct span list)
{
	struct deliver_message m;

	while (ipc_list_next(&ipc_deliver_message, &list, &m) == ERR_OK)
		if (!fill_message(j, &m))
			return false;
	return true;
}

bool
job_open(struct job *j, const struct job_place *place, uint64_t number, int fd,
    uint32_t description)
{
	struct span list;
	size_t n, size;
	bool is_mapped;
	void *p;

	*j = (struct job){
		.place = place,
		.number = number,
		.memory = arena_make(SIZE_MAX / 2, 0),
	};
	is_mapped = map(j, fd);
	file_close(fd);
	if (!is_mapped || description > j->noctets ||
	    description > JOB_DESCRIPTION_MAX)
		return false;
	list = span_of(j->octets, description);
	if (!count_drops(list, &n) || !size_mul(n, sizeof *j->drops, &size))
		return false;
	j->is_starved = arena_get(&j->memory, size, &p) != ERR_OK;
	if (j->is_starved)
		return false;
	j->drops = p;
	return fill(j, list);
}

void
job_close(struct job *j)
{
	if (j->octets != NULL)
		(void)munmap((void *)(uintptr_t)j->octets, j->noctets);
	arena_free(&j->memory);
	*j = (struct job){ 0 };
}

static void
retry(struct job_drop *d, const char *status, const char *text, bool is_alarm)
{
	d->fate = DELIVER_RETRY;
	d->status = status;
	d->text = text;
	d->is_alarm = is_alarm;
}

/* RFC 3463: what an errno of ours means to the sender of the mail. */
static const struct {
	int		 number;
	const char	*status, *text;
} troubles[] = {
	{ ENOSPC, "4.3.1", "no space on the mailbox's disk" },
	{ EDQUOT, "4.2.2", "the mailbox is over its quota" },
	{ EROFS, "4.3.0", "the mailbox's disk is read-only" },
	{ EACCES, "4.3.0", "no permission for the mailbox" },
	{ EMFILE, "4.3.2", "too many open files" },
	{ ENFILE, "4.3.2", "too many open files" },
	{ ENOMEM, "4.3.2", "no memory" },
};

static void
retry_errno(struct job_drop *d, int number)
{
	for (size_t i = 0; i < COUNT(troubles); i++)
		if (troubles[i].number == number) {
			retry(d, troubles[i].status, troubles[i].text, false);
			return;
		}
	retry(d, "4.3.0", "the mailbox could not be written", true);
}

/* Two mailboxes in one place are swept a little more often, no more. */
static void
sweep_now_and_then(const struct job *j, const struct job_drop *d,
    const struct mailbox *box)
{
	uint64_t now_s = clock_wall_ms() / 1000;
	uint32_t hour = (uint32_t)(now_s / 3600), h = 2166136261u;

	for (size_t i = 0; i < d->key.n; i++)
		h = (h ^ d->key.p[i]) * 16777619u;
	if (atomic_exchange(&j->place->sweeps->hour[h % JOB_SWEEPS], hour) !=
	    hour)
		(void)mailbox_sweep(box, (int64_t)now_s);
}

/* The drop's mailbox, or its outcome. */
static bool
open_box(const struct job *j, struct job_drop *d, struct mailbox *box)
{
	const struct config_domain *domain =
	    config_domain_find(j->place->config, d->domain);
	const char *why;
	size_t row;
	enum err e;

	if (domain == NULL) {
		retry(d, "4.3.5", "the domain is no longer ours", true);
		return false;
	}
	row = (size_t)(domain - j->place->config->domains);
	if (j->place->bases[row] < 0) {
		retry(d, "4.3.5", "no directory for the domain's mail", true);
		return false;
	}
	e = mailbox_open(j->place->sys, j->place->bases[row],
	    span_str(domain->maildir), d->domain, d->key, box, &why);
	if (e == ERR_DENIED)
		retry(d, "4.3.5", why, true);
	else if (e != ERR_OK)
		retry_errno(d, errno);
	else
		sweep_now_and_then(j, d, box);
	return e == ERR_OK;
}

static void
put_drop(const struct job *j, struct maildir_batch *b, struct job_drop *d,
    struct job_drop **whose)
{
	struct mailbox box;

	if (maildir_was_here(d->content, d->address)) {
		d->fate = DELIVER_FAILED;
		d->status = "5.4.6";
		d->text = "mail loop: it was delivered here before";
		return;
	}
	if (!open_box(j, d, &box))
		return;
	whose[maildir_write(b, &box, &(struct maildir_mail){
	    .id = d->id,
	    .slot = d->slot,
	    .reverse_path = d->reverse_path,
	    .address = d->address,
	    .content = d->content,
	    .is_verbatim = d->is_binary,
	    .hostname = span_str(j->place->config->hostname),
	})] = d;
}

static void
commit(struct maildir_batch *b, struct job_drop **whose)
{
	size_t n = b->n;

	maildir_commit(b);
	for (size_t i = 0; i < n; i++) {
		const struct maildir_file *f = &b->files[i];

		if (f->error == ERR_OK) {
			whose[i]->fate = DELIVER_DONE;
			whose[i]->status = "2.0.0";
			whose[i]->text = "";
		} else
			retry_errno(whose[i], f->error_number);
	}
	b->n = 0;
}

/* A copy under its own address stands for the others of its mailbox. */
static void
share_outcomes(struct job *j)
{
	for (size_t i = 0; i < j->ndrops; i++) {
		struct job_drop *d = &j->drops[i];
		const struct job_drop *same = &j->drops[d->same];

		if (same == d)
			continue;
		d->fate = same->fate;
		d->status = same->status;
		d->text = same->text;
	}
}

void
job_deliver(struct job *j)
{
	struct job_drop *whose[MAILDIR_BATCH_MAX];
	struct maildir_batch *b = malloc(sizeof *b);

	if (b == NULL)
		return;		/* every drop says "try again" */
	b->sys = j->place->sys;
	b->n = 0;
	for (size_t i = 0; i < j->ndrops; i++) {
		if (j->drops[i].same != i)
			continue;
		put_drop(j, b, &j->drops[i], whose);
		if (b->n == MAILDIR_BATCH_MAX)
			commit(b, whose);
	}
	commit(b, whose);
	free(b);
	share_outcomes(j);
}
