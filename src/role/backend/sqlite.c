/*
 * sqlite.c - posthorse-backend-sqlite: users of an SQLite database.
 *
 * The database is opened for each question: it may be another file by then,
 * and that costs a hundredth of what a hash does.  It is only read.
 */
#include "role/backend/backend.h"

#include "os/clock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define VFS_NAME	"here"
/* How long somebody else's writing is waited for. */
#define BUSY_MS		2000
#define STEPS		1000		/* of SQLite's machine, between looks */
#define HEAP_MAX	(64 * 1024 * 1024)	/* octets */

struct sqlite_state {
	sqlite3_vfs	vfs;
	uint64_t	until_ms;
};

/* In the working folder: a path would have to be walked, and we may not. */
static int
leave_name(sqlite3_vfs *vfs UNUSED, const char *name, int room, char *to)
{
	return snprintf(to, (size_t)room, "%s", name) < room ? SQLITE_OK :
	    SQLITE_CANTOPEN;
}

/* /dev/urandom is out of reach. */
static int
random_octets(sqlite3_vfs *vfs UNUSED, int room, char *to)
{
	ssize_t n = getrandom(to, (size_t)room, 0);

	return n > 0 ? (int)n : 0;
}

static bool
take_folder(struct backend *b, struct span what, int fd)
{
	if (!span_eq(what, SPAN("folder")) || b->fd > 0) {
		(void)close(fd);
		return false;
	}
	b->fd = fd;
	return true;
}

static bool
load(struct backend *b)
{
	if (b->fd <= 0)
		return backend_complain(b, "has no folder");
	return role_reach_dir(b->role, b->fd, false) == ERR_OK;
}

static bool
start(struct backend *b)
{
	sqlite3_vfs *below = sqlite3_vfs_find(NULL);
	struct sqlite_state *s = b->lanes[0].state;

	if (fchdir(b->fd) != 0)
		return backend_complain(b, "cannot enter the folder of its "
		    "database");
	if (below == NULL)
		return false;
	s->vfs = *below;
	s->vfs.zName = VFS_NAME;
	s->vfs.xFullPathname = leave_name;
	s->vfs.xRandomness = random_octets;
	(void)sqlite3_hard_heap_limit64(HEAP_MAX);
	return sqlite3_vfs_register(&s->vfs, 0) == SQLITE_OK;
}

/* True ends the query: it has taken too long. */
static int
is_late(void *ctx)
{
	const struct sqlite_state *s = ctx;

	return clock_mono_ms() > s->until_ms;
}

static bool
bind_one(sqlite3_stmt *q, const char *name, const char *value)
{
	int at = sqlite3_bind_parameter_index(q, name);

	return at == 0 ||
	    sqlite3_bind_text(q, at, value, -1, SQLITE_STATIC) == SQLITE_OK;
}

/* One row, one column; none at all is nobody, and so is a NULL. */
static bool
take_row(sqlite3_stmt *q, struct backend_job *job)
{
	int step = sqlite3_step(q), n;
	const unsigned char *text;

	if (step == SQLITE_DONE)
		job->result = BACKEND_NO;
	if (step != SQLITE_ROW)
		return step == SQLITE_DONE;
	text = sqlite3_column_text(q, 0);
	n = sqlite3_column_bytes(q, 0);
	job->result = text == NULL ? BACKEND_NO : BACKEND_OK;
	if (text == NULL)
		return sqlite3_errcode(sqlite3_db_handle(q)) != SQLITE_NOMEM;
	if (n > (int)BACKEND_SECRET_MAX || strlen((const char *)text) !=
	    (size_t)n) {
		backend_trouble(job, "what is stored of a user is too long, "
		    "or has a NUL");
		return true;
	}
	memcpy(job->secret, text, (size_t)n + 1);
	if (sqlite3_step(q) == SQLITE_ROW)
		backend_trouble(job, "more than one row for a user");
	return true;
}

static bool
ask(sqlite3 *db, const struct backend *b, struct backend_job *job)
{
	sqlite3_stmt *q = NULL;
	bool is_good = false;

	if (sqlite3_prepare_v2(db, b->config->query, -1, &q, NULL) !=
	    SQLITE_OK)
		return false;
	if (q == NULL || sqlite3_column_count(q) != 1 ||
	    sqlite3_stmt_readonly(q) == 0) {
		backend_trouble(job, "the query must read, one column");
		is_good = true;
	} else if (bind_one(q, "$1", job->user) &&
	    bind_one(q, "$2", job->name) && bind_one(q, "$3", job->domain)) {
		is_good = take_row(q, job);
	}
	(void)sqlite3_finalize(q);
	return is_good;
}

static void
run(struct backend_lane *lane, struct backend_job *job)
{
	struct sqlite_state *s = lane->state;
	const struct backend *b = lane->b;
	sqlite3 *db = NULL;

	s->until_ms = clock_mono_ms() + BACKEND_WITHIN_MS;
	if (job->what != BACKEND_SECRET) {
		backend_trouble(job, "it knows what is stored, no more");
		return;
	}
	if (sqlite3_open_v2(strrchr(b->config->file, '/') + 1, &db,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_PRIVATECACHE, VFS_NAME) == SQLITE_OK)
		sqlite3_progress_handler(db, STEPS, is_late, s);
	if (db == NULL || sqlite3_errcode(db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK ||
	    !ask(db, b, job))
		backend_trouble(job, "%s", db == NULL ? "no memory" :
		    sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

const struct backend_kind backend_kind = {
	.kind = CONFIG_BACKEND_SQLITE,
	.profile = SANDBOX_SQLITE,
	.nlanes = 1,
	.lane_size = sizeof(struct sqlite_state),
	.file = take_folder,
	.load = load,
	.start = start,
	.run = run,
};
