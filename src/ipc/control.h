/*
 * control.h - supervisor and any role.  Numbers 0x01xx.
 *
 * Order at a start: START (config descriptor), then LISTEN, FILE and CHANNEL
 * messages, then GO.  The role reads its files, drops, sandboxes, and answers
 * READY; only then does it read a stranger's octet.  CHANNEL comes again
 * whenever a peer was replaced.  PING comes now and then, and who does not
 * answer is replaced.  STOP asks for an orderly end (OPS-4).
 */
#ifndef POSTHORSE_IPC_CONTROL_H
#define POSTHORSE_IPC_CONTROL_H

#include "ipc/ipc.h"

/* To the role.  fd: the effective configuration as text, sealed memfd. */
struct control_start {
	uint8_t		role;		/* enum ipc_role */
	uint32_t	index;		/* 0.. among its like */
	uint64_t	instance;	/* never used twice by one supervisor */
	uint32_t	uid, gid;	/* to drop to; UINT32_MAX: stay */
	uint8_t		is_sandbox_optional; /* setting `allow no sandbox` */
};
/* To the role.  fd: its end of a socket pair to that peer. */
struct control_channel {
	uint8_t		role;
	uint32_t	index;
	uint64_t	instance;
};
/* To a receiver or admin.  fd: a listening socket; row: which `listen`. */
struct control_listen {
	uint32_t	row;		/* index in config->listens, or: */
};
/* The UNIX socket: of control for admin, of submission for a receiver. */
#define CONTROL_LISTEN_SOCKET	UINT32_MAX
/* To the role.  fd: a file or directory that it alone needs. */
struct control_file {
	/*
	 * queue		"spool"		directory
	 *		"memory-stat", "memory-max"	of the control group
	 * local		"mail:N"	fixed part of config->domains[N].maildir
	 * lookup		"users:N"	folder of config->domains[N].users_file
	 *		"list:N"	folder of config->rules->lists[N].path
	 * receiver	"tls-cert:N"	config->tls[N].certificate
	 *		"client-ca:N"	of config->listens[N]
	 *		"line:N"	to keys, of its thread N (ipc/keys.h)
	 * keys		"tls-cert:N", "tls-key:N"	config->tls[N]
	 *		again while it serves, and "client-ca:N" then:
	 *		answered by control_pair
	 *		"line"		its end of a receiver's
	 * sender	"relay-secret:N"	config->relays[N].password_file
	 * backend	"backend:N:WHAT"	of config->backends[N]: "secret"
	 * admin		"history" (directory), "stdout", "log-file"
	 */
	struct span	purpose;
};
/* To the role: everything is there, begin. */
struct control_go {
	uint8_t		reserved;
};
/* From the role: sandboxed and serving. */
struct control_ready {
	uint8_t		sandbox;	/* bit 0 Landlock, bit 1 seccomp */
};
/* To the queue: that process has ended, nobody writes its segments now. */
struct control_ended {
	uint8_t		role;
	uint32_t	index;
	uint64_t	instance;
};
/* To the role: finish what is promised, then exit within within_ms. */
struct control_stop {
	uint32_t	within_ms;
};
/* From the role: it has cut this peer, which broke the conversation. */
struct control_cut {
	uint8_t		role;
	uint32_t	index;
	uint64_t	instance;
};
/* To the role: does its loop turn?  It answers ALIVE at once. */
struct control_ping {
	uint8_t		reserved;
};
/* From the role: its loop turned, or what keeps it waiting goes on. */
enum control_word {
	CONTROL_WORKS,		/* unasked: long work has come so far */
	CONTROL_ANSWERS,	/* to PING */
	CONTROL_SYNCS,		/* unasked: a disk is waited for; be patient */
	CONTROL_WORD_COUNT
};
struct control_alive {
	uint8_t		word;		/* enum control_word */
};
/* From admin: somebody who may asks the whole server to stop. */
struct control_stop_all {
	uint32_t	uid;		/* who asked, for the log */
};

/* From keys: the new certificate and key of config->tls[row] were tried. */
struct control_pair {
	uint32_t	row;		/* of tls; behind them, of listens */
	uint8_t		is_good;	/* else the old ones stay */
};

extern const struct ipc_type ipc_control_start, ipc_control_channel,
    ipc_control_listen, ipc_control_file, ipc_control_go, ipc_control_ready,
    ipc_control_ended, ipc_control_cut, ipc_control_stop, ipc_control_stop_all,
    ipc_control_ping, ipc_control_alive, ipc_control_pair;

#endif
