/*
 * load.c - the configuration's files, as the supervisor and the command reach
 * them.
 */
#include "config/report.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct loader {
	struct buf	texts[CONFIG_FILES_MAX];
	size_t		n;
};

/* O_NONBLOCK: a FIFO in a file's place must not hold us. */
static enum err
read_file(const char *path, struct buf *to)
{
	struct stat st;
	enum err e = ERR_IO;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return ERR_IO;
	if (fstat(fd, &st) == 0) {
		e = S_ISREG(st.st_mode) ? file_read_all(fd, to) : ERR_DENIED;
	}
	(void)close(fd);
	return e;
}

static const char *
why_not(enum err e)
{
	switch (e) {
	case ERR_IO:
		return strerror(errno);
	case ERR_FULL:
		return "more than 1 MiB";
	case ERR_DENIED:
		return "not a regular file";
	default:
		return err_name(e);
	}
}

static bool
load_text(void *ctx, const char *path, struct span *text, const char **why)
{
	struct loader *l = ctx;
	struct buf *b;
	enum err e;

	if (l->n == COUNT(l->texts)) {
		*why = "too many files";
		return false;
	}
	b = &l->texts[l->n++];
	*b = buf_make(CONFIG_FILE_MAX);
	e = read_file(path, b);
	if (e != ERR_OK) {
		*why = why_not(e);
		return false;
	}
	*text = buf_span(b);
	return true;
}

/* The caller frees it; NULL: no memory, or a path without end. */
static char *
absolute(const char *path)
{
	char *whole = malloc(PATH_MAX);
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	int n = -1;

	if (whole != NULL && path[0] == '/')
		n = snprintf(whole, PATH_MAX, "%s", path);
	else if (whole != NULL && here != NULL)
		n = snprintf(whole, PATH_MAX, "%s/%s", here, path);
	free(here);
	if (n > 0 && n < PATH_MAX)
		return whole;
	free(whole);
	return NULL;
}

static struct config_host
this_host(char name[256])
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (gethostname(name, 255) != 0)
		name[0] = '\0';
	name[255] = '\0';
	return (struct config_host){
		.hostname = name,
		.cores = cores > 0 && cores < 1024 ? (unsigned int)cores : 1,
	};
}

static enum err
load(struct loader *l, const char *path, struct config **c,
    struct config_report *report)
{
	struct config_source source = { load_text, l };
	char name[256];
	struct config_host host = this_host(name);
	const char *why;
	struct span text;

	if (!load_text(l, path, &text, &why)) {
		report_error(report, (struct place){ path, 0, 0 },
		    "cannot be read: %s", why);
		return ERR_SYNTAX;
	}
	return config_parse(text, path, &source, &host, c, report);
}

enum err
config_load_file(const char *path, struct config **c,
    struct config_report *report)
{
	char *whole = absolute(path);
	struct loader *l = calloc(1, sizeof *l);
	enum err e = ERR_NOMEM;

	if (whole != NULL && l != NULL)
		e = load(l, whole, c, report);
	for (size_t i = 0; l != NULL && i < l->n; i++)
		buf_free(&l->texts[i]);
	free(l);
	free(whole);
	return e;
}

enum err
config_load_fd(int fd, struct config **c, struct config_report *report)
{
	static const struct config_host none = { "", 1 };
	struct buf text = buf_make(CONFIG_FILE_MAX);
	enum err e = file_read_all(fd, &text);

	if (e == ERR_OK)
		e = config_parse(buf_span(&text), "/snapshot", NULL, &none, c,
		    report);
	else
		report_error(report, (struct place){ 0 },
		    "the snapshot cannot be read: %s", why_not(e));
	buf_free(&text);
	return e;
}
