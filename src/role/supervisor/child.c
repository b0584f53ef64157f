/*
 * child.c - one role's process: born with what it may have, and replaced.
 */
#include "role/supervisor/supervisor.h"

#include "base/alloc_fault.h"
#include "ipc/event.h"
#include "ipc/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fault tables and sanitizers are told by the environment; a release is not. */
#if defined(POSTHORSE_TEST_HOOKS) || defined(__SANITIZE_ADDRESS__)
#define HAS_TEST_ENVIRONMENT	true
#else
#define HAS_TEST_ENVIRONMENT	false
#endif
#define CONTROL_FD	3

/*
 * Who talks to whom; everybody but admin talks to admin besides.  Two that can
 * do without each other stay as they are when they break: neither may end the
 * other by what it says to it, or of it.
 */
static const struct {
	enum ipc_role	a, b;
	bool		is_needed;
} talks[] = {
	{ IPC_ROLE_RECEIVER, IPC_ROLE_LOOKUP, true },
	{ IPC_ROLE_RECEIVER, IPC_ROLE_QUEUE, true },
	{ IPC_ROLE_RECEIVER, IPC_ROLE_KEYS, true },
	/* Both hear strangers; a check without an answer is no verdict. */
	{ IPC_ROLE_RECEIVER, IPC_ROLE_RESOLVER, false },
	{ IPC_ROLE_RECEIVER, IPC_ROLE_STATE, false },
	{ IPC_ROLE_LOOKUP, IPC_ROLE_BACKEND, true },
	{ IPC_ROLE_QUEUE, IPC_ROLE_LOOKUP, true },
	{ IPC_ROLE_QUEUE, IPC_ROLE_RESOLVER, true },
	{ IPC_ROLE_QUEUE, IPC_ROLE_LOCAL, true },
	{ IPC_ROLE_QUEUE, IPC_ROLE_SENDER, true },
};

bool
sup_do_talk(enum ipc_role a, enum ipc_role b)
{
	if (a == b)
		return false;
	if (a == IPC_ROLE_ADMIN || b == IPC_ROLE_ADMIN)
		return true;
	for (size_t i = 0; i < COUNT(talks); i++)
		if ((talks[i].a == a && talks[i].b == b) ||
		    (talks[i].a == b && talks[i].b == a))
			return true;
	return false;
}

bool
sup_must_talk(enum ipc_role a, enum ipc_role b)
{
	for (size_t i = 0; i < COUNT(talks); i++)
		if ((talks[i].a == a && talks[i].b == b) ||
		    (talks[i].a == b && talks[i].b == a))
			return talks[i].is_needed;
	return sup_do_talk(a, b);
}

uint32_t
sup_delay(uint32_t before_ms, uint64_t lived_ms, uint32_t *next_ms)
{
	uint32_t now = lived_ms >= RESTART_CALM_MS ? 0 : before_ms;

	*next_ms = now == 0 ? RESTART_FIRST_MS
			    : MIN(now * 2, (uint32_t)RESTART_LAST_MS);
	return now;
}

struct child *
sup_add_child(struct supervisor *s, enum ipc_role kind, uint32_t index)
{
	struct child *c;

	if (s->nchildren == CHILDREN_MAX)
		return NULL;
	c = &s->children[s->nchildren++];
	*c = (struct child){ .s = s, .kind = kind, .index = index };
	return c;
}

enum err
sup_say(struct child *c, const struct ipc_type *type, const void *msg, int fd)
{
	struct buf b = buf_make(IPC_PAYLOAD_MAX);
	enum err e = c->control == NULL ? ERR_CLOSED
					: ipc_encode(type, msg, &b);

	if (e == ERR_OK)
		e = channel_send(c->control, type->number, buf_span(&b), &fd,
		    type->fds);
	buf_free(&b);
	return e;
}

void
sup_tell(struct child *c, const struct ipc_type *type, const void *msg)
{
	enum err e = sup_say(c, type, msg, -1);

	if (e != ERR_OK && e != ERR_CLOSED && c->pid > 0)
		(void)kill(c->pid, SIGKILL);
}

/* --- what it hears from a child ---------------------------------------- */

static bool
heard_ready(struct child *c)
{
	struct supervisor *s = c->s;
	struct log_line line;

	if (c->is_ready)
		return false;
	c->is_ready = true;
	log_begin(&line, LOG_LEVEL_INFO, NULL, "role-started");
	log_str(&line, "role", ipc_role_name(c->kind));
	log_num(&line, "index", c->index);
	log_num(&line, "pid", (uint64_t)c->pid);
	sup_log(s, &line);
	if (!c->was_ready && ++s->nready == s->nchildren) {
		s->is_started = true;
		alloc_fault_arm();
		log_begin(&line, LOG_LEVEL_INFO, NULL, "serving");
		log_str(&line, "hostname", s->config->hostname);
		sup_log(s, &line);
	}
	c->was_ready = true;
	return true;
}

enum ipc_role
sup_liar(enum ipc_role a, enum ipc_role b)
{
	/* The more a role hears of strangers, the less it is believed. */
	static const uint8_t distrust[IPC_ROLE_COUNT] = {
		[IPC_ROLE_QUEUE] = 1,
		[IPC_ROLE_LOOKUP] = 2,
		[IPC_ROLE_ADMIN] = 3,
		[IPC_ROLE_LOCAL] = 4,
		[IPC_ROLE_STATE] = 4,
		[IPC_ROLE_KEYS] = 5,
		[IPC_ROLE_RESOLVER] = 6,
		[IPC_ROLE_BACKEND] = 6,
		[IPC_ROLE_SENDER] = 7,
		[IPC_ROLE_RECEIVER] = 8,
	};

	return distrust[a] >= distrust[b] ? a : b;
}

/* Two no longer talk.  One of them is replaced, so that they do again. */
static bool
heard_cut(struct child *c, const struct control_cut *m)
{
	struct supervisor *s = c->s;

	if (!sup_do_talk(c->kind, m->role))
		return false;
	if (!sup_must_talk(c->kind, m->role))
		return true;
	for (size_t i = 0; i < s->nchildren; i++) {
		struct child *other = &s->children[i], *liar;

		if (other->kind != m->role || other->index != m->index ||
		    other->instance != m->instance)
			continue;
		liar = sup_liar(c->kind, m->role) == c->kind ? c : other;
		if (liar->pid > 0)
			(void)kill(liar->pid, SIGKILL);
	}
	return true;
}

static bool
on_frame(void *ctx, struct channel *ch UNUSED, uint16_t type,
    struct span payload, const int *fds UNUSED, unsigned int nfds)
{
	struct control_stop_all stop;
	struct control_ready ready;
	struct control_cut cut;
	struct control_alive alive;
	struct control_pair pair;
	struct child *c = ctx;

	if (nfds != 0)
		return false;
	if (type == ipc_control_ready.number)
		return ipc_decode(&ipc_control_ready, payload, &ready) ==
			ERR_OK && heard_ready(c);
	if (type == ipc_control_cut.number)
		return ipc_decode(&ipc_control_cut, payload, &cut) ==
			ERR_OK && heard_cut(c, &cut);
	if (type == ipc_control_alive.number) {
		if (ipc_decode(&ipc_control_alive, payload, &alive) != ERR_OK)
			return false;
		sup_alive(c, (enum control_word)alive.word);
		return true;
	}
	if (type == ipc_control_pair.number)
		return c->kind == IPC_ROLE_KEYS &&
		    ipc_decode(&ipc_control_pair, payload, &pair) == ERR_OK &&
		    sup_pair_heard(c->s, &pair);
	if (type != ipc_control_stop_all.number ||
	    c->kind != IPC_ROLE_ADMIN ||
	    ipc_decode(&ipc_control_stop_all, payload, &stop) != ERR_OK)
		return false;
	sup_stop(c->s, 0);
	return true;
}

/* Who speaks nonsense to us, or not at all, is replaced. */
static void
on_closed(void *ctx, struct channel *ch)
{
	struct child *c = ctx;

	channel_free(ch);
	c->control = NULL;
	if (c->pid > 0)
		(void)kill(c->pid, SIGKILL);
}

static const struct channel_ops ops = {
	.frame = on_frame,
	.closed = on_closed,
};

/* --- birth ------------------------------------------------------------- */

NORETURN static void
become(const struct child *c, int control, int said)
{
	char name[32];
	char *const argv[] = { name, NULL };
	char *const env[] = { NULL };
	int null = open("/dev/null", O_RDWR);
	int program = sup_program(c);

	(void)snprintf(name, sizeof name, "posthorse-%s", sup_kind_name(c));
	/* The program's descriptor must survive where nothing overwrites it. */
	program = fcntl(program, F_DUPFD, 10);
	if (program < 0 || dup2(control, CONTROL_FD) < 0 || null < 0 ||
	    dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(said, 2) < 0)
		_exit(127);
	(void)fcntl(program, F_SETFD, FD_CLOEXEC);
	for (int fd = CONTROL_FD + 1; fd < program; fd++)
		(void)close(fd);
	if (close_range((unsigned int)program + 1, ~0u, 0) != 0)
		_exit(127);
	(void)fexecve(program, argv, HAS_TEST_ENVIRONMENT ? environ : env);
	_exit(127);
}

static bool
say_file(void *ctx, const char *purpose, int fd)
{
	struct control_file m = { .purpose = span_str(purpose) };

	return sup_say(ctx, &ipc_control_file, &m, fd) == ERR_OK;
}

static bool
give_listener(struct child *c, uint32_t row, int fd)
{
	struct control_listen m = { .row = row };

	return fd < 0 || sup_say(c, &ipc_control_listen, &m, fd) == ERR_OK;
}

static bool
give_listeners(struct child *c)
{
	const struct supervisor *s = c->s;

	if (c->kind == IPC_ROLE_ADMIN)
		return give_listener(c, CONTROL_LISTEN_SOCKET,
		    s->control_socket);
	if (c->kind != IPC_ROLE_RECEIVER)
		return true;
	for (size_t i = 0; i < s->nlisteners; i++)
		if (!give_listener(c,
			i + 1 == s->nlisteners ? CONTROL_LISTEN_SOCKET
					       : (uint32_t)i,
			s->listeners[c->index * s->nlisteners + i]))
			return false;
	return true;
}

static bool
introduce(struct child *to, const struct child *who, int fd)
{
	struct control_channel m = {
		.role = (uint8_t)who->kind,
		.index = who->index,
		.instance = who->instance,
	};

	return sup_say(to, &ipc_control_channel, &m, fd) == ERR_OK;
}

/* A pair for these two; each side learns who the other is. */
static bool
join(struct child *a, struct child *b)
{
	int fds[2];
	bool ok;

	if (channel_pair(fds) != ERR_OK)
		return false;
	ok = introduce(a, b, fds[0]) && introduce(b, a, fds[1]);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return ok;
}

static bool
join_all(struct child *c)
{
	struct supervisor *s = c->s;

	for (size_t i = 0; i < s->nchildren; i++) {
		struct child *other = &s->children[i];

		if (other != c && other->control != NULL &&
		    sup_do_talk(c->kind, other->kind) && !join(c, other))
			return false;
	}
	return true;
}

static bool
tell_all(struct child *c)
{
	struct supervisor *s = c->s;
	struct control_start start = {
		.role = (uint8_t)c->kind,
		.index = c->index,
		.instance = c->instance,
		.uid = sup_ids(c).uid,
		.gid = sup_ids(c).gid,
		.is_sandbox_optional = s->config->is_no_sandbox_allowed,
	};
	struct control_go go = { 0 };

	return sup_say(c, &ipc_control_start, &start, s->snapshot) == ERR_OK &&
	    sup_each_file(c, say_file, c) && give_listeners(c) &&
	    join_all(c) && sup_say(c, &ipc_control_go, &go, -1) == ERR_OK;
}

/* Its process, with the other ends of control and standard error. */
static bool
fork_child(struct child *c, int control[2], int said[2])
{
	c->pid = fork();
	if (c->pid == 0)
		become(c, control[1], said[1]);
	(void)close(control[1]);
	(void)close(said[1]);
	if (c->pid > 0 && sup_hear(c, said[0]) && channel_new(c->s->loop,
	    control[0], false, &ops, c, &c->control) == ERR_OK)
		return true;
	(void)close(control[0]);
	if (c->said_watch == NULL)
		(void)close(said[0]);
	if (c->pid < 0) {
		sup_heard_all(c);
		c->pid = 0;
	}
	return false;
}

bool
sup_spawn(struct child *c)
{
	struct supervisor *s = c->s;
	int control[2], said[2];

	if (pipe2(said, O_CLOEXEC) != 0)
		return false;
	if (channel_pair(control) != ERR_OK) {
		(void)close(said[0]);
		(void)close(said[1]);
		return false;
	}
	if (!fork_child(c, control, said))
		return false;
	c->instance = ++s->last_instance;
	c->started_ms = loop_now_ms(s->loop);
	c->is_ready = false;
	c->watched = (struct watched){ 0 };
	return tell_all(c);
}

/* --- death ------------------------------------------------------------- */

static void
log_end(struct child *c, int status)
{
	struct log_line line;

	log_begin(&line,
	    c->s->phase > 0 && status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ALARM,
	    NULL, "role-ended");
	log_str(&line, "role", ipc_role_name(c->kind));
	log_num(&line, "index", c->index);
	log_num(&line, "pid", (uint64_t)c->pid);
	if (WIFSIGNALED(status))
		log_num(&line, "signal", (uint64_t)WTERMSIG(status));
	else
		log_num(&line, "status", (uint64_t)WEXITSTATUS(status));
	sup_log(c->s, &line);
}

/* Nobody writes its segments now: the queue may read their tails. */
static void
tell_queue(struct child *c)
{
	struct control_ended m = {
		.role = (uint8_t)c->kind,
		.index = c->index,
		.instance = c->instance,
	};

	for (size_t i = 0; i < c->s->nchildren; i++)
		if (c->s->children[i].kind == IPC_ROLE_QUEUE)
			sup_tell(&c->s->children[i], &ipc_control_ended, &m);
}

/* A test that kills all the time need not wait as long as we should. */
static uint32_t
delay_of(struct child *c, uint64_t lived_ms)
{
	uint32_t delay = sup_delay(c->delay_ms, lived_ms, &c->delay_ms);
	const char *most = HAS_TEST_ENVIRONMENT
	    ? getenv("POSTHORSE_RESTART_MOST") : NULL;

	return most == NULL ? delay
	    : MIN(delay, (uint32_t)strtoul(most, NULL, 10));
}

void
sup_ended(struct child *c, int wait_status)
{
	struct supervisor *s = c->s;
	uint64_t lived = loop_now_ms(s->loop) - c->started_ms;
	uint32_t delay = delay_of(c, lived);

	/* First, lest admin's own end is told to itself and to nobody else. */
	channel_free(c->control);
	c->control = NULL;
	sup_heard_all(c);
	log_end(c, wait_status);
	c->pid = 0;
	c->is_ready = false;
	tell_queue(c);
	if (c->kind == IPC_ROLE_KEYS)
		sup_pairs_forget(s);
	c->instance = 0;
	if (s->phase > 0)
		return;
	/*
	 * While others still start: who ends by itself cannot start, a queue
	 * that finds its spool locked, say; who served and was killed can.
	 */
	if (s->is_started || (c->was_ready && WIFSIGNALED(wait_status))) {
		loop_timer_set(c->restart, delay);
		return;
	}
	(void)sup_complain("the %s could not start", ipc_role_name(c->kind));
	sup_stop(s, 1);
}
