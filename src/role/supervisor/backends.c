/*
 * backends.c - back ends: a program, ids and files for each of them.
 *
 * They are one role, whose number is that of its row in config->backends, and
 * as many programs as there are kinds: nobody loads another's library.
 */
#include "role/supervisor/supervisor.h"

#include <fcntl.h>
#include <stdio.h>

/* A name for each kind: of its program, and for ps. */
static const char *const names[] = {
	[CONFIG_BACKEND_SQLITE] = "backend-sqlite",
	[CONFIG_BACKEND_DOVECOT] = "backend-dovecot",
	[CONFIG_BACKEND_POSTGRESQL] = "backend-postgresql",
	[CONFIG_BACKEND_LDAP] = "backend-ldap",
	[CONFIG_BACKEND_PAM] = "backend-pam",
	[CONFIG_BACKEND_TOKEN] = "backend-token",
};
_Static_assert(COUNT(names) == CONFIG_BACKEND_KIND_COUNT, "each has one");

bool
sup_open_backends(struct supervisor *s, const char *folder)
{
	for (size_t i = 0; i < s->config->nbackends; i++) {
		enum config_backend_kind k = s->config->backends[i].kind;

		if (s->backend_programs[k] == 0 && !sup_open_program(folder,
		    names[k], "backend", &s->backend_programs[k]))
			return false;
	}
	return true;
}

bool
sup_find_backend_ids(struct supervisor *s)
{
	const struct config *c = s->config;

	for (size_t i = 0; i < c->nbackends; i++) {
		const char *own = c->backends[i].run_as;

		s->backend_ids[i] = (struct ids){ UINT32_MAX, UINT32_MAX };
		if (!sup_find_role_ids(own[0] != '\0' ? own :
		    c->user[CONFIG_USER_BACKEND], &s->backend_ids[i]))
			return false;
	}
	return true;
}

int
sup_program(const struct child *c)
{
	const struct supervisor *s = c->s;

	return c->kind != IPC_ROLE_BACKEND ? s->programs[c->kind] :
	    s->backend_programs[s->config->backends[c->index].kind];
}

const char *
sup_kind_name(const struct child *c)
{
	return c->kind != IPC_ROLE_BACKEND ? ipc_role_name(c->kind) :
	    names[c->s->config->backends[c->index].kind];
}

struct ids
sup_ids(const struct child *c)
{
	return c->kind == IPC_ROLE_BACKEND ? c->s->backend_ids[c->index] :
	    c->s->ids[c->kind];
}

static bool
give_one(give_file *give, void *ctx, size_t row, const char *what,
    const char *path, int flags)
{
	char purpose[32];

	if (path[0] == '\0')
		return true;
	(void)snprintf(purpose, sizeof purpose, "backend:%zu:%s", row, what);
	return sup_give_path(give, ctx, purpose, path, flags);
}

/* The folder as well: SQLite looks for a journal beside its file. */
static bool
files_sqlite(const struct config_backend *b, size_t row, give_file *give,
    void *ctx)
{
	char folder[SUP_PATH_MAX];

	sup_folder_of(b->file, folder);
	return give_one(give, ctx, row, "folder", folder,
	    O_RDONLY | O_DIRECTORY);
}

static bool
files_none(const struct config_backend *b UNUSED, size_t row UNUSED,
    give_file *give UNUSED, void *ctx UNUSED)
{
	return true;
}

static bool
files_server(const struct config_backend *b, size_t row, give_file *give,
    void *ctx)
{
	return give_one(give, ctx, row, "secret", b->password_file,
	    O_RDONLY) &&
	    give_one(give, ctx, row, "ca", b->ca_file, O_RDONLY);
}

bool
sup_files_backends(const struct supervisor *s, give_file *give, void *ctx)
{
	static bool (*const files[])(const struct config_backend *, size_t,
	    give_file *, void *) = {
		[CONFIG_BACKEND_SQLITE] = files_sqlite,
		[CONFIG_BACKEND_DOVECOT] = files_none,
		[CONFIG_BACKEND_POSTGRESQL] = files_server,
		[CONFIG_BACKEND_LDAP] = files_server,
		[CONFIG_BACKEND_PAM] = files_none,
		[CONFIG_BACKEND_TOKEN] = files_server,
	};
	_Static_assert(COUNT(files) == CONFIG_BACKEND_KIND_COUNT, "each");

	for (size_t i = 0; i < s->config->nbackends; i++) {
		const struct config_backend *b = &s->config->backends[i];

		if (!files[b->kind](b, i, give, ctx))
			return false;
	}
	return true;
}

bool
sup_is_for(const struct child *c, const char *purpose)
{
	struct span rest = span_str(purpose);
	uint64_t row;

	if (c->kind != IPC_ROLE_BACKEND)
		return true;
	/* "backend:N:WHAT": nobody gets what is another's. */
	(void)span_take(&rest, span_find(rest, ':'));
	rest = span_skip(rest, 1);
	return span_u64(span_take(&rest, span_find(rest, ':')), UINT32_MAX,
	    &row) == ERR_OK && row == c->index;
}
