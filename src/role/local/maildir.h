/*
 * maildir.h - write many messages into mailboxes, safely and together.
 *
 * A batch: each message is written into its mailbox's tmp; then all are made
 * durable, renamed into new, and the directories made durable.  Only after
 * maildir_commit() may a message be called delivered (DLV-1, DLV-3).
 *
 * One or two messages are synced one by one.  A larger batch is synced with
 * one syncfs before and one after the renames: on ext4 that is four times the
 * throughput of an fsync a file and directory (doc/design/local.md has the
 * figures), and errors of write-back reach it as well.
 *
 * The file's name in new is made from the message's id and slot, so a delivery that a
 * crash cut off before its outcome was durable replaces its own first copy.  In tmp
 * the batch adds a name of its own: a queue that takes a dead one's place sends again
 * what another thread may still be writing.
 *
 * Content comes with CRLF and is written with LF, as every reader of a Maildir
 * on this system expects; nothing else is changed.
 */
#ifndef POSTHORSE_ROLE_LOCAL_MAILDIR_H
#define POSTHORSE_ROLE_LOCAL_MAILDIR_H

#include "base/id.h"
#include "role/local/mailbox.h"

#define MAILDIR_BATCH_MAX	64u	/* files open at a time */
#define MAILDIR_OUT		65536u	/* octets of one write */
#define MAILDIR_TOGETHER	3u	/* from so many on, syncfs */

struct maildir_mail {
	struct msg_id	id;
	uint32_t	slot;		/* two recipients may share a place */
	struct span	reverse_path;	/* "" writes <> */
	struct span	address;	/* for Delivered-To */
	struct span	content;	/* CRLF; LF in the file */
	bool		is_verbatim;	/* binary (RFC 3030): as it is, CRLF */
	struct span	hostname;	/* last part of the file's name */
};
/* One file of a batch. */
struct maildir_file {
	struct mailbox	box;		/* ours until the commit */
	int		fd;
	enum err	error;		/* ERR_OK: so far so good */
	int		error_number;	/* errno with ERR_IO */
	char		name[128];	/* in new */
	char		tmp_name[128 + 20];
};
struct maildir_batch {
	const struct mailbox_system	*sys;
	uint64_t			 own;		/* in names in tmp */
	size_t				 n;
	struct maildir_file		 files[MAILDIR_BATCH_MAX];
	size_t				 nout;		/* private: not written yet */
	uint8_t				 out[MAILDIR_OUT];
};

/*
 * Does the header say that it was delivered to this address before?  Only a
 * field that begins its line counts; case does not (SMTP-13).
 */
bool maildir_was_here(struct span content, struct span address);

/*
 * Write mail into the tmp of *box, which the batch takes over.  Returns the
 * index of the file, whose error tells how it went; the batch must have room.
 */
size_t maildir_write(struct maildir_batch *b, struct mailbox *box,
    const struct maildir_mail *mail);
/* Make durable what was written well; afterwards each error is final. */
void maildir_commit(struct maildir_batch *b);

#endif
