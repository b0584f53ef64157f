/*
 * backend.h - what every back end does alike: questions of lookup, their
 * bounds, and threads for a library that waits.
 *
 * Each kind is a program: backend.c, which has main(), and a file that says what
 * backend_kind is.  It runs in lanes, each a thread with a connection of its
 * own, one question at a time.  A
 * question that has waited BACKEND_WITHIN_MS, in line or in a lane, is told
 * BACKEND_TROUBLE, and a lane that stands still for BACKEND_STUCK_MS ends the
 * process: the supervisor starts another.
 */
#ifndef POSTHORSE_ROLE_BACKEND_BACKEND_H
#define POSTHORSE_ROLE_BACKEND_BACKEND_H

#include "io/worker.h"
#include "ipc/backend.h"
#include "role/role.h"

#define BACKEND_LANES_MAX	8u
#define BACKEND_STUCK_MS	30000u
#define BACKEND_TROUBLE_MS	60000u	/* between two lines about it */
#define BACKEND_WHY_MAX		200u	/* octets, for the log */

struct backend;
struct backend_lane;
/* A question, and its answer; every text ends in a NUL and has no other. */
struct backend_job {
	enum backend_what	 what;
	char			 name[BACKEND_NAME_MAX + 1];
	char			 domain[BACKEND_DOMAIN_MAX + 1];
	char			 user[BACKEND_NAME_MAX + BACKEND_DOMAIN_MAX + 2];
	char			 password[BACKEND_PASSWORD_MAX + 1];
	struct span		 client;	/* in octets below */

	enum backend_result	 result;
	char			 secret[BACKEND_SECRET_MAX + 1];
	char			 whose[BACKEND_USER_MAX + 1];
	uint64_t		 good_ms;	/* TOKEN: so long */
	char			 why[BACKEND_WHY_MAX];	/* of trouble */

	/* private: */
	struct backend		*b;
	struct backend_job	*next;
	bool			 is_begun;	/* in a lane, or in the kind's hands */
	uint8_t			 octets[16];
	uint64_t		 tag, instance;
	uint64_t		 asked_ms, began_ms;
	bool			 is_told;
};
struct backend_lane {
	struct backend		*b;
	void			*state;		/* the kind's own */
	/* private: */
	struct worker		*worker;
	struct backend_job	*job;		/* NULL: idle */
};
struct backend_kind {
	enum config_backend_kind kind;
	enum sandbox_profile	 profile;
	unsigned int		 nlanes;
	size_t			 lane_size;	/* of each lane's state, and */
	size_t			 state_size;	/* of b->state; born zeroed */
	/*
	 * All but run (or begin) are optional.  file, load, start: as of a role.  file
	 * owns fd; what: the last part of "backend:N:WHAT".
	 */
	bool (*file)(struct backend *b, struct span what, int fd);
	bool (*load)(struct backend *b);
	bool (*start)(struct backend *b);
	/*
	 * In a thread: sets result, and what belongs to it.  The outside
	 * system gets BACKEND_WITHIN_MS at most.
	 */
	void (*run)(struct backend_lane *lane, struct backend_job *job);
	/*
	 * Optional, in the loop: is the answer known (then it is in job), and
	 * what a lane has found out.
	 */
	bool (*known)(struct backend *b, struct backend_job *job);
	void (*learn)(struct backend *b, const struct backend_job *job);
	/*
	 * Without lanes, in the loop: backend_done(job) comes now or later, or
	 * expired is called, and then the job is not the kind's any more.
	 */
	void (*begin)(struct backend *b, struct backend_job *job);
	void (*expired)(struct backend *b, struct backend_job *job);
};
struct backend {
	struct role			*role;
	const struct backend_kind	*kind;
	const struct config_backend	*config;
	int				 fd;	/* the kind's own; 0: none */
	char				 secret[1024 + 1];	/* or "" */
	void				*state;	/* the kind's own, for the loop */
	/* private: */
	struct backend_lane		 lanes[BACKEND_LANES_MAX];
	struct backend_job		*jobs;		/* oldest first */
	size_t				 njobs;
	struct loop_timer		*tick;
	uint64_t			 trouble_ms;	/* when it was told last */
};

/* Each program has its own. */
extern const struct backend_kind backend_kind;
/* Its result is there: it is told and freed. */
void backend_done(struct backend_job *job);
/* BACKEND_TROUBLE, and why, in words or as printf does. */
void backend_trouble(struct backend_job *job, const char *fmt, ...)
    PRINTF(2, 3);
/* On standard error, before it serves; always false. */
bool backend_complain(const struct backend *b, const char *why);

#endif
