/*
 * files_posix.h - the system's files without any wrapping; see files.h.
 */
#ifndef POSTHORSE_SPOOL_FILES_POSIX_H
#define POSTHORSE_SPOOL_FILES_POSIX_H

#include "spool/files.h"

struct spool_files files_posix_plain(void);

#endif
