/*
 * supervisor.h - the process that starts, connects, replaces and ends the rest.
 *
 * It reads the configuration and opens what others may not open; it never
 * reads a stranger's octet.  One context, passed down.
 */
#ifndef POSTHORSE_ROLE_SUPERVISOR_H
#define POSTHORSE_ROLE_SUPERVISOR_H

#include "base/log.h"
#include "config/config.h"
#include "config/match.h"
#include "io/channel.h"
#include "io/loop.h"
#include "ipc/control.h"

#include <sys/types.h>

#define CHILDREN_MAX		128u
#define LISTENERS_MAX		(CONFIG_LISTENS_MAX + 1u)
#define RESTART_FIRST_MS	100u	/* the second time in a row, then doubled */
#define RESTART_LAST_MS		2000u
#define RESTART_CALM_MS		1000u	/* lived so long: all is forgiven */
/* A role that leaves so many pings in a row unanswered is replaced: 30 s. */
#define WATCH_EVERY_MS		5000u
#define WATCH_SILENT_MAX	6u
#define WATCH_SYNC_MAX		60u	/* while it waits for a disk: 300 s */
#define STOP_WITHIN_MS		30000u	/* OPS-4 */

struct supervisor;
/* What is known of a role's loop; zeroed when it is born. */
struct watched {
	bool			 is_asked;	/* a PING is unanswered */
	bool			 is_syncing;	/* its last word: until the next */
	uint32_t		 nsilent;	/* our beats since it was heard */
};
struct child {
	struct supervisor	*s;
	enum ipc_role		 kind;
	uint32_t		 index;
	uint64_t		 instance;	/* 0: not running */
	pid_t			 pid;
	struct channel		*control;
	struct loop_timer	*restart;
	uint64_t		 started_ms;
	uint32_t		 delay_ms;	/* before the next start */
	bool			 is_ready, was_ready;
	struct watched		 watched;
	int			 said;		/* its standard error */
	struct loop_watch	*said_watch;	/* NULL: closed */
	size_t			 nsaid;		/* octets of this life */
};
#define PASSED_MAX \
	(2 * CONFIG_DOMAINS_MAX + CONFIG_RELAYS_MAX + CONFIG_SET_MAX + \
	4 * CONFIG_TLS_MAX + CONFIG_LISTENS_MAX + 4 * CONFIG_BACKENDS_MAX + 8u)
/* A file that a role gets when it starts; opened once, kept for the next. */
struct passed {
	enum ipc_role	kind;
	int		fd;
	char		purpose[32];
};
/* What tells a file from the one that was there before. */
struct stamp {
	uint64_t	device, inode, size, changed_s, changed_ns;
};
#define PAIR_FILES	2u	/* certificate, key; or authorities */
struct pair {
	struct stamp	seen[PAIR_FILES];	/* at the last beat */
	struct stamp	tried[PAIR_FILES];	/* what keys has, or refused */
	int		fds[PAIR_FILES];	/* while it is asked; else -1 */
	bool		is_asked;
};
struct ids {
	uint32_t	uid, gid;		/* UINT32_MAX: stay as we are */
};

struct supervisor {
	struct loop		*loop;
	struct config		*config;
	int			 snapshot;	/* memfd of the configuration */
	int			 programs[IPC_ROLE_COUNT];
	int			 backend_programs[CONFIG_BACKEND_KIND_COUNT];
	struct ids		 ids[IPC_ROLE_COUNT];
	struct ids		 backend_ids[CONFIG_BACKENDS_MAX];
	uint32_t		 control_gid;	/* of the control socket */
	struct passed		*passed;
	size_t			 npassed;
	struct pair		*pairs;		/* config->ntls + nlistens */
	int			 log_folder;	/* -1: no log file */
	enum ipc_role		 keeping;	/* whose files are opened */
	struct child		 children[CHILDREN_MAX];
	size_t			 nchildren;
	/* [receiver][listen row]; the last row is the submission socket. */
	int			*listeners;
	size_t			 nlisteners;	/* a receiver */
	int			 control_socket;
	uint64_t		 last_instance;
	size_t			 nready;
	struct loop_signal	*signals[4];
	struct loop_timer	*patience;
	struct loop_timer	*beat;
	uint64_t		 beat_ms;	/* when the last one was */
	uint32_t		 beat_every_ms;
	size_t			 phase;		/* of the stop; 0: none */
	int			 status;	/* exit status */
	bool			 is_started;	/* every role was ready once */
};

/* --- files.c: what only we may open ------------------------------------ */

/* "posthorse: ..." on standard error; always false. */
bool sup_complain(const char *fmt, ...) PRINTF(1, 2);
/* Installed they lie side by side; in a build each is in a folder `built`. */
bool sup_open_program(const char *folder, const char *name, const char *built,
    int *program);
bool sup_open_programs(struct supervisor *s, const char *folder);
/* ids.c; as who runs us where that is not root. */
bool sup_find_role_ids(const char *setting, struct ids *ids);
bool sup_find_ids(struct supervisor *s);
bool sup_make_folders(struct supervisor *s);
bool sup_snapshot(struct supervisor *s);
typedef bool give_file(void *ctx, const char *purpose, int fd);
/*
 * All that the roles will need, while root's rights over files are still ours:
 * a folder of the queue's is shut for us afterwards.
 */
bool sup_open_files(struct supervisor *s);
/* Each file that this role owns; the descriptor is borrowed. */
bool sup_each_file(const struct child *c, give_file *give, void *ctx);
bool sup_give_path(give_file *give, void *ctx, const char *purpose,
    const char *path, int flags);
#define SUP_PATH_MAX	(CONFIG_WORD_MAX + 64u)	/* octets of a path of ours */
/* The folder that a path lies in; "/" at least. */
void sup_folder_of(const char *path, char folder[SUP_PATH_MAX]);
/* The log file or the logger's socket by its name again, if there is one. */
bool sup_reopen_log(struct supervisor *s, give_file *give, void *ctx);

/* --- backends.c: outside systems that know users ------------------------ */

bool sup_open_backends(struct supervisor *s, const char *folder);
bool sup_find_backend_ids(struct supervisor *s);
bool sup_files_backends(const struct supervisor *s, give_file *give,
    void *ctx);
/* Of any child. */
int sup_program(const struct child *c);
const char *sup_kind_name(const struct child *c);
struct ids sup_ids(const struct child *c);
bool sup_is_for(const struct child *c, const char *purpose);

/* --- memory.c ---------------------------------------------------------- */

/* To the queue, where there are such: "memory-stat" and "memory-max". */
bool sup_give_memory(give_file *give, void *ctx);

/* --- pairs.c: certificates, keys and authorities that change ------------ */

bool sup_pairs_begin(struct supervisor *s);
/* At each beat. */
void sup_pairs_look(struct supervisor *s);
/* keys was shown one, and says what it is worth; false: it was not. */
bool sup_pair_heard(struct supervisor *s, const struct control_pair *m);
/* keys has gone: what it was asked is asked again. */
void sup_pairs_forget(struct supervisor *s);
/* Has it changed since it was tried, and stayed since the last look? */
bool sup_pair_is_due(struct pair *p, const struct stamp now[PAIR_FILES]);

/* --- listen.c: sockets ------------------------------------------------- */

bool sup_listen(struct supervisor *s);
void sup_unlink_sockets(const struct supervisor *s);

/* --- said.c: what a role writes to its standard error ------------------- */

/* fd, the reading end, is taken over on success. */
bool sup_hear(struct child *c, int fd);
/* Its process has ended: read what is left. */
void sup_heard_all(struct child *c);

/* --- child.c: one process ---------------------------------------------- */

/* Do these two talk?  The table of doc/design/roles.md. */
bool sup_do_talk(enum ipc_role a, enum ipc_role b);
/* Is one of two that broke with each other replaced? */
bool sup_must_talk(enum ipc_role a, enum ipc_role b);
/* Who of two that broke with each other is replaced. */
enum ipc_role sup_liar(enum ipc_role a, enum ipc_role b);
struct child *sup_add_child(struct supervisor *s, enum ipc_role kind,
    uint32_t index);
/* False: it could not be born (pid 0), or not told all (it is to be killed). */
bool sup_spawn(struct child *c);
MUST_USE enum err sup_say(struct child *c, const struct ipc_type *type,
    const void *msg, int fd);
/* The same without a descriptor; who cannot hear it any more is killed. */
void sup_tell(struct child *c, const struct ipc_type *type, const void *msg);
/* Its process has ended; peers and queue are told. */
void sup_ended(struct child *c, int wait_status);
/* What to wait before starting it again, and what next time. */
uint32_t sup_delay(uint32_t before_ms, uint64_t lived_ms, uint32_t *next_ms);

/* --- watch.c: a role whose loop stands still ---------------------------- */

/* What to do with a role at a beat; *w is changed accordingly. */
enum watch_act {
	WATCH_WAIT,
	WATCH_ASK,
	WATCH_REPLACE
};
enum watch_act sup_watch(struct watched *w, bool is_beat_late);
/* It was heard. */
void sup_alive(struct child *c, enum control_word word);
bool sup_watch_all(struct supervisor *s);

/* --- supervisor.c ------------------------------------------------------ */

void sup_stop(struct supervisor *s, int status);
/* A line of ours in the log: to admin when there is one. */
void sup_log(struct supervisor *s, const struct log_line *l);

#endif
