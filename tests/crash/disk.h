/*
 * disk.h - a disk in memory that can lose what was not synced.
 *
 * Implements spool_files.  Each file and each directory has what a process sees
 * now and what is safe; between them stands a list of operations that no sync
 * has covered.  An image of a crash is the safe state and any subset of that
 * list, in its order (SECURITY-REQUIREMENTS 20, F1 to F7).
 *
 * A sync of a file makes its octets safe, not its name; a sync of a directory
 * makes its names safe.  A sync that fails loses the octets for good while
 * reads still show them, and the next sync succeeds; each other descriptor that
 * was open then is told once, as Linux does.
 */
#ifndef POSTHORSE_TESTS_CRASH_DISK_H
#define POSTHORSE_TESTS_CRASH_DISK_H

#include "spool/files.h"

#define DISK_SECTOR	512u
#define DISK_FILES	512u
#define DISK_NAMES	160u
#define DISK_FDS	256u
#define DISK_ROOT	1000	/* directory descriptor of the spool */
#define DISK_KEEP	1001	/* of quarantine/ in it */

enum disk_kind { DISK_WRITE, DISK_ALLOCATE, DISK_NAME };
struct disk_op {			/* done, but not safe */
	enum disk_kind	 kind;
	int		 file;
	uint64_t	 at, n;		/* WRITE; n: size of ALLOCATE */
	uint8_t		*octets;
	int		 from_dir, to_dir;	/* NAME; 0: none */
	char		 from[SPOOL_NAME_MAX], to[SPOOL_NAME_MAX];
};
struct disk_file {
	uint8_t	*now, *safe;
	size_t	 now_n, safe_n, room;
	unsigned int failures;		/* syncs of it that failed */
};
struct disk_name {
	int	dir, file;
	char	name[SPOOL_NAME_MAX];
};
struct disk_names {
	struct disk_name	at[DISK_NAMES];
	size_t			n;
};

struct disk {
	struct disk_file	 files[DISK_FILES];
	size_t			 nfiles;
	struct disk_names	 now, safe;
	struct disk_op		*ops;
	size_t			 nops, room;
	struct {
		int		file;
		unsigned int	failures;	/* that were told here */
		bool		is_open;
	} fds[DISK_FDS];
	int			 lock_fd;	/* that holds the lock + 1; 0: none */
	uint64_t		 clock, seed;
	uint32_t		 magic;		/* of the file system */
	uint64_t		 calls;		/* that change something */
	uint64_t		 fail_at;	/* call that fails; 0: none */
	int			 fail_why;
	/* Writes and allocations from the n-th on fail so: 1 is now; 0: none. */
	uint64_t		 full_after;
	int			 full_why;
	uint64_t		 reads;
	uint64_t		 fail_read;	/* read that fails: EIO; 0: none */
	unsigned int		 odd;		/* one in so many calls is short
						 * or interrupted; 0: none */
	/* Before each call that changes something. */
	void			(*before)(void *arg, struct disk *d);
	/*
	 * Before a name of the spool goes, and before the first SPOOL_FIRST
	 * octets of a file with a name that is safe are written again.
	 */
	void			(*losing)(void *arg, struct disk *d, int file);
	void			*arg, *losing_arg;
};

struct disk *disk_new(uint64_t seed);
/* Memory is short: what a failed sync has lost is not shown any longer. */
void disk_pressure(struct disk *d);
void disk_free(struct disk *d);
struct spool_files disk_table(struct disk *d);
uint64_t disk_random(struct disk *d);

/* How an image is made from the operations that are not safe. */
enum disk_image {
	IMAGE_NOTHING,
	IMAGE_ALL,
	IMAGE_MISSING,		/* all but the which-th */
	IMAGE_ALONE,		/* the which-th alone */
	IMAGE_PREFIX,		/* those before the which-th */
	IMAGE_SECTORS,		/* any subset of sectors and names; seed which */
	IMAGE_TORN,		/* likewise, one sector half written */
	IMAGE_SUBSET,		/* operations whose bit is set in which */
	IMAGE_COUNT
};
/* A new disk as the crash leaves it: no descriptor, no lock, all of it safe. */
struct disk *disk_crash(const struct disk *d, enum disk_image kind,
    uint64_t which);
/* The octets of a name, or an empty span. */
struct span disk_octets(const struct disk *d, int dir, const char *name);
/* A file put there behind everybody's back, safe at once. */
void disk_plant(struct disk *d, int dir, const char *name, struct span octets);
/* What a disk may do to octets that it had (F7), now and safe. */
enum disk_damage {
	DAMAGE_BIT,		/* one bit turned */
	DAMAGE_ZERO,		/* a sector of zeros */
	DAMAGE_MISDIRECTED,	/* another sector of the same file */
	DAMAGE_STALE,		/* what another file holds there */
	DAMAGE_COUNT
};
/*
 * Hurt a file at octet `at` (DAMAGE_BIT: its bit `chance` % 8; the others: the
 * sector around it).  False: nothing changed by it.
 */
bool disk_damage(struct disk *d, const char *name, enum disk_damage kind,
    uint64_t at, uint64_t chance);
/* A file taken away behind everybody's back. */
void disk_remove(struct disk *d, int dir, const char *name);
size_t disk_count(const struct disk *d, int dir, const char *prefix);

#endif
