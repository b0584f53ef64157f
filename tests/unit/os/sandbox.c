/*
 * sandbox.c - every profile in a child of its own: what must work does, what
 * must not kills it.
 */
#include "check.h"

#include "os/file.h"
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIVES	0	/* the child's own exit code */
#define KILLED	(-1)

/* Run in a child: its exit code, or KILLED by seccomp's SIGSYS. */
static int
in_child(int (*run)(const void *), const void *arg)
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(arg));
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED :
		    1000 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* Things to try; 0 when the system let them happen. */

static int
do_nothing(void)
{
	return 0;
}

static int
do_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}

static int
do_open_write(void)
{
	return openat(AT_FDCWD, "/etc/posthorse-test", O_WRONLY | O_CREAT |
	    O_CLOEXEC, 0600) >= 0 ? 0 : errno;
}

static int
do_exec(void)
{
	static char path[] = "/bin/true";
	char *argv[] = { path, NULL };

	(void)execve(path, argv, NULL);
	return errno;
}

static int
do_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : errno;
}

static int
do_socket_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : errno;
}

static int
do_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };

	(void)connect(-1, (struct sockaddr *)&a, sizeof a);
	return 0;
}

static int
do_bind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	(void)bind(-1, (struct sockaddr *)&a, sizeof a);
	return 0;
}

static int
do_listen(void)
{
	(void)listen(-1, 1);
	return 0;
}

static int
do_accept(void)
{
	(void)accept4(-1, NULL, NULL, SOCK_CLOEXEC);
	return 0;
}

static int
do_ptrace(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static int
do_map_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED ? 0 : errno;
}

static int
do_protect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
}

static int
do_setuid(void)
{
	return setresuid(getuid(), getuid(), getuid()) == 0 ? 0 : errno;
}

static int
do_kill(void)
{
	return kill(getppid(), 0) == 0 ? 0 : errno;
}

static int
do_fork(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) >= 0 ? 0 :
	    errno;
}

static int
do_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

static int
do_clone_namespace(void)
{
	(void)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL,
	    NULL);
	return 0;
}

static int
do_io_uring(void)
{
	(void)syscall(SYS_io_uring_setup, 1, NULL);
	return 0;
}

static int
do_bpf(void)
{
	(void)syscall(SYS_bpf, 0, NULL, 0);
	return 0;
}

static int
do_keyctl(void)
{
	(void)syscall(SYS_keyctl, 0, 0, 0, 0, 0);
	return 0;
}

static int
do_userfaultfd(void)
{
	(void)syscall(SYS_userfaultfd, 0);
	return 0;
}

static int
do_vm_read(void)
{
	(void)syscall(SYS_process_vm_readv, 0, NULL, 0, NULL, 0, 0);
	return 0;
}

static int
do_mount(void)
{
	(void)syscall(SYS_mount, NULL, NULL, NULL, 0, NULL);
	return 0;
}

static int
do_module(void)
{
	(void)syscall(SYS_init_module, NULL, 0, NULL);
	return 0;
}

static int
do_truncate(void)
{
	(void)!ftruncate(-1, 0);
	return 0;
}

static int
do_allocate(void)
{
	(void)fallocate(-1, 0, 0, 1);
	return 0;
}

static int
do_sync(void)
{
	(void)fdatasync(-1);
	return 0;
}

static int
do_sync_dir(void)
{
	(void)fsync(-1);
	return 0;
}

static int
do_write_at(void)
{
	(void)!pwrite(-1, "x", 1, 0);
	return 0;
}

static int
do_rename(void)
{
	(void)renameat(-1, "a", -1, "b");
	return 0;
}

static int
do_unlink(void)
{
	(void)unlinkat(-1, "a", 0);
	return 0;
}

static int
do_memfd(void)
{
	return memfd_create("x", MFD_CLOEXEC) >= 0 ? 0 : errno;
}

static int
do_random(void)
{
	uint8_t octets[16];

	return syscall(SYS_getrandom, octets, sizeof octets, 0) == 16 ? 0 : 1;
}

static int
do_memory(void)
{
	for (size_t n = 1; n < (1u << 24); n *= 4) {
		void *p = malloc(n);

		if (p == NULL)
			return 1;
		memset(p, 1, n);
		free(p);
	}
	return 0;
}

/* The C library's late readers of files. */
static int
do_dates(void)
{
	time_t now = time(NULL);
	char text[64];
	struct tm tm;

	return gmtime_r(&now, &tm) != NULL && localtime_r(&now, &tm) != NULL &&
	    strftime(text, sizeof text, "%a, %d %b %Y %z", &tm) > 0 &&
	    strlen(strerror(ENOENT)) > 0 ? 0 : 1;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static int
do_sort(void)
{
	static uint8_t items[4096][8];

	qsort(items, 4096, 8, compare);
	return fprintf(stderr, "%s", "") == 0 ? 0 : 1;
}

static int
do_abort(void)
{
	abort();
}

#define R(role)		(1u << SANDBOX_##role)
#define NOBODY		0u
#define ROLES		(R(ADMIN) | R(LOOKUP) | R(RESOLVER) | R(QUEUE) | \
	R(LOCAL) | R(SENDER) | R(RECEIVER) | R(KEYS) | R(STATE) | \
	R(SQLITE) | R(DOVECOT) | R(POSTGRESQL) | R(LDAP) | \
	R(TOKEN))
#define SERVERS		(R(POSTGRESQL) | R(LDAP) | R(TOKEN))

/* PRV-1, section 11: who may do it and live.  The supervisor has its own. */
static const struct {
	const char	*name;
	int		(*run)(void);
	unsigned int	 lives;		/* bits of roles */
} tries[] = {
	{ "nothing", do_nothing, ROLES },
	{ "random", do_random, ROLES },
	{ "memory", do_memory, ROLES },
	{ "dates", do_dates, ROLES },
	{ "qsort and standard error", do_sort, ROLES },
	/* By SIGABRT, not by SIGSYS. */
	{ "abort", do_abort, ROLES },
	{ "exec", do_exec, NOBODY },
	{ "fork", do_fork, NOBODY },
	{ "kill", do_kill, NOBODY },
	{ "setresuid", do_setuid, NOBODY },
	{ "ptrace", do_ptrace, NOBODY },
	{ "process_vm_readv", do_vm_read, NOBODY },
	{ "mmap exec", do_map_exec, NOBODY },
	{ "mprotect exec", do_protect_exec, NOBODY },
	{ "io_uring", do_io_uring, NOBODY },
	{ "bpf", do_bpf, NOBODY },
	{ "keyctl", do_keyctl, NOBODY },
	{ "userfaultfd", do_userfaultfd, NOBODY },
	{ "mount", do_mount, NOBODY },
	{ "init_module", do_module, NOBODY },
	{ "unshare", do_namespace, NOBODY },
	{ "clone into a namespace", do_clone_namespace, NOBODY },
	{ "listen", do_listen, NOBODY },
	{ "UNIX socket", do_socket_unix, R(DOVECOT) | R(POSTGRESQL) | R(LDAP) },
	{ "socket", do_socket, R(SENDER) | R(RESOLVER) | SERVERS },
	{ "connect", do_connect,
	    R(SENDER) | R(RESOLVER) | R(DOVECOT) | SERVERS },
	{ "bind", do_bind, R(RESOLVER) },
	{ "accept4", do_accept, R(RECEIVER) | R(ADMIN) },
	{ "open to read", do_open,
	    R(LOOKUP) | R(RESOLVER) | R(QUEUE) | R(LOCAL) | R(ADMIN) |
	    R(STATE) | R(SQLITE) | SERVERS },
	{ "open to write", do_open_write,
	    R(QUEUE) | R(LOCAL) | R(ADMIN) | R(STATE) },
	{ "ftruncate", do_truncate, R(QUEUE) | R(LOCAL) | R(ADMIN) | R(STATE) },
	{ "fallocate", do_allocate, R(QUEUE) | R(ADMIN) },
	{ "fdatasync", do_sync,
	    R(RECEIVER) | R(QUEUE) | R(LOCAL) | R(ADMIN) | R(STATE) },
	{ "fsync", do_sync_dir, R(QUEUE) | R(LOCAL) | R(ADMIN) | R(STATE) },
	{ "pwrite", do_write_at, R(RECEIVER) | R(QUEUE) | R(ADMIN) | R(STATE) },
	{ "rename", do_rename, R(QUEUE) | R(LOCAL) | R(ADMIN) },
	{ "unlink", do_unlink, R(QUEUE) | R(LOCAL) | R(ADMIN) | R(STATE) },
	{ "memfd_create", do_memfd, R(QUEUE) },
};

struct attempt {
	enum sandbox_profile	profile;
	int			(*run)(void);
};

#define NO_SANDBOX	200

static int
attempt_run(const void *arg)
{
	static const struct sandbox_reach nothing = { 0 };
	const struct attempt *a = arg;
	unsigned int landlock = 0, seccomp = 0;

	if (sandbox_harden(a->profile, false) != ERR_OK ||
	    (a->profile != SANDBOX_SUPERVISOR &&
	    sandbox_landlock(NULL, &nothing, &landlock) != ERR_OK) ||
	    sandbox_seccomp(NULL, a->profile, &seccomp) != ERR_OK)
		return NO_SANDBOX;
	return a->run();
}

#if defined(__SANITIZE_ADDRESS__)
#define IS_WIDE	true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_WIDE	true
#endif
#endif
#ifndef IS_WIDE
#define IS_WIDE	false
#endif

static void
test_profiles(void **state UNUSED)
{
	/* The wider row of a sanitizer's build lets more live. */
	if (IS_WIDE)
		skip();
	for (unsigned int p = 0; p < SANDBOX_PROFILE_COUNT; p++)
		for (size_t i = 0; i < COUNT(tries); i++) {
			struct attempt a = { p, tries[i].run };
			int end;

			/* PAM has no list of its own. */
			if (p == SANDBOX_SUPERVISOR || p == SANDBOX_PAM)
				continue;
			end = in_child(attempt_run, &a);
			CHECK(end != NO_SANDBOX, "%s", sandbox_profile_name(p));
			CHECK_NUM(end == KILLED, !(tries[i].lives >> p & 1),
			    "%s: %s ends with %d", sandbox_profile_name(p),
			    tries[i].name, end);
		}
}

static int
do_take_much(void)
{
	void *p = malloc(SANDBOX_BACKEND_DATA);
	int end = p == NULL ? ENOMEM : 0;

	free(p);
	return end;
}

/* What a database or a directory says is taken whole by its library. */
static void
test_memory_of_back_ends(void **state UNUSED)
{
	if (IS_WIDE)
		skip();
	for (unsigned int p = SANDBOX_ADMIN; p < SANDBOX_PROFILE_COUNT; p++) {
		struct attempt a = { p, do_take_much };
		bool is_bounded = p >= SANDBOX_SQLITE && p <= SANDBOX_TOKEN;

		if (p == SANDBOX_PAM)
			continue;
		CHECK_NUM(in_child(attempt_run, &a), is_bounded ? ENOMEM : 0,
		    "%s", sandbox_profile_name(p));
	}
}

/* Landlock: who may call open may still open nothing outside its reach. */
static void
test_nothing_in_reach(void **state UNUSED)
{
	static const enum sandbox_profile openers[] = { SANDBOX_LOOKUP,
	    SANDBOX_QUEUE, SANDBOX_LOCAL, SANDBOX_ADMIN, SANDBOX_RESOLVER };

	for (size_t i = 0; i < COUNT(openers); i++) {
		struct attempt a = { openers[i], do_open };

		CHECK_NUM(in_child(attempt_run, &a), EACCES, "%s",
		    sandbox_profile_name(openers[i]));
	}
}

static const struct {
	const char	*name;
	int		(*run)(void);
	bool		 lives;
} supervisor_tries[] = {
	{ "exec", do_exec, true },
	{ "fork", do_fork, true },
	{ "open", do_open, true },
	{ "socket", do_socket, true },
	{ "mprotect exec", do_protect_exec, true },
	{ "mmap write and exec", do_map_exec, false },
	{ "io_uring", do_io_uring, false },
	{ "bpf", do_bpf, false },
	{ "keyctl", do_keyctl, false },
	{ "userfaultfd", do_userfaultfd, false },
	{ "process_vm_readv", do_vm_read, false },
	{ "mount", do_mount, false },
	{ "init_module", do_module, false },
	{ "unshare", do_namespace, false },
	{ "clone into a namespace", do_clone_namespace, false },
	{ "ptrace", do_ptrace, IS_WIDE },
};

static void
test_supervisor(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(supervisor_tries); i++) {
		struct attempt a = { SANDBOX_SUPERVISOR,
		    supervisor_tries[i].run };
		int end = in_child(attempt_run, &a);

		CHECK_NUM(end != KILLED, supervisor_tries[i].lives,
		    "%s ends with %d", supervisor_tries[i].name, end);
	}
}

/* What /proc shows of a process in its sandbox. */
static int
status_run(const void *arg UNUSED)
{
	static const char *const wanted[] = { "CapInh:\t0000000000000000",
	    "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
	    "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2" };
	static char text[8192];
	unsigned int laid;
	struct rlimit core;
	int fd;

	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || sandbox_harden(SANDBOX_QUEUE, false) != ERR_OK ||
	    getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0 ||
	    /* A leak checker reads /proc/self, which is ours only then. */
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != (IS_WIDE ? 1 : 0) ||
	    sandbox_seccomp(NULL, SANDBOX_QUEUE, &laid) != ERR_OK ||
	    laid != SANDBOX_SECCOMP)
		return 1;
	if (pread(fd, text, sizeof text - 1, 0) <= 0)
		return 2;
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (strstr(text, wanted[i]) == NULL)
			return 10 + (int)i;
	return 0;
}

static void
test_status(void **state UNUSED)
{
	CHECK_NUM(in_child(status_run, NULL), 0, "/proc/self/status");
}

/* Seccomp is laid over threads that exist already. */
static void *
thread_tries(void *arg)
{
	int *gate = arg;
	char octet;

	if (read(gate[0], &octet, 1) == 1)
		(void)do_keyctl();
	return NULL;
}

static int
threads_run(const void *arg UNUSED)
{
	unsigned int laid;
	pthread_t thread;
	int gate[2];

	if (pipe(gate) != 0 ||
	    pthread_create(&thread, NULL, thread_tries, gate) != 0 ||
	    sandbox_harden(SANDBOX_RECEIVER, false) != ERR_OK ||
	    sandbox_seccomp(NULL, SANDBOX_RECEIVER, &laid) != ERR_OK)
		return 1;
	if (write(gate[1], "x", 1) != 1)
		return 2;
	(void)pthread_join(thread, NULL);
	return 0;
}

static void
test_older_threads(void **state UNUSED)
{
	CHECK_NUM(in_child(threads_run, NULL), KILLED, "thread");
}

/*
 * Much memory that a thread has taken is given back by it: the C library may
 * not want to read how generous the system is with it.
 */
static void *
thread_gives_back(void *arg)
{
	int *gate = arg;
	void *blocks[64];
	char octet;

	if (read(gate[0], &octet, 1) != 1)
		return NULL;
	for (size_t i = 0; i < COUNT(blocks); i++)
		blocks[i] = malloc(16 * 1024);
	for (size_t i = COUNT(blocks); i > 0; i--)
		free(blocks[i - 1]);
	return NULL;
}

static int
memory_run(const void *arg UNUSED)
{
	unsigned int laid;
	pthread_t thread;
	int gate[2];

	if (pipe(gate) != 0 ||
	    sandbox_harden(SANDBOX_RECEIVER, false) != ERR_OK ||
	    pthread_create(&thread, NULL, thread_gives_back, gate) != 0 ||
	    sandbox_seccomp(NULL, SANDBOX_RECEIVER, &laid) != ERR_OK)
		return 1;
	if (write(gate[1], "x", 1) != 1)
		return 2;
	(void)pthread_join(thread, NULL);
	return LIVES;
}

static void
test_memory_of_threads(void **state UNUSED)
{
	CHECK_NUM(in_child(memory_run, NULL), LIVES, "thread");
}

/* Reach */

struct reach_case {
	char	read_dir[64], write_dir[64];
};

static bool
may_make(int dir)
{
	int fd;

	if (file_open_at(dir, "made", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd)
	    != ERR_OK)
		return false;
	(void)close(fd);
	return true;
}

static int
reach_run(const void *arg)
{
	const struct reach_case *c = arg;
	int r = open(c->read_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int w = open(c->write_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sandbox_dir dirs[] = { { r, false }, { w, true } };
	struct sandbox_reach reach = { .dirs = dirs, .ndirs = 2 };
	unsigned int laid;
	int fd;

	if (r < 0 || w < 0 || sandbox_harden(SANDBOX_LOCAL, false) != ERR_OK ||
	    sandbox_landlock(NULL, &reach, &laid) != ERR_OK ||
	    !(laid & SANDBOX_LANDLOCK))
		return 1;
	if (file_open_at(r, "file", O_RDONLY, 0, &fd) != ERR_OK)
		return 2;
	if (file_open_at(r, "file", O_WRONLY, 0, &fd) != ERR_DENIED)
		return 3;
	if (may_make(r))
		return 4;
	if (!may_make(w))
		return 5;
	if (mkdirat(w, "a", 0700) != 0 || mkdirat(w, "b", 0700) != 0 ||
	    renameat(w, "made", w, "b/moved") != 0 ||
	    unlinkat(w, "b/moved", 0) != 0)
		return 6;
	if (symlinkat("/etc", w, "link") == 0 ||
	    mkfifoat(w, "fifo", 0600) == 0)
		return 7;
	if (file_open_at(AT_FDCWD, "/etc/passwd", O_RDONLY, 0, &fd) !=
	    ERR_DENIED)
		return 8;
	return do_exec() == EACCES ? 0 : 9;
}

static void
test_reach(void **state UNUSED)
{
	struct reach_case c = { "/tmp/posthorse-sandbox-r-XXXXXX",
	    "/tmp/posthorse-sandbox-w-XXXXXX" };
	char file[128];
	int fd;

	assert_non_null(mkdtemp(c.read_dir));
	assert_non_null(mkdtemp(c.write_dir));
	(void)snprintf(file, sizeof file, "%s/file", c.read_dir);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	CHECK_NUM(in_child(reach_run, &c), 0, "step that failed");
	(void)unlink(file);
	(void)rmdir(c.read_dir);
	(void)snprintf(file, sizeof file, "%s/a", c.write_dir);
	(void)rmdir(file);
	(void)snprintf(file, sizeof file, "%s/b", c.write_dir);
	(void)rmdir(file);
	(void)rmdir(c.write_dir);
}

static int
connect_errno(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? 0 : errno;
}

static int
ports_run(const void *arg UNUSED)
{
	static const uint16_t ports[] = { 1 };
	struct sandbox_reach reach = { .connect_ports = ports,
	    .nconnect_ports = 1 };
	unsigned int laid;

	if (sandbox_harden(SANDBOX_SENDER, false) != ERR_OK ||
	    sandbox_landlock(NULL, &reach, &laid) != ERR_OK)
		return 1;
	if (!(laid & SANDBOX_LANDLOCK_NET))
		return 0;
	return connect_errno(1) == ECONNREFUSED &&
	    connect_errno(2) == EACCES ? 0 : 2;
}

static void
test_ports(void **state UNUSED)
{
	CHECK_NUM(in_child(ports_run, NULL), 0, "listed port only");
}

/* PRV-6: an older kernel. */
static int
no_abi(void)
{
	return 0;
}

static int
first_abi(void)
{
	return 1;
}

static bool
no_seccomp(void)
{
	return false;
}

static int
older_run(const void *arg UNUSED)
{
	static const struct sandbox_reach nothing = { 0 };
	struct sandbox_system old = sandbox_system;
	unsigned int laid = 99;

	old.landlock_abi = no_abi;
	old.has_seccomp = no_seccomp;
	if (sandbox_landlock(&old, &nothing, &laid) != ERR_OK || laid != 0)
		return 1;
	old.landlock_abi = first_abi;
	laid = 99;
	if (sandbox_landlock(&old, &nothing, &laid) != ERR_OK || laid != 0)
		return 2;
	laid = 99;
	if (sandbox_seccomp(&old, SANDBOX_QUEUE, &laid) != ERR_OK || laid != 0)
		return 3;
	return do_open();
}

static void
test_older_kernel(void **state UNUSED)
{
	CHECK_NUM(in_child(older_run, NULL), 0, "told, and nothing laid");
}

/* PRV-2: a system in which one call lies or fails. */

static uid_t fake_uid;
static gid_t fake_gid;
static enum { LIE_NONE, LIE_GROUPS_FAIL, LIE_GID_FAIL, LIE_UID_FAIL,
    LIE_GID_KEPT, LIE_UID_KEPT, LIE_WAY_BACK, LIE_WAY_BACK_GID,
    LIE_WAY_BACK_GROUPS, LIE_READ_FAIL, LIE_GROUPS_KEPT, LIE_COUNT } lie;

static int
fake_setgroups(size_t n, const gid_t *list UNUSED)
{
	if (n > 0)
		return lie == LIE_WAY_BACK_GROUPS ? 0 : -1;
	return lie == LIE_GROUPS_FAIL ? -1 : 0;
}

static int
fake_setresgid(gid_t r UNUSED, gid_t e, gid_t s UNUSED)
{
	if (e == 0)
		return lie == LIE_WAY_BACK_GID ? 0 : -1;
	if (lie == LIE_GID_FAIL)
		return -1;
	if (lie != LIE_GID_KEPT)
		fake_gid = e;
	return 0;
}

static int
fake_setresuid(uid_t r UNUSED, uid_t e, uid_t s UNUSED)
{
	if (e == 0)
		return lie == LIE_WAY_BACK ? 0 : -1;
	if (lie == LIE_UID_FAIL)
		return -1;
	if (lie != LIE_UID_KEPT)
		fake_uid = e;
	return 0;
}

static int
fake_getresgid(gid_t *r, gid_t *e, gid_t *s)
{
	*r = *e = *s = fake_gid;
	return 0;
}

static int
fake_getresuid(uid_t *r, uid_t *e, uid_t *s)
{
	*r = *e = *s = fake_uid;
	return lie == LIE_READ_FAIL && fake_uid != 0 ? -1 : 0;
}

static int
fake_getgroups(int n UNUSED, gid_t *list UNUSED)
{
	return lie == LIE_GROUPS_KEPT ? 1 : 0;
}

static int
lies_run(const void *arg UNUSED)
{
	static const struct sandbox_system fake = {
		fake_setgroups, fake_setresgid, fake_setresuid, fake_getresgid,
		fake_getresuid, fake_getgroups, no_abi, no_seccomp };

	for (lie = LIE_NONE; lie < LIE_COUNT; lie++) {
		fake_uid = 0;
		fake_gid = 0;
		if ((sandbox_drop_ids(&fake, 1000, 1000) == ERR_OK) !=
		    (lie == LIE_NONE))
			return 1 + (int)lie;
	}
	lie = LIE_NONE;
	fake_uid = 0;
	return sandbox_drop_ids(&fake, 0, 1000) == ERR_DENIED &&
	    sandbox_drop_ids(&fake, 1000, 0) == ERR_DENIED ? 0 : 100;
}

static void
test_drop_that_fails(void **state UNUSED)
{
	CHECK_NUM(in_child(lies_run, NULL), 0, "1 + the lie believed");
}

static int
drop_run(const void *arg UNUSED)
{
	if (sandbox_drop_ids(NULL, 65534, 65534) != ERR_OK)
		return 1;
	if (getuid() != 65534 || getgid() != 65534 || getgroups(0, NULL) != 0)
		return 2;
	if (sandbox_harden(SANDBOX_RECEIVER, false) != ERR_OK)
		return 3;
	/* Ours already, or another's. */
	if (sandbox_drop_ids(NULL, 65534, 65534) != ERR_OK ||
	    sandbox_drop_ids(NULL, 1, 1) != ERR_DENIED)
		return 4;
	return setuid(0) == 0 ? 5 : 0;
}

static void
test_drop(void **state UNUSED)
{
	if (geteuid() != 0)
		skip();
	CHECK_NUM(in_child(drop_run, NULL), 0, "step that failed");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_profiles, "PRV-1"),
		TEST(test_memory_of_back_ends, ""),
		TEST(test_nothing_in_reach, "PRV-1"),
		TEST(test_supervisor, "PRV-1"),
		TEST(test_status, "PRV-1"),
		TEST(test_older_threads, "PRV-1"),
		TEST(test_memory_of_threads, "PRV-1"),
		TEST(test_reach, "PRV-1"),
		TEST(test_ports, "PRV-1"),
		TEST(test_older_kernel, "PRV-6"),
		TEST(test_drop_that_fails, "PRV-2"),
		TEST(test_drop, "PRV-2"),
	};

	return RUN_TESTS(tests);
}
