/*
 * maildir.c - a batch of files: written, synced, renamed, synced.
 */
#include "role/local/maildir.h"

#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

bool
maildir_was_here(struct span content, struct span address)
{
	static const struct span field = {
		(const uint8_t *)"Delivered-To:", 13
	};

	while (content.n > 0) {
		struct span line =
		    span_take(&content, span_find(content, '\n'));

		content = span_skip(content, 1);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0)
			return false;
		if (span_starts_nocase(line, field) &&
		    span_eq_nocase(span_trim(span_skip(line, field.n)), address))
			return true;
	}
	return false;
}

static bool
flush(struct maildir_batch *b, int fd)
{
	struct iovec left = { b->out, b->nout };

	b->nout = 0;
	while (left.iov_len > 0) {
		ssize_t wrote = b->sys->writev(fd, &left, 1);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return false;
		left.iov_base = (uint8_t *)left.iov_base + wrote;
		left.iov_len -= (size_t)wrote;
	}
	return true;
}

static bool
put(struct maildir_batch *b, int fd, struct span s)
{
	while (s.n > 0) {
		struct span piece = span_take(&s, sizeof b->out - b->nout);

		memcpy(b->out + b->nout, piece.p, piece.n);
		b->nout += piece.n;
		if (b->nout == sizeof b->out && !flush(b, fd))
			return false;
	}
	return true;
}

/* A CR right before a LF is left out; any other stays. */
static bool
put_content(struct maildir_batch *b, int fd, struct span content)
{
	while (content.n > 0) {
		struct span line =
		    span_take(&content, span_find(content, '\r'));
		bool is_end = content.n > 1 && content.p[1] == '\n';

		if (content.n > 0)
			content = span_skip(content, 1);
		if (!put(b, fd, line))
			return false;
		if (is_end)
			continue;
		if (line.p + line.n != content.p && !put(b, fd, SPAN("\r")))
			return false;
	}
	return true;
}

static bool
put_mail(struct maildir_batch *b, int fd, const struct maildir_mail *mail)
{
	struct span end = mail->is_verbatim ? SPAN("\r\n") : SPAN("\n");

	b->nout = 0;
	return put(b, fd, SPAN("Return-Path: <")) &&
	    put(b, fd, mail->reverse_path) && put(b, fd, SPAN(">")) &&
	    put(b, fd, end) && put(b, fd, SPAN("Delivered-To: ")) &&
	    put(b, fd, mail->address) && put(b, fd, end) &&
	    (mail->is_verbatim ? put : put_content)(b, fd, mail->content) &&
	    flush(b, fd);
}

/*
 * Seconds of arrival, the id, the recipient's slot, our host: unique, and the
 * same next time.
 */
static void
file_name(const struct maildir_mail *mail, char name[128])
{
	char id[MSG_ID_LETTERS + 1];
	uint64_t ms = 0;
	int host = (int)MIN(mail->hostname.n, (size_t)64);

	for (size_t i = 0; i < 6; i++)
		ms = ms << 8 | mail->id.octets[i];
	msg_id_print(&mail->id, id);
	(void)snprintf(name, 128, "%llu.%s_%u.%.*s",
	    (unsigned long long)(ms / 1000), id, mail->slot, host,
	    (const char *)mail->hostname.p);
}

static void
fail_file(struct maildir_file *f)
{
	f->error = ERR_IO;
	f->error_number = errno;
}

size_t
maildir_write(struct maildir_batch *b, struct mailbox *box,
    const struct maildir_mail *mail)
{
	struct maildir_file *f = &b->files[b->n];
	size_t n;

	ASSERT(b->n < MAILDIR_BATCH_MAX);
	*f = (struct maildir_file){ .box = *box, .fd = -1 };
	*box = (struct mailbox){ -1, -1, -1 };
	if (b->n == 0)
		clock_random(&b->own, sizeof b->own);
	file_name(mail, f->name);
	n = strlen(f->name);
	memcpy(f->tmp_name, f->name, n);
	(void)snprintf(f->tmp_name + n, sizeof f->tmp_name - n, ".%016llx",
	    (unsigned long long)b->own);
	f->fd = b->sys->open(f->box.tmp, f->tmp_name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0 || !put_mail(b, f->fd, mail))
		fail_file(f);
	return b->n++;
}

/* After a failed sync of all, nobody knows whose octets were lost. */
static void
fail_all(struct maildir_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->files[i].error == ERR_OK)
			fail_file(&b->files[i]);
}

static bool
sync_all(struct maildir_batch *b)
{
	/* Mailboxes may lie on several file systems: one call for each. */
	dev_t done[MAILDIR_BATCH_MAX];
	size_t ndone = 0, k;
	struct stat st;

	for (size_t i = 0; i < b->n; i++) {
		struct maildir_file *f = &b->files[i];

		if (f->error != ERR_OK)
			continue;
		if (b->sys->stat(f->box.tmp, &st) != 0)
			return false;
		for (k = 0; k < ndone && done[k] != st.st_dev; k++)
			;
		if (k < ndone)
			continue;
		if (b->sys->sync_all(f->box.tmp) != 0)
			return false;
		done[ndone++] = st.st_dev;
	}
	return true;
}

static void
sync_each(struct maildir_batch *b, bool is_dir)
{
	for (size_t i = 0; i < b->n; i++) {
		struct maildir_file *f = &b->files[i];
		int fd = is_dir ? f->box.new : f->fd;

		if (f->error == ERR_OK && b->sys->sync_file(fd) != 0)
			fail_file(f);
	}
}

static void
sync_batch(struct maildir_batch *b, bool is_dir)
{
	if (b->n < MAILDIR_TOGETHER)
		sync_each(b, is_dir);
	else if (!sync_all(b))
		fail_all(b);
}

static void
close_file(struct maildir_batch *b, struct maildir_file *f)
{
	if (f->fd >= 0)
		(void)b->sys->close(f->fd);
	f->fd = -1;
	/* In new it may stay: the next try replaces it under the same name. */
	if (f->error != ERR_OK && f->box.tmp >= 0)
		(void)b->sys->unlink(f->box.tmp, f->tmp_name, 0);
	mailbox_close(b->sys, &f->box);
}

void
maildir_commit(struct maildir_batch *b)
{
	sync_batch(b, false);
	for (size_t i = 0; i < b->n; i++) {
		struct maildir_file *f = &b->files[i];

		if (f->error == ERR_OK &&
		    b->sys->rename(f->box.tmp, f->tmp_name, f->box.new,
			f->name) != 0)
			fail_file(f);
	}
	sync_batch(b, true);
	for (size_t i = 0; i < b->n; i++)
		close_file(b, &b->files[i]);
}
