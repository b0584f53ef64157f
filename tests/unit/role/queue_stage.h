/*
 * queue_stage.h - posthorse-queue itself, with everybody around it played here.
 */
#ifndef POSTHORSE_TESTS_QUEUE_STAGE_H
#define POSTHORSE_TESTS_QUEUE_STAGE_H

#include "check.h"

#include "ipc/control.h"
#include "ipc/deliver.h"
#include "ipc/event.h"
#include "ipc/intake.h"
#include "ipc/lookup.h"
#include "ipc/resolve.h"
#include "ipc/steer.h"
#include "mail/envelope.h"
#include "spool/writer.h"

#include <sys/types.h>

#define PATIENCE_MS	10000

/* What a played worker says of every recipient. */
struct stage_answer {
	bool		is_silent;	/* jobs stay open */
	uint8_t		fate;		/* enum deliver_fate */
	uint16_t	code;
	const char     *status, *text;
	bool		is_site_bad;
};
struct stage {
	char			 spool[64];
	const char		*config;	/* more lines */
	uint8_t			 flags;		/* of each envelope */
	uint64_t		 hold_ms;	/* the same; wall clock */
	uint64_t		 by_ms;		/* the same */
	uint8_t			 by_mode;
	pid_t			 pid;
	uint64_t		 instances;	/* given out so far */
	int			 control;
	int			 peers[IPC_ROLE_COUNT];	/* -1: none */
	uint64_t		 instance[IPC_ROLE_COUNT];
	struct spool_files	 files;
	struct spool_writer	*writer;
	bool			 is_mute;	/* no announcement at the start */
	bool			 is_receiver_gone;	/* it died before GO */
	bool			 is_ready;
	uint8_t			 mode;		/* last INTAKE_STATE */

	struct stage_answer	 answer[IPC_ROLE_COUNT];
	uint8_t			 resolve_status, lookup_route;
	/* What was seen. */
	uint32_t		 njobs, nmessages, nresolves, nlookups;
	uint64_t		 job;		/* the last one's number */
	struct msg_id		 job_id;	/* of its first message */
	struct buf		 contents;	/* of all messages, in order */
	struct buf		 reverse_paths;	/* each with <> */
	struct buf		 log;		/* lines */
	struct buf		 rows;		/* of an order */
	struct control_cut	 cut;		/* the last one */
	/* ALIVE: asked, unasked, and before a sync. */
	uint32_t		 nanswers, nworking, nsyncing;
	struct steer_end	 end;
	struct buf		 why;		/* what end.why borrows */
	bool			 has_ended;
};

/* Starts the program; the spool is made when spool is "". */
void stage_begin(struct stage *s);
/* kill -9, or an orderly stop; returns waitpid's status. */
int stage_kill(struct stage *s);
int stage_stop(struct stage *s);
/* Gives back the memory and the spool. */
void stage_end(struct stage *s);
/* A new process in a role's place. */
void stage_connect(struct stage *s, enum ipc_role role);
void stage_announce(struct stage *s);
void stage_send(int to, const struct ipc_type *type, const void *msg, int fd);
/* Serve everybody until *what is at least n; fails after our patience. */
void stage_until(struct stage *s, const uint32_t *what, uint32_t n);
void stage_until_true(struct stage *s, const bool *what);
/* Serve for that long. */
void stage_serve(struct stage *s, int ms);
/* Serve until the peer has cut us off. */
void stage_until_cut(struct stage *s, enum ipc_role role);
void stage_until_logged(struct stage *s, const char *words);
bool stage_has_logged(const struct stage *s, const char *words);

/* One message into the receiver's segment; not synced. */
struct msg_id stage_write(struct stage *s, const char *from,
    const char *const *to, size_t nto, const char *content);
/* Sync, and say ACCEPTED when is_told. */
void stage_sync(struct stage *s, bool is_told);
/* An operator's order; rows and end are in s. */
void stage_order(struct stage *s, enum steer_verb verb, const char *argument);

#endif
