/*
 * sandbox_landlock.c - Landlock by raw system calls.
 *
 * The header of an old distribution knows an old Landlock; the kernel says
 * what it offers (its ABI number), and the constants are here.
 */
#include "os/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif

#define ASK_VERSION		1u	/* landlock_create_ruleset's flag */
#define RULE_PATH_BENEATH	1
#define RULE_NET_PORT		2

#define FS_WRITE_FILE	((uint64_t)1 << 1)
#define FS_READ_FILE	((uint64_t)1 << 2)
#define FS_READ_DIR	((uint64_t)1 << 3)
#define FS_REMOVE_DIR	((uint64_t)1 << 4)
#define FS_REMOVE_FILE	((uint64_t)1 << 5)
#define FS_MAKE_DIR	((uint64_t)1 << 7)
#define FS_MAKE_REG	((uint64_t)1 << 8)
#define FS_REFER	((uint64_t)1 << 13)	/* ABI 2 */
#define FS_TRUNCATE	((uint64_t)1 << 14)	/* ABI 3 */
#define FS_IOCTL_DEV	((uint64_t)1 << 15)	/* ABI 5 */
#define FS_ABI_2	(FS_TRUNCATE - 1)	/* all rights up to REFER */
#define NET_BIND	((uint64_t)1 << 0)	/* ABI 4 */
#define NET_CONNECT	((uint64_t)1 << 1)
#define SCOPE_ALL	((uint64_t)3)		/* ABI 6: sockets, signals */

#define READ_FILE_RIGHTS	FS_READ_FILE
#define READ_DIR_RIGHTS		(FS_READ_FILE | FS_READ_DIR)
#define WRITE_FILE_RIGHTS	(FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)
/* Regular files and directories; no links, devices, sockets or pipes. */
#define WRITE_DIR_RIGHTS	(WRITE_FILE_RIGHTS | FS_READ_DIR | \
	FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER)

struct ruleset {		/* struct landlock_ruleset_attr of ABI 6 */
	uint64_t	fs;
	uint64_t	net;
	uint64_t	scoped;
};
struct rule_path {
	uint64_t	allowed;
	int32_t		fd;
} __attribute__((packed));
struct rule_port {
	uint64_t	allowed;
	uint64_t	port;
};

int
sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static enum err
ruleset_make(int abi, const struct sandbox_reach *reach, struct ruleset *set,
    int *fd)
{
	size_t size = abi >= 6 ? sizeof *set : abi >= 4 ? 16 : 8;
	long f;

	*set = (struct ruleset){ .fs = FS_ABI_2 };
	if (abi >= 3)
		set->fs |= FS_TRUNCATE;
	if (abi >= 5)
		set->fs |= FS_IOCTL_DEV;
	if (abi >= 4)
		set->net = reach->is_connect_free ? NET_BIND :
		    NET_BIND | NET_CONNECT;
	if (abi >= 6)
		set->scoped = SCOPE_ALL;
	f = syscall(SYS_landlock_create_ruleset, set, size, 0);
	if (f < 0)
		return ERR_IO;
	*fd = (int)f;
	return ERR_OK;
}

static enum err
dir_add(int ruleset, uint64_t handled, const struct sandbox_dir *dir)
{
	struct rule_path rule = { .fd = dir->fd };
	struct stat st;

	if (fstat(dir->fd, &st) != 0)
		return ERR_IO;
	if (S_ISDIR(st.st_mode))
		rule.allowed = dir->is_writable ? WRITE_DIR_RIGHTS :
		    READ_DIR_RIGHTS;
	else
		rule.allowed = dir->is_writable ? WRITE_FILE_RIGHTS :
		    READ_FILE_RIGHTS;
	rule.allowed &= handled;
	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH,
	    &rule, 0) == 0 ? ERR_OK : ERR_IO;
}

static enum err
port_add(int ruleset, uint16_t port)
{
	struct rule_port rule = { .allowed = NET_CONNECT, .port = port };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule,
	    0) == 0 ? ERR_OK : ERR_IO;
}

/* A leak checker lists our threads and what we have mapped. */
static enum err
proc_add(int ruleset, uint64_t handled)
{
	struct sandbox_dir proc = { open("/proc", O_PATH | O_CLOEXEC), false };
	enum err e;

	if (proc.fd < 0)
		return ERR_IO;
	e = dir_add(ruleset, handled, &proc);
	(void)close(proc.fd);
	return e;
}

static enum err
rules_add(int ruleset, const struct ruleset *set,
    const struct sandbox_reach *reach)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < reach->ndirs && e == ERR_OK; i++)
		e = dir_add(ruleset, set->fs, &reach->dirs[i]);
	if (SANDBOX_IS_WIDE && e == ERR_OK)
		e = proc_add(ruleset, set->fs);
	if (!(set->net & NET_CONNECT))
		return e;
	for (size_t i = 0; i < reach->nconnect_ports && e == ERR_OK; i++)
		e = port_add(ruleset, reach->connect_ports[i]);
	return e;
}

enum err
sandbox_landlock(const struct sandbox_system *sys,
    const struct sandbox_reach *reach, unsigned int *laid)
{
	struct ruleset set;
	int abi, fd;
	enum err e;

	abi = (sys != NULL ? sys : &sandbox_system)->landlock_abi();
	/* The first version forbids every rename between directories, and
	 * without that no mail is delivered. */
	if (abi < 2) {
		*laid = 0;
		return ERR_OK;
	}
	e = ruleset_make(abi, reach, &set, &fd);
	if (e != ERR_OK)
		return e;
	e = rules_add(fd, &set, reach);
	if (e == ERR_OK && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		e = ERR_IO;
	(void)close(fd);
	if (e != ERR_OK)
		return e;
	*laid = SANDBOX_LANDLOCK | (set.net != 0 ? SANDBOX_LANDLOCK_NET : 0) |
	    (set.scoped != 0 ? SANDBOX_LANDLOCK_SCOPE : 0);
	return ERR_OK;
}
