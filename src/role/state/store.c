/*
 * store.c - SQLite, and how it reaches its file.
 *
 * SQLite makes every name absolute and opens that, but the way to the folder may
 * be closed to us.  A copy of its own layer below leaves names as they are, so
 * that the working directory is all it needs.
 */
#include "role/state/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define VFS_NAME	"posthorse-here"

static const char schema[] =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA journal_mode = WAL;"	/* exclusive: no shared memory */
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "CREATE TABLE IF NOT EXISTS triplet ("
    " network BLOB NOT NULL, sender BLOB NOT NULL, recipient BLOB NOT NULL,"
    " first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    " passed INTEGER NOT NULL,"
    " PRIMARY KEY (network, sender, recipient)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS triplet_last ON triplet (passed, last_ms);"
    "CREATE TABLE IF NOT EXISTS client ("
    " network BLOB PRIMARY KEY, passes INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "SELECT count(*) FROM triplet;";

enum query {
	QUERY_SEEN, QUERY_CLIENT, QUERY_SET_SEEN, QUERY_SET_CLIENT,
	QUERY_OLD_SEEN, QUERY_OLD_CLIENT, QUERY_COUNT
};
static const char *const texts[QUERY_COUNT] = {
	[QUERY_SEEN] = "SELECT first_ms, last_ms, passed FROM triplet "
	    "WHERE network = ?1 AND sender = ?2 AND recipient = ?3",
	[QUERY_CLIENT] = "SELECT passes, last_ms FROM client "
	    "WHERE network = ?1",
	[QUERY_SET_SEEN] = "INSERT OR REPLACE INTO triplet VALUES "
	    "(?1, ?2, ?3, ?4, ?5, ?6)",
	[QUERY_SET_CLIENT] = "INSERT OR REPLACE INTO client VALUES "
	    "(?1, ?2, ?3)",
	[QUERY_OLD_SEEN] = "DELETE FROM triplet WHERE (network, sender, "
	    "recipient) IN (SELECT network, sender, recipient FROM triplet "
	    "WHERE (passed = 0 AND last_ms < ?1) OR "
	    "(passed = 1 AND last_ms < ?2) LIMIT ?3)",
	[QUERY_OLD_CLIENT] = "DELETE FROM client WHERE network IN "
	    "(SELECT network FROM client WHERE last_ms < ?1 LIMIT ?2)",
};

struct store {
	sqlite3		*db;
	sqlite3_vfs	 vfs;
	sqlite3_stmt	*queries[QUERY_COUNT];
	uint64_t	 ntriplets;
	bool		 is_in_batch;
	char		 why[128];
};

static int
leave_name(sqlite3_vfs *vfs, const char *name, int room, char *to)
{
	(void)vfs;
	return snprintf(to, (size_t)room, "%s", name) < room ? SQLITE_OK :
	    SQLITE_CANTOPEN;
}

/* /dev/urandom is out of reach. */
static int
random_octets(sqlite3_vfs *vfs, int room, char *to)
{
	ssize_t n = getrandom(to, (size_t)room, 0);

	(void)vfs;
	return n > 0 ? (int)n : 0;
}

static enum err
failed(struct store *s)
{
	(void)snprintf(s->why, sizeof s->why, "%s",
	    s->db != NULL ? sqlite3_errmsg(s->db) : "no memory");
	return ERR_IO;
}

static enum err
run(struct store *s, const char *text)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ?
	    ERR_OK : failed(s);
}

static int
take_count(void *ctx, int n, char **values, char **names)
{
	struct store *s = ctx;

	(void)names;
	/* The pragmas answer with words, the last query with a number. */
	if (n == 1 && values[0] != NULL &&
	    span_u64(span_str(values[0]), UINT64_MAX, &s->ntriplets) !=
	    ERR_OK)
		s->ntriplets = 0;
	return 0;
}

static enum err
open_file(struct store *s, const char *name)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;

	if (sqlite3_open_v2(name, &s->db, flags, VFS_NAME) != SQLITE_OK ||
	    sqlite3_exec(s->db, schema, take_count, s, NULL) != SQLITE_OK)
		return failed(s);
	for (size_t i = 0; i < QUERY_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, texts[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->queries[i], NULL) !=
		    SQLITE_OK)
			return failed(s);
	return ERR_OK;
}

static void
close_file(struct store *s)
{
	for (size_t i = 0; i < QUERY_COUNT; i++) {
		(void)sqlite3_finalize(s->queries[i]);
		s->queries[i] = NULL;
	}
	(void)sqlite3_close(s->db);
	s->db = NULL;
}

/* It is not what we wrote: out of the way with it. */
static bool
is_spoilt(const struct store *s)
{
	int code = s->db != NULL ? sqlite3_errcode(s->db) & 0xff : 0;

	return code == SQLITE_NOTADB || code == SQLITE_CORRUPT ||
	    code == SQLITE_ERROR;
}

static void
move_aside(const char *name)
{
	static const char *const ends[] = { "-wal", "-journal" };
	char from[64], to[64];

	(void)snprintf(to, sizeof to, "%s.bad", name);
	(void)rename(name, to);
	for (size_t i = 0; i < COUNT(ends); i++) {
		(void)snprintf(from, sizeof from, "%s%s", name, ends[i]);
		(void)remove(from);
	}
}

enum err
store_open(const char *name, struct store **out)
{
	sqlite3_vfs *below = sqlite3_vfs_find(NULL);
	struct store *s = calloc(1, sizeof *s);
	enum err e;

	if (s == NULL || below == NULL) {
		free(s);
		return ERR_NOMEM;
	}
	s->vfs = *below;
	s->vfs.zName = VFS_NAME;
	s->vfs.xFullPathname = leave_name;
	s->vfs.xRandomness = random_octets;
	(void)sqlite3_vfs_register(&s->vfs, 0);
	e = open_file(s, name);
	if (e != ERR_OK && is_spoilt(s)) {
		close_file(s);
		move_aside(name);
		e = open_file(s, name);
	}
	if (e != ERR_OK) {
		store_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	close_file(s);
	(void)sqlite3_vfs_unregister(&s->vfs);
	free(s);
}

/* Values of a query, in order. */

static bool
bind_octets(sqlite3_stmt *q, int at, struct span v)
{
	/* An empty blob is a value, a NULL pointer would be none. */
	return sqlite3_bind_blob64(q, at, v.n > 0 ? (const void *)v.p : "",
	    v.n, SQLITE_STATIC) == SQLITE_OK;
}

static bool
bind_number(sqlite3_stmt *q, int at, uint64_t v)
{
	return sqlite3_bind_int64(q, at, (sqlite3_int64)v) == SQLITE_OK;
}

static bool
bind_triplet(sqlite3_stmt *q, const struct store_triplet *t)
{
	return bind_octets(q, 1, t->network) && bind_octets(q, 2, t->sender) &&
	    bind_octets(q, 3, t->recipient);
}

static uint64_t
number_at(sqlite3_stmt *q, int at)
{
	sqlite3_int64 v = sqlite3_column_int64(q, at);

	return v > 0 ? (uint64_t)v : 0;
}

/* The end of a query that gives no row; its values are let go. */
static enum err
done(struct store *s, sqlite3_stmt *q, bool is_bound)
{
	enum err e = is_bound && sqlite3_step(q) == SQLITE_DONE ? ERR_OK :
	    failed(s);

	(void)sqlite3_reset(q);
	(void)sqlite3_clear_bindings(q);
	return e;
}

static enum err
get_seen(struct store *s, const struct store_triplet *t,
    struct greylist_seen *seen)
{
	sqlite3_stmt *q = s->queries[QUERY_SEEN];
	int code = bind_triplet(q, t) ? sqlite3_step(q) : SQLITE_NOMEM;
	enum err e = ERR_OK;

	*seen = (struct greylist_seen){ 0 };
	if (code == SQLITE_ROW)
		*seen = (struct greylist_seen){ number_at(q, 0),
			number_at(q, 1), number_at(q, 2) != 0 };
	else if (code != SQLITE_DONE)
		e = failed(s);
	(void)sqlite3_reset(q);
	(void)sqlite3_clear_bindings(q);
	return e;
}

static enum err
get_client(struct store *s, struct span network, struct greylist_client *c)
{
	sqlite3_stmt *q = s->queries[QUERY_CLIENT];
	int code = bind_octets(q, 1, network) ? sqlite3_step(q) :
	    SQLITE_NOMEM;
	enum err e = ERR_OK;

	*c = (struct greylist_client){ 0 };
	if (code == SQLITE_ROW)
		*c = (struct greylist_client){ number_at(q, 0),
			number_at(q, 1) };
	else if (code != SQLITE_DONE)
		e = failed(s);
	(void)sqlite3_reset(q);
	(void)sqlite3_clear_bindings(q);
	return e;
}

static enum err
set_seen(struct store *s, const struct store_triplet *t,
    const struct greylist_seen *seen)
{
	sqlite3_stmt *q = s->queries[QUERY_SET_SEEN];

	return done(s, q, bind_triplet(q, t) &&
	    bind_number(q, 4, seen->first_ms) &&
	    bind_number(q, 5, seen->last_ms) &&
	    bind_number(q, 6, seen->has_passed));
}

static enum err
set_client(struct store *s, struct span network,
    const struct greylist_client *c)
{
	sqlite3_stmt *q = s->queries[QUERY_SET_CLIENT];

	return done(s, q, bind_octets(q, 1, network) &&
	    bind_number(q, 2, c->passes) && bind_number(q, 3, c->last_ms));
}

/* Write what has changed. */
static enum err
remember(struct store *s, const struct store_triplet *t,
    const struct greylist_seen was[2], const struct greylist_client of[2])
{
	enum err e = ERR_OK;

	if (was[1].first_ms != was[0].first_ms ||
	    was[1].last_ms != was[0].last_ms ||
	    was[1].has_passed != was[0].has_passed) {
		bool is_new = was[0].first_ms == 0;

		if (is_new && s->ntriplets >= STORE_TRIPLETS_MAX)
			return ERR_FULL;
		e = set_seen(s, t, &was[1]);
		s->ntriplets += e == ERR_OK && is_new;
	}
	if (e == ERR_OK && (of[1].passes != of[0].passes ||
	    of[1].last_ms != of[0].last_ms))
		e = set_client(s, t->network, &of[1]);
	return e;
}

enum err
store_ask(struct store *s, uint64_t now_ms, uint64_t delay_s,
    const struct store_triplet *t, struct greylist_verdict *v)
{
	struct greylist_seen seen[2];
	struct greylist_client client[2];
	enum err e = s->is_in_batch ? ERR_OK : run(s, "BEGIN");

	if (e != ERR_OK)
		return e;
	s->is_in_batch = true;
	if ((e = get_seen(s, t, &seen[0])) != ERR_OK ||
	    (e = get_client(s, t->network, &client[0])) != ERR_OK)
		return e;
	seen[1] = seen[0];
	client[1] = client[0];
	*v = greylist_judge(now_ms, delay_s, &seen[1], &client[1]);
	return remember(s, t, seen, client);
}

enum err
store_end(struct store *s)
{
	enum err e;

	if (!s->is_in_batch)
		return ERR_OK;
	s->is_in_batch = false;
	e = run(s, "COMMIT");
	/* Some failures have ended it already. */
	if (e != ERR_OK && sqlite3_get_autocommit(s->db) == 0)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return e;
}

static uint64_t
before(uint64_t now_ms, uint64_t s)
{
	return now_ms > 1000 * s ? now_ms - 1000 * s : 0;
}

enum err
store_sweep(struct store *s, uint64_t now_ms)
{
	sqlite3_stmt *seen = s->queries[QUERY_OLD_SEEN];
	sqlite3_stmt *client = s->queries[QUERY_OLD_CLIENT];
	enum err e;

	e = done(s, seen, bind_number(seen, 1, before(now_ms,
	    GREYLIST_RETRY_S)) && bind_number(seen, 2, before(now_ms,
	    GREYLIST_KEEP_S)) && bind_number(seen, 3, STORE_SWEEP_MAX));
	if (e != ERR_OK)
		return e;
	s->ntriplets -= MIN(s->ntriplets,
	    (uint64_t)sqlite3_changes64(s->db));
	return done(s, client, bind_number(client, 1, before(now_ms,
	    GREYLIST_KEEP_S)) && bind_number(client, 2, STORE_SWEEP_MAX));
}

const char *
store_why(const struct store *s)
{
	return s->why;
}
