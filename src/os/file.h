/*
 * file.h - the few things we do with files, each done carefully once.
 *
 * Names are opened relative to a directory descriptor, symbolic links are not
 * followed, descriptors do not outlive an exec.  Interrupted calls go on.
 */
#ifndef POSTHORSE_OS_FILE_H
#define POSTHORSE_OS_FILE_H

#include "base/buf.h"

#include <sys/types.h>

/*
 * openat with O_NOFOLLOW | O_CLOEXEC | O_NOCTTY added.  name is one component
 * or a path of our own configuration; only its last component is checked for
 * a symbolic link.  ERR_NONE: not there; ERR_DENIED: a symbolic link or no
 * permission; ERR_IO.
 */
MUST_USE enum err file_open_at(int dir, const char *name, int flags,
    mode_t mode, int *fd);
/*
 * Append all of fd, from its start, to *to.  ERR_FULL: longer than the buf's
 * limit allows.
 */
MUST_USE enum err file_read_all(int fd, struct buf *to);
/* Write all, at the file's offset.  ERR_FULL: no space or quota; ERR_IO. */
MUST_USE enum err file_write_all(int fd, struct span octets);
/*
 * Append size octets of `from` at offset to `to`, in the kernel.  ERR_SHORT:
 * `from` ends before.  ERR_FULL, ERR_IO.
 */
MUST_USE enum err file_copy(int to, int from, uint64_t offset, uint64_t size);
/* An anonymous file in memory that can be sealed; name is for /proc. */
MUST_USE enum err file_memfd(const char *name, int *fd);
/* From now on nobody can change it, through any descriptor. */
MUST_USE enum err file_seal(int fd);
/* True when it is a memfd that can neither change nor shrink. */
bool file_is_sealed(int fd);
/* Close unless it is -1. */
void file_close(int fd);

#endif
