/*
 * cli.h - what an operator types: one row and one file a command.
 *
 * A command gets its own arguments (argv[0] is its name) and what stood before
 * it.  It prints results to standard output, trouble to standard error, and
 * returns the exit status.
 */
#ifndef POSTHORSE_CLI_CLI_H
#define POSTHORSE_CLI_CLI_H

#include "base/base.h"
#include "config/config.h"

#include <sysexits.h>

struct cli {
	const char	*config_path;	/* -c FILE, or the default */
	bool		 is_json;	/* --json */
};
struct cli_command {
	const char	*name;
	const char	*usage;		/* arguments: "[--json] ID" */
	const char	*summary;	/* one line of `posthorse help` */
	int (*run)(const struct cli *cli, int argc, char **argv);
	const char	*more;		/* of its words; NULL: nothing */
};

/* Each in the file of its name. */
int cli_serve(const struct cli *cli, int argc, char **argv);
int cli_check(const struct cli *cli, int argc, char **argv);
int cli_explain(const struct cli *cli, int argc, char **argv);
int cli_print(const struct cli *cli, int argc, char **argv);
int cli_stop(const struct cli *cli, int argc, char **argv);
int cli_user(const struct cli *cli, int argc, char **argv);
int cli_send(const struct cli *cli, int argc, char **argv);
int cli_queue(const struct cli *cli, int argc, char **argv);
int cli_trace(const struct cli *cli, int argc, char **argv);
int cli_log(const struct cli *cli, int argc, char **argv);
int cli_status(const struct cli *cli, int argc, char **argv);

/*
 * main() takes -c, --json and -h/--help wherever they stand before `--`, so a
 * command sees only what is its own.  What is left and begins with `-` is the
 * command's business.
 */

/* One sentence on standard error: "posthorse: ...\n". */
void cli_complain(const char *fmt, ...) PRINTF(1, 2);
/* cli_complain, then how the command is used; returns EX_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) PRINTF(2, 3);
/*
 * The configuration, or NULL after its errors were printed to standard error
 * (then the command returns EX_CONFIG).  The caller frees it.
 */
struct config *cli_config(const struct cli *cli);
/* The one of names (ended by NULL) that word was meant to be, or NULL. */
const char *cli_meant(const char *word, const char *const *names);

#endif
