/*
 * check_tls.c - do the certificates of a configuration and their keys belong
 * together?  For `check`, as whoever types it may read them; a server's own
 * keys are looked at by the role that holds them.
 */
#include "cli/check_tls.h"

#include "config/finish.h"
#include "io/tls_key.h"
#include "os/file.h"

#include <fcntl.h>

#define PEM_MAX		(256u * 1024)

/* All the room at once: growing would leave copies of a key behind. */
static bool
read_pem(const char *path, struct buf *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum err e = ERR_IO;

	*to = buf_make(PEM_MAX);
	if (fd >= 0 && buf_room(to, PEM_MAX) == ERR_OK)
		e = file_read_all(fd, to);
	file_close(fd);
	return e == ERR_OK;
}

static void
check_pair(const struct config *c, const struct config_tls_files *t,
    struct config_report *report)
{
	struct buf certificate, key;
	char why[TLS_WHY_MAX];
	struct tls_key *pair = NULL;
	bool is_read = read_pem(t->certificate, &certificate);

	/* What cannot be read was told already. */
	is_read = read_pem(t->key, &key) && is_read;
	if (is_read && tls_key_read(buf_span(&certificate), buf_span(&key),
	    &pair, why) != ERR_OK)
		report_error(report, finish_place(c, t->where[0]),
		    "certificate %s with key %s: %s", t->certificate, t->key,
		    why);
	tls_key_free(pair);
	buf_free(&certificate);
	buf_wipe(&key);
}

enum err
cli_check_tls(const struct config *c, struct config_report *report)
{
	size_t before = report->nerrors;

	for (size_t i = 0; i < c->ntls; i++)
		check_pair(c, &c->tls[i], report);
	return report->nerrors == before ? ERR_OK : ERR_SYNTAX;
}
