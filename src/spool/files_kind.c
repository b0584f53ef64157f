/*
 * files_kind.c - which file systems keep what a sync promised (SPL-14).
 *
 * By the number that fstatfs calls f_type; the numbers are the kernel's
 * (linux/magic.h).
 */
#include "spool/files.h"

static const struct {
	uint32_t		magic;
	struct spool_disk_kind	kind;
} kinds[] = {
	{ 0x6969, { SPOOL_DISK_REFUSED,
	    "nfs: a sync may return before the server has the octets" } },
	{ 0x65735546, { SPOOL_DISK_REFUSED,
	    "fuse: a sync means what its program makes of it" } },
	{ 0x01021997, { SPOOL_DISK_REFUSED,
	    "9p: a sync may end in the other machine's memory" } },
	{ 0xff534d42, { SPOOL_DISK_REFUSED,
	    "cifs: a sync may end in the server's memory" } },
	{ 0xfe534d42, { SPOOL_DISK_REFUSED,
	    "smb: a sync may end in the server's memory" } },
	{ 0x794c7630, { SPOOL_DISK_DOUBTFUL,
	    "overlay: a volatile mount would not sync" } },
	{ 0x01021994, { SPOOL_DISK_DOUBTFUL,
	    "tmpfs: mail is gone with the machine's memory" } },
	{ 0x858458f6, { SPOOL_DISK_DOUBTFUL,
	    "ramfs: mail is gone with the machine's memory" } },
};

struct spool_disk_kind
spool_disk_kind(uint32_t magic)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i].magic == magic)
			return kinds[i].kind;
	return (struct spool_disk_kind){ SPOOL_DISK_GOOD, "" };
}
