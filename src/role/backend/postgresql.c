/*
 * postgresql.c - posthorse-backend-postgresql: users of a PostgreSQL database.
 *
 * A connection a lane, kept; a session that may only read.  What a client says
 * crosses as parameters (AUTH-8).
 */
#include "role/backend/remote.h"

#include "os/clock.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define NPARAMS		3
#define TEXT_TYPE	25u		/* pg_type.h: text */
/* It is told by the server when it is late, and by us a little later. */
#define OPTIONS		"-c default_transaction_read_only=on " \
	"-c statement_timeout=6500"

struct postgresql_state {
	PGconn	*conn;		/* NULL: none */
};

/* The library would look for a home folder in the users of this host. */
static bool
start(struct backend *b UNUSED)
{
	return setenv("HOME", "/nonexistent", 1) == 0;
}

static PGconn *
connect_start(const struct backend *b)
{
	const struct config_backend *c = b->config;
	bool is_local = c->at.address.n == 0, has_tls = c->tls_name[0] != '\0';
	struct buf address = buf_make(64);
	char port[8], host[64] = "";
	PGconn *conn = NULL;

	(void)snprintf(port, sizeof port, "%u", c->at.port);
	if (is_local || address_print(&c->at.address, &address) == ERR_OK) {
		(void)snprintf(host, sizeof host, "%.*s",
		    SPAN_FMT(buf_span(&address)));
		/* Each that is not said here would be looked for elsewhere. */
		const char *const rows[][2] = {
			{ "host", is_local ? c->at.path : c->tls_name },
			{ "hostaddr", host }, { "port", port },
			{ "dbname", c->database }, { "user", c->login },
			{ "password", b->secret }, { "passfile", "/nonexistent" },
			{ "sslmode", has_tls ? "verify-full" : "disable" },
			{ "sslrootcert", c->ca_file },
			{ "sslcert", "/nonexistent" }, { "sslcrl", "" },
			{ "gssencmode", "disable" },
			{ "client_encoding", "UTF8" }, { "options", OPTIONS },
			{ "application_name", "posthorse" },
		};
		const char *keys[COUNT(rows) + 1] = { NULL };
		const char *values[COUNT(rows) + 1] = { NULL };

		for (size_t i = 0; i < COUNT(rows); i++) {
			keys[i] = rows[i][0];
			values[i] = rows[i][1];
		}
		conn = PQconnectStartParams(keys, values, 0);
	}
	buf_free(&address);
	return conn;
}

static bool
connect_to(const struct backend *b, struct postgresql_state *s,
    uint64_t until_ms)
{
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;

	s->conn = connect_start(b);
	if (s->conn == NULL || PQstatus(s->conn) == CONNECTION_BAD)
		return false;
	while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
		if (!remote_wait(PQsocket(s->conn),
		    next == PGRES_POLLING_READING ? POLLIN : POLLOUT,
		    until_ms))
			return false;
		next = PQconnectPoll(s->conn);
	}
	return next == PGRES_POLLING_OK && PQsetnonblocking(s->conn, 1) == 0;
}

/* The first result; NULL: none in time, or at all. */
static PGresult *
first_result(PGconn *conn, uint64_t until_ms)
{
	int flushed;

	while ((flushed = PQflush(conn)) > 0)
		if (!remote_wait(PQsocket(conn), POLLIN | POLLOUT, until_ms) ||
		    PQconsumeInput(conn) == 0)
			return NULL;
	while (flushed == 0 && PQisBusy(conn) == 1)
		if (!remote_wait(PQsocket(conn), POLLIN, until_ms) ||
		    PQconsumeInput(conn) == 0)
			return NULL;
	return flushed == 0 ? PQgetResult(conn) : NULL;
}

static void
take_row(struct backend_job *job, const PGresult *r)
{
	int n;

	if (PQnfields(r) != 1) {
		backend_trouble(job, "the query must read, one column");
	} else if (PQntuples(r) > 1) {
		backend_trouble(job, "more than one row for a user");
	} else if (PQntuples(r) == 0 || PQgetisnull(r, 0, 0)) {
		job->result = BACKEND_NO;
	} else if ((n = PQgetlength(r, 0, 0)) < 0 ||
	    (unsigned int)n > BACKEND_SECRET_MAX) {
		backend_trouble(job, "what is stored of a user is too long");
	} else {
		job->result = BACKEND_OK;
		(void)snprintf(job->secret, sizeof job->secret, "%.*s", n,
		    PQgetvalue(r, 0, 0));
	}
}

/* False: the connection is of no use any more; job has no result. */
static bool
ask(const struct backend *b, PGconn *conn, struct backend_job *job,
    uint64_t until_ms)
{
	static const Oid types[NPARAMS] = { TEXT_TYPE, TEXT_TYPE, TEXT_TYPE };
	const char *const values[NPARAMS] = { job->user, job->name,
		job->domain };
	PGresult *r, *more;

	if (PQsendQueryParams(conn, b->config->query, NPARAMS, types, values,
	    NULL, NULL, 0) != 1)
		return false;
	r = first_result(conn, until_ms);
	if (r == NULL)
		return false;
	if (PQresultStatus(r) == PGRES_TUPLES_OK)
		take_row(job, r);
	else
		backend_trouble(job, "%s", PQresultErrorMessage(r));
	PQclear(r);
	/* A statement has one result; then the connection is idle again. */
	more = first_result(conn, until_ms);
	PQclear(more);
	return more == NULL && PQstatus(conn) == CONNECTION_OK &&
	    PQtransactionStatus(conn) == PQTRANS_IDLE;
}

static void
leave(struct postgresql_state *s)
{
	PQfinish(s->conn);
	s->conn = NULL;
}

/*
 * One that was kept may have been closed meanwhile: then once more, with a new
 * one.
 */
static void
run(struct backend_lane *lane, struct backend_job *job)
{
	struct postgresql_state *s = lane->state;
	uint64_t until_ms = clock_mono_ms() + BACKEND_WITHIN_MS;
	bool is_kept = s->conn != NULL;

	backend_trouble(job, "it knows what is stored, no more");
	if (job->what != BACKEND_SECRET)
		return;
	backend_trouble(job, "%s", "");
	if (is_kept && ask(lane->b, s->conn, job, until_ms))
		return;
	leave(s);
	if (is_kept && job->result != BACKEND_TROUBLE)
		return;
	if (!connect_to(lane->b, s, until_ms) ||
	    !ask(lane->b, s->conn, job, until_ms)) {
		if (job->result == BACKEND_TROUBLE && job->why[0] == '\0')
			backend_trouble(job, "%s", s->conn == NULL ||
			    clock_mono_ms() >= until_ms ?
			    "no answer in time" : PQerrorMessage(s->conn));
		leave(s);
	}
}

const struct backend_kind backend_kind = {
	.kind = CONFIG_BACKEND_POSTGRESQL,
	.profile = SANDBOX_POSTGRESQL,
	.nlanes = 4,
	.lane_size = sizeof(struct postgresql_state),
	.file = remote_file,
	.load = remote_load,
	.start = start,
	.run = run,
};
