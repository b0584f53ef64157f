/*
 * pairs.c - certificates and keys whose files change, and authorities of clients.
 *
 * At each beat their files are looked at.  A pair that has changed, and then
 * stayed for a beat (both files are written by now), is opened and shown to
 * keys, which alone can tell whether key and certificate belong together.
 * Only what it has taken goes to the receivers, and to those that are started
 * later; else all stays as it was until the files change again.
 *
 * Behind the rows of certificates stand those of listeners: a file of authorities
 * is a pair of one.  keys reads it as well, lest a receiver that is started later
 * finds rubbish.
 */
#include "role/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t
count_pairs(const struct supervisor *s)
{
	return s->config->ntls + s->config->nlistens;
}

static const struct config_client *
client_of(const struct supervisor *s, size_t row)
{
	return &s->config->listens[row - s->config->ntls].client;
}

/* A listener that asks nobody has none. */
static size_t
count_files(const struct supervisor *s, size_t row)
{
	if (row < s->config->ntls)
		return PAIR_FILES;
	return client_of(s, row)->demand != CONFIG_CLIENT_NONE &&
	    client_of(s, row)->ca_file[0] != '\0';
}

static const char *
path_of(const struct supervisor *s, size_t row, size_t file)
{
	const struct config_tls_files *t = &s->config->tls[row];

	if (row >= s->config->ntls)
		return client_of(s, row)->ca_file;
	return file == 0 ? t->certificate : t->key;
}

static void
purpose_of(const struct supervisor *s, char name[32], size_t row, size_t file)
{
	bool is_client = row >= s->config->ntls;

	(void)snprintf(name, 32, "%s:%zu", is_client ? "client-ca" :
	    file == 0 ? "tls-cert" : "tls-key",
	    is_client ? row - s->config->ntls : row);
}

static struct stamp
stamp_of(const struct stat *st)
{
	return (struct stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed_s = (uint64_t)st->st_ctim.tv_sec,
		.changed_ns = (uint64_t)st->st_ctim.tv_nsec,
	};
}

static bool
is_same(const struct stamp a[PAIR_FILES], const struct stamp b[PAIR_FILES])
{
	return memcmp(a, b, PAIR_FILES * sizeof *a) == 0;
}

bool
sup_pair_is_due(struct pair *p, const struct stamp now[PAIR_FILES])
{
	bool has_stayed = is_same(now, p->seen);

	memcpy(p->seen, now, sizeof p->seen);
	return has_stayed && !p->is_asked && !is_same(now, p->tried);
}

static void
log_kept(struct supervisor *s, const char *path, const char *why)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ALARM, NULL, "certificate-kept");
	log_str(&line, "file", path);
	log_str(&line, "why", why);
	sup_log(s, &line);
}

static void
pair_close(struct pair *p)
{
	for (size_t f = 0; f < PAIR_FILES; f++) {
		if (p->fds[f] >= 0)
			(void)close(p->fds[f]);
		p->fds[f] = -1;
	}
	p->is_asked = false;
}

static struct child *
find_keys(struct supervisor *s)
{
	for (size_t i = 0; i < s->nchildren; i++)
		if (s->children[i].kind == IPC_ROLE_KEYS &&
		    s->children[i].is_ready)
			return &s->children[i];
	return NULL;
}

/* Without rights over other people's files we may not be able to any more. */
static bool
pair_open(struct supervisor *s, struct pair *p, size_t row)
{
	for (size_t f = 0; f < count_files(s, row); f++) {
		const char *path = path_of(s, row, f);
		struct stat st;

		p->fds[f] = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
		    O_NONBLOCK);
		if (p->fds[f] < 0 || fstat(p->fds[f], &st) != 0 ||
		    !S_ISREG(st.st_mode)) {
			log_kept(s, path, p->fds[f] < 0 ? strerror(errno) :
			    "not a regular file");
			return false;
		}
		p->tried[f] = stamp_of(&st);
	}
	return true;
}

static void
pair_ask(struct supervisor *s, struct pair *p, size_t row)
{
	struct child *keys = find_keys(s);
	char name[32];

	if (keys == NULL)
		return;		/* the next beat may find one */
	memcpy(p->tried, p->seen, sizeof p->tried);
	if (!pair_open(s, p, row)) {
		pair_close(p);
		return;
	}
	p->is_asked = true;
	for (size_t f = 0; f < count_files(s, row); f++) {
		struct control_file m = { 0 };

		purpose_of(s, name, row, f);
		m.purpose = span_str(name);
		if (sup_say(keys, &ipc_control_file, &m, p->fds[f]) != ERR_OK)
			sup_pairs_forget(s);
	}
}

void
sup_pairs_forget(struct supervisor *s)
{
	for (size_t i = 0; i < count_pairs(s); i++) {
		struct pair *p = &s->pairs[i];

		if (!p->is_asked)
			continue;
		pair_close(p);
		memset(p->tried, 0, sizeof p->tried);
	}
}

void
sup_pairs_look(struct supervisor *s)
{
	for (size_t i = 0; i < count_pairs(s); i++) {
		struct stamp now[PAIR_FILES] = { 0 };
		struct stat st;
		bool is_there = count_files(s, i) > 0;

		/* In the middle of being replaced one may be missing. */
		for (size_t f = 0; f < count_files(s, i) && is_there; f++) {
			is_there = stat(path_of(s, i, f), &st) == 0;
			now[f] = stamp_of(&st);
		}
		if (is_there && sup_pair_is_due(&s->pairs[i], now))
			pair_ask(s, &s->pairs[i], i);
	}
}

/* Who is started from now on gets it; receivers that run get it now. */
static bool
pass_on(struct supervisor *s, size_t row, size_t file, int fd)
{
	struct control_file m = { 0 };
	char name[32];

	purpose_of(s, name, row, file);
	m.purpose = span_str(name);
	for (size_t i = 0; i < s->npassed; i++)
		if (strcmp(s->passed[i].purpose, name) == 0 &&
		    dup3(fd, s->passed[i].fd, O_CLOEXEC) < 0)
			return false;
	for (size_t i = 0; file == 0 && i < s->nchildren; i++) {
		struct child *c = &s->children[i];

		if (c->kind == IPC_ROLE_RECEIVER && c->control != NULL &&
		    sup_say(c, &ipc_control_file, &m, fd) != ERR_OK)
			return false;
	}
	return true;
}

bool
sup_pair_heard(struct supervisor *s, const struct control_pair *m)
{
	struct pair *p;

	if (m->row >= count_pairs(s) || !s->pairs[m->row].is_asked)
		return false;
	p = &s->pairs[m->row];
	for (size_t f = 0; m->is_good && f < count_files(s, m->row); f++)
		if (!pass_on(s, m->row, f, p->fds[f]))
			log_kept(s, path_of(s, m->row, f),
			    "it could not be passed on");
	pair_close(p);
	return true;
}

bool
sup_pairs_begin(struct supervisor *s)
{
	s->pairs = calloc(MAX(count_pairs(s), (size_t)1), sizeof *s->pairs);
	if (s->pairs == NULL)
		return false;
	for (size_t i = 0; i < s->npassed; i++)
		for (size_t row = 0; row < count_pairs(s); row++)
			for (size_t f = 0; f < PAIR_FILES; f++) {
				struct stat st;
				char name[32];

				s->pairs[row].fds[f] = -1;
				if (f >= count_files(s, row))
					continue;
				purpose_of(s, name, row, f);
				if (strcmp(s->passed[i].purpose, name) == 0 &&
				    fstat(s->passed[i].fd, &st) == 0)
					s->pairs[row].tried[f] = stamp_of(&st);
			}
	return true;
}
