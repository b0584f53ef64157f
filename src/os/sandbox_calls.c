/*
 * sandbox_calls.c - who may call what, and why.
 *
 * One row a system call, one column that says for whom.  A role's profile is
 * its column read from top to bottom; what is in no row kills the process.
 * Rows were found by tracing each role, and each has its reason: a call whose
 * reason has gone goes too.
 *
 * Started threads and opened epoll, signal and timer descriptors are older
 * than the filter, so their calls are missing here.
 */
#include "os/sandbox_private.h"

#include <seccomp.h>

#define R(role)		(1u << SANDBOX_##role)
#define ADMIN		R(ADMIN)
#define LOOKUP		R(LOOKUP)
#define RESOLVER	R(RESOLVER)
#define QUEUE		R(QUEUE)
#define LOCAL		R(LOCAL)
#define SENDER		R(SENDER)
#define RECEIVER	R(RECEIVER)
#define KEYS		R(KEYS)
#define STATE		R(STATE)
#define SQLITE		R(SQLITE)
#define DOVECOT		R(DOVECOT)
#define POSTGRESQL	R(POSTGRESQL)
#define LDAP		R(LDAP)
#define TOKEN		R(TOKEN)
#define SERVERS		(POSTGRESQL | LDAP | TOKEN)	/* that talk to one */
#define BASE		(ADMIN | LOOKUP | RESOLVER | QUEUE | LOCAL | SENDER | \
	RECEIVER | KEYS | STATE | SQLITE | DOVECOT | \
	POSTGRESQL | LDAP | TOKEN)
#define C(name)		SCMP_SYS(name)

const struct sandbox_call sandbox_allowed[] = {
	/* Everybody: descriptors they were given. */
	{ C(read), BASE, 0, "eventfd, signalfd, files" },
	{ C(readv), BASE, 0, "as read" },
	{ C(write), BASE, 0, "eventfd, standard error of a failed claim" },
	{ C(writev), BASE, 0, "as write" },
	{ C(close), BASE, 0, "what was received" },
	{ C(fcntl), BASE, 0, "keep descriptors, seals of a memfd" },
	{ C(fstat), BASE, 0, "kind and size of a descriptor" },
	{ C(newfstatat), BASE, 0, "fstat of newer C libraries" },
	{ C(lseek), BASE, 0, "standard I/O" },
	{ C(ioctl), BASE, NARROW_IOCTL, "libuv: non-blocking" },
	/* Everybody: the loop. */
	{ C(epoll_ctl), BASE, 0, "watch a descriptor" },
	{ C(epoll_wait), BASE, 0, "wait" },
	{ C(epoll_pwait), BASE, 0, "wait" },
	{ C(epoll_pwait2), BASE, 0, "wait" },
	{ C(poll), BASE, 0, "is a peer still there" },
	{ C(ppoll), BASE, 0, "poll where there is no poll" },
	{ C(eventfd2), BASE, 0, "reserve descriptor of a listener" },
	/* Everybody: channels. */
	{ C(recvmsg), BASE, 0, "channels" },
	{ C(sendmsg), BASE, 0, "channels" },
	{ C(recvfrom), BASE, 0, "recv" },
	{ C(sendto), BASE, 0, "send" },
	{ C(shutdown), BASE, 0, "last words of a connection" },
	/* Everybody: memory, never executable. */
	{ C(mmap), BASE, NARROW_NO_EXEC, "malloc" },
	{ C(mprotect), BASE, NARROW_NO_EXEC, "malloc of a thread" },
	{ C(munmap), BASE, 0, "free" },
	{ C(mremap), BASE, 0, "realloc" },
	{ C(madvise), BASE, 0, "free, secrets that are not dumped" },
	{ C(mlock), BASE, 0, "secrets that are not swapped" },
	{ C(munlock), BASE, 0, "as mlock" },
	{ C(brk), BASE, 0, "malloc" },
	{ C(membarrier), BASE, 0, "C library, OpenSSL" },
	/* Everybody: time, threads, chance. */
	{ C(clock_gettime), BASE, 0, "time, where it is no vdso call" },
	{ C(clock_getres), BASE, 0, "libuv" },
	{ C(clock_nanosleep), BASE, 0, "threads that back off" },
	{ C(nanosleep), BASE, 0, "as clock_nanosleep" },
	{ C(gettimeofday), BASE, 0, "as clock_gettime" },
	{ C(time), BASE, 0, "as clock_gettime" },
	{ C(getrandom), BASE, 0, "ids, hash keys, TLS" },
	{ C(futex), BASE, 0, "locks" },
	{ C(sched_yield), BASE, 0, "locks" },
	{ C(sched_getaffinity), BASE, 0, "malloc counts processors" },
	{ C(sysinfo), BASE, 0, "qsort asks for the memory's size" },
	{ C(rseq), BASE, 0, "C library, threads" },
	{ C(set_robust_list), BASE, 0, "C library, threads" },
	{ C(restart_syscall), BASE, 0, "kernel, after a stop" },
	/* Everybody: an end, orderly or not. */
	{ C(getpid), BASE, 0, "abort, OpenSSL" },
	{ C(gettid), BASE, 0, "abort" },
	{ C(geteuid), BASE, 0, "is a directory ours" },
	{ C(getuid), BASE, 0, "as geteuid" },
	{ C(getgid), BASE, 0, "as geteuid" },
	{ C(getegid), BASE, 0, "as geteuid" },
	{ C(tgkill), BASE, NARROW_SELF, "abort: a failed claim ends us" },
	{ C(rt_sigaction), BASE, 0, "abort" },
	{ C(rt_sigprocmask), BASE, 0, "abort, libuv" },
	{ C(rt_sigreturn), BASE, 0, "return from a handler" },
	{ C(sigaltstack), BASE, 0, "C library, end of a thread" },
	{ C(exit), BASE, 0, "end of a thread" },
	{ C(exit_group), BASE, 0, "end" },

	/* Connections. */
	{ C(accept4), RECEIVER | ADMIN, 0, "given listeners" },
	{ C(setsockopt), RECEIVER | ADMIN | SENDER | RESOLVER, 0,
	    "TCP_NODELAY, buffers" },
	{ C(getsockopt), RECEIVER | ADMIN | SENDER | RESOLVER, 0,
	    "peer credentials, result of connect" },
	{ C(getpeername), RECEIVER | ADMIN | SENDER | RESOLVER, 0,
	    "who is it" },
	{ C(getsockname), RECEIVER | ADMIN | SENDER | RESOLVER, 0,
	    "which address was called" },
	{ C(socket), SENDER | RESOLVER, NARROW_INTERNET, "outgoing" },
	{ C(connect), SENDER | RESOLVER, 0, "outgoing" },
	{ C(socket), DOVECOT | POSTGRESQL | LDAP, NARROW_LOCAL,
	    "to a socket here" },
	{ C(socket), SERVERS, NARROW_INTERNET, "to its server" },
	{ C(connect), DOVECOT | SERVERS, 0, "to its server" },
	{ C(setsockopt), SERVERS, 0, "TCP_NODELAY, keepalive" },
	{ C(getsockopt), SERVERS, 0, "result of connect" },
	{ C(getsockname), SERVERS, 0, "libpq: its own address" },
	{ C(getpeername), SERVERS, 0, "libpq, libldap: are we connected" },
	{ C(openat), SERVERS, NARROW_READ_ONLY,
	    "who vouches for its server (Landlock: nothing else)" },
	{ C(bind), RESOLVER, 0, "random UDP ports (Landlock bars TCP)" },
	{ C(sendmmsg), RESOLVER, 0, "libunbound" },
	{ C(recvmmsg), RESOLVER, 0, "libunbound" },
	{ C(epoll_create1), RESOLVER, 0, "libunbound's own loop" },
	{ C(socketpair), RESOLVER, 0, "libunbound's own loop" },
	{ C(socketpair), TOKEN, 0, "libcurl wakes itself" },
	{ C(pipe2), RESOLVER, 0, "libunbound's own loop" },

	/* Files. */
	{ C(pread64), QUEUE | LOCAL | SENDER | LOOKUP | ADMIN | STATE, 0,
	    "records, jobs in a memfd, tables, history" },
	{ C(pread64), SQLITE, 0, "pages of its database" },
	{ C(pread64), KEYS | RECEIVER, 0,
	    "a certificate that has changed, from a given descriptor" },
	{ C(preadv), QUEUE, 0, "records" },
	{ C(pwrite64), RECEIVER | QUEUE | ADMIN | STATE, 0,
	    "records, history, SQLite" },
	{ C(pwritev), RECEIVER | QUEUE | ADMIN, 0, "as pwrite64" },
	{ C(fdatasync), RECEIVER | QUEUE | LOCAL | ADMIN | STATE, 0,
	    "250 means durable; SQLite's log into its file" },
	{ C(fsync), QUEUE | LOCAL | ADMIN | STATE, 0, "directories" },
	{ C(sync_file_range), RECEIVER | QUEUE | LOCAL, 0,
	    "begin to write back early" },
	{ C(syncfs), LOCAL, 0, "many files at once" },
	{ C(sendfile), QUEUE | LOCAL | SENDER, 0, "copy in the kernel" },
	{ C(copy_file_range), QUEUE | LOCAL, 0, "copy in the kernel" },
	{ C(memfd_create), QUEUE, 0, "a job's contents" },
	{ C(openat), LOOKUP | RESOLVER, NARROW_READ_ONLY,
	    "tables; libunbound's anchor (Landlock: nothing else)" },
	{ C(openat), SQLITE, NARROW_READ_ONLY, "its database, for each question" },
	{ C(openat), QUEUE | LOCAL | ADMIN | STATE, 0,
	    "spool, mailboxes, log, SQLite's own log" },
	{ C(access), STATE | SQLITE, 0, "SQLite: is its log there" },
	{ C(faccessat), STATE | SQLITE, 0, "as access" },
	{ C(getdents64), QUEUE | LOCAL | ADMIN, 0, "list a directory" },
	{ C(mkdirat), QUEUE | LOCAL | ADMIN, 0, "make a folder" },
	{ C(renameat), QUEUE | LOCAL | ADMIN, 0, "what is complete" },
	{ C(renameat2), QUEUE | LOCAL | ADMIN, 0, "as renameat" },
	{ C(rename), QUEUE | LOCAL | ADMIN, 0, "as renameat" },
	{ C(linkat), LOCAL, 0, "a name that must be new" },
	{ C(unlinkat), QUEUE | LOCAL | ADMIN | STATE, 0, "what is finished" },
	{ C(unlink), QUEUE | LOCAL | ADMIN | STATE, 0, "as unlinkat" },
	{ C(ftruncate), QUEUE | LOCAL | ADMIN | STATE, 0, "sizes of files" },
	{ C(fallocate), QUEUE | ADMIN, 0, "room before it is needed" },
	{ C(fadvise64), QUEUE, 0, "mail that waits leaves the page cache" },
	{ C(fstatfs), QUEUE | LOCAL | ADMIN, 0, "free disk" },
	{ C(statx), QUEUE | LOCAL | ADMIN | LOOKUP, 0, "age of a file" },
	{ C(flock), QUEUE, 0, "one instance a spool" },
	{ C(fchmod), QUEUE | LOCAL | ADMIN, 0, "modes whatever the umask" },
	{ C(fadvise64), QUEUE | ADMIN, 0, "what is read once" },
	{ SANDBOX_CALLS_END, 0, 0, NULL }
};

const struct sandbox_call sandbox_wide[] = {
	{ C(openat), BASE, 0, "maps of the process" },
	{ C(open), BASE, 0, "as openat, by the leak checker" },
	{ C(readlink), BASE, 0, "name of the program" },
	{ C(readlinkat), BASE, 0, "as readlink" },
	{ C(prctl), BASE, 0, "names of mappings, leak checker" },
	{ C(prlimit64), BASE, 0, "size of the stack" },
	{ C(getrlimit), BASE, 0, "size of the stack" },
	{ C(clone), BASE, 0, "leak checker's tracer" },
	{ C(wait4), BASE, 0, "leak checker's tracer" },
	{ C(ptrace), BASE, 0, "leak checker's tracer" },
	{ C(getppid), BASE, 0, "leak checker's tracer" },
	{ C(getdents), BASE, 0, "list of threads" },
	{ C(getdents64), BASE, 0, "list of threads" },
	{ C(kill), BASE, NARROW_SELF, "end after a report" },
	{ C(uname), BASE, 0, "machine" },
	{ C(pipe2), BASE, 0, "symbols of a report" },
	{ C(pread64), BASE, 0, "is memory readable" },
	{ SANDBOX_CALLS_END, 0, 0, NULL }
};

#define ALL	(1u << SANDBOX_SUPERVISOR)
const struct sandbox_call sandbox_denied[] = {
	{ C(io_uring_setup), ALL, 0, "its work escapes every filter" },
	{ C(io_uring_enter), ALL, 0, "as above" },
	{ C(io_uring_register), ALL, 0, "as above" },
#if !SANDBOX_IS_WIDE
	{ C(ptrace), ALL, 0, "look into other processes" },
#endif
	{ C(process_vm_readv), ALL, 0, "as ptrace" },
	{ C(process_vm_writev), ALL, 0, "as ptrace" },
	{ C(process_madvise), ALL, 0, "as ptrace" },
	{ C(kcmp), ALL, 0, "as ptrace" },
	{ C(pidfd_getfd), ALL, 0, "take another's descriptors" },
	{ C(bpf), ALL, 0, "code in the kernel" },
	{ C(perf_event_open), ALL, 0, "watch others" },
	{ C(userfaultfd), ALL, 0, "stop the kernel where it hurts" },
	{ C(keyctl), ALL, 0, "keys of the kernel" },
	{ C(add_key), ALL, 0, "as keyctl" },
	{ C(request_key), ALL, 0, "as keyctl" },
	{ C(init_module), ALL, 0, "code in the kernel" },
	{ C(finit_module), ALL, 0, "as init_module" },
	{ C(delete_module), ALL, 0, "as init_module" },
	{ C(kexec_load), ALL, 0, "another kernel" },
	{ C(kexec_file_load), ALL, 0, "as kexec_load" },
	{ C(mount), ALL, 0, "another view of the files" },
	{ C(umount2), ALL, 0, "as mount" },
	{ C(pivot_root), ALL, 0, "as mount" },
	{ C(chroot), ALL, 0, "as mount" },
	{ C(open_tree), ALL, 0, "as mount" },
	{ C(move_mount), ALL, 0, "as mount" },
	{ C(fsopen), ALL, 0, "as mount" },
	{ C(fsconfig), ALL, 0, "as mount" },
	{ C(fsmount), ALL, 0, "as mount" },
	{ C(fspick), ALL, 0, "as mount" },
	{ C(mount_setattr), ALL, 0, "as mount" },
	{ C(open_by_handle_at), ALL, 0, "files past their directories" },
	{ C(unshare), ALL, 0, "namespaces" },
	{ C(setns), ALL, 0, "namespaces" },
	{ C(personality), ALL, 0, "weaker memory layout" },
	{ C(swapon), ALL, 0, "administration" },
	{ C(swapoff), ALL, 0, "administration" },
	{ C(reboot), ALL, 0, "administration" },
	{ C(acct), ALL, 0, "administration" },
	{ C(settimeofday), ALL, 0, "administration" },
	{ C(clock_settime), ALL, 0, "administration" },
	{ C(iopl), ALL, 0, "hardware" },
	{ C(ioperm), ALL, 0, "hardware" },
	{ C(vmsplice), ALL, 0, "pages shared with a pipe" },
	{ SANDBOX_CALLS_END, 0, 0, NULL }
};
