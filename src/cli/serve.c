/*
 * serve.c - become the supervisor, which starts the rest.
 *
 * Its program lies beside those of the roles: in libexec when installed, in
 * role/ of the same build otherwise.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef POSTHORSE_LIBEXEC
#define POSTHORSE_LIBEXEC	"../libexec/posthorse"
#endif
#define PATH_OCTETS	512u

/* Beside our own program, then where it was to be installed. */
static const char *const folders[] = {
	"role/supervisor",
	"../libexec/posthorse",
	POSTHORSE_LIBEXEC,
};

/* The folder that we were started from, without its last slash. */
static bool
own_folder(char folder[PATH_OCTETS])
{
	ssize_t n = readlink("/proc/self/exe", folder, PATH_OCTETS - 1);
	char *slash;

	if (n <= 0)
		return false;
	folder[n] = '\0';
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

static bool
find_programs(char folder[PATH_OCTETS])
{
	char own[PATH_OCTETS], program[2 * PATH_OCTETS];

	if (!own_folder(own))
		return false;
	for (size_t i = 0; i < COUNT(folders); i++) {
		int n = folders[i][0] == '/'
		    ? snprintf(folder, PATH_OCTETS, "%s", folders[i])
		    : snprintf(folder, PATH_OCTETS, "%s/%s", own, folders[i]);

		if (n < 0 || (size_t)n >= PATH_OCTETS)
			continue;
		(void)snprintf(program, sizeof program,
		    "%s/posthorse-supervisor", folder);
		if (access(program, X_OK) == 0)
			return true;
	}
	return false;
}

int
cli_serve(const struct cli *cli, int argc, char **argv)
{
	char folder[PATH_OCTETS], program[PATH_OCTETS + 32];
	char *path;

	if (argc != 1)
		return cli_usage("serve", "\"%s\" is too much", argv[1]);
	if (!find_programs(folder)) {
		cli_complain("posthorse-supervisor is neither beside this "
		    "program nor in %s", POSTHORSE_LIBEXEC);
		return EX_OSFILE;
	}
	path = realpath(cli->config_path, NULL);
	if (path == NULL) {
		cli_complain("cannot read %s: %s", cli->config_path,
		    strerror(errno));
		return EX_CONFIG;
	}
	(void)snprintf(program, sizeof program, "%s/posthorse-supervisor",
	    folder);
	(void)execl(program, "posthorse-supervisor", path, folder,
	    (char *)NULL);
	cli_complain("cannot start %s: %s", program, strerror(errno));
	free(path);
	return EX_OSERR;
}
