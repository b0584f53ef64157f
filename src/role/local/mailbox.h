/*
 * mailbox.h - from a template and a key of the users table to an open Maildir.
 *
 * The walk starts at a directory that the supervisor opened: the fixed part of
 * the template, before its first placeholder.  Every step below it is opened
 * without following a link and must be a directory of our own that nobody else
 * may write; a missing one is made (0700) and its name synced.  A client's
 * octets never reach this file: domain is the configuration's, key the users
 * table's, and a key that is not a plain name is refused (DLV-3).
 */
#ifndef POSTHORSE_ROLE_LOCAL_MAILBOX_H
#define POSTHORSE_ROLE_LOCAL_MAILBOX_H

#include "base/span.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#define MAILBOX_NAME_MAX	255u	/* octets of one step of the path */

/* The calls that can fail, so that a test may let each of them. */
struct mailbox_system {
	int (*open)(int dir, const char *name, int flags, mode_t mode);
	int (*mkdir)(int dir, const char *name, mode_t mode);
	int (*stat)(int fd, struct stat *st);
	ssize_t (*writev)(int fd, const struct iovec *parts, int n);
	int (*sync_file)(int fd);	/* fsync: a file or a directory */
	int (*sync_all)(int fd);	/* syncfs */
	int (*rename)(int from, const char *a, int to, const char *b);
	int (*unlink)(int dir, const char *name, int flags);
	int (*close)(int fd);
};
extern const struct mailbox_system mailbox_system;

struct mailbox {
	int	dir;		/* cur, new and tmp are in it */
	int	tmp, new;
};

/*
 * Octets of the template's fixed part, its last slash included:
 * "/var/mail/{domain}/{user}" has 10, "/home/mail-{user}" has 6.
 */
size_t mailbox_base(struct span template);

/* May it be one step of a path: not empty, no slash or NUL, not . or .. */
bool mailbox_is_name(struct span name);

/*
 * Open (making what is missing) the mailbox of key in domain.
 *
 * base		the template's fixed part
 * template	the whole of it
 * ERR_DENIED: key or domain is no plain name, or a step is a link, not a
 * directory, not ours, or open to others; *why is a few words.
 * ERR_IO: errno says why.
 */
MUST_USE enum err mailbox_open(const struct mailbox_system *sys, int base,
    struct span template, struct span domain, struct span key,
    struct mailbox *box, const char **why);
void mailbox_close(const struct mailbox_system *sys, struct mailbox *box);

/*
 * Remove what a crash left in tmp more than 36 hours before now_s (the usual
 * age of Maildir cleaners).  Returns how many.
 */
unsigned int mailbox_sweep(const struct mailbox *box, int64_t now_s);

#endif
