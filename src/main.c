/*
 * main.c - the posthorse command: which subcommand is meant.
 */
#include "cli/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef POSTHORSE_VERSION
#define POSTHORSE_VERSION	"unknown"
#endif

static const struct cli_command commands[] = {
	{ "serve", "", "run the server, in the foreground", cli_serve },
	{ "stop", "", "end the server in order, and wait for it", cli_stop },
	{ "status", "", "show which processes run and what was counted",
	    cli_status },
	{ "queue", "[list|show|retry|hold|release|bounce|delete] [ID... | WHICH]",
	    "look at the mail that is on its way, and steer it", cli_queue,
	    "WHICH, all that is said has to fit:\n"
	    "  --sender ADDRESS|@DOMAIN|<>  --recipient ADDRESS|@DOMAIN\n"
	    "  --domain NAME  --host NAME  --tag TAG\n"
	    "  --state running|ready|deferred|later|held\n"
	    "  --older 15m|2h|3d  --larger 20K|3M  --all\n"
	    "Orders for many: --dry-run says how many, --yes does it.\n" },
	{ "trace", "ID", "tell what happened to a message", cli_trace },
	{ "log", "", "follow what happens", cli_log },
	{ "check", "", "read the configuration and tell all its errors",
	    cli_check },
	{ "explain", "--from ADDRESS --to ADDRESS --client ADDRESS [...]",
	    "tell what the rules would say of a message", cli_explain },
	{ "print", "[--json] [--manual]",
	    "show the effective configuration and where each value is from",
	    cli_print },
	{ "user", "add|passwd ADDRESS [--stdin]",
	    "add a user, or give one another password", cli_user },
	{ "send", "[-f FROM] [-t] [RECIPIENT ...]",
	    "hand in the message on standard input", cli_send },
};

static void
help(FILE *to)
{
	(void)fprintf(to, "usage: posthorse [-c FILE] [--json] COMMAND ...\n\n"
	    "Posthorse takes mail in, keeps it safe and carries it on.\n\n");
	for (size_t i = 0; i < COUNT(commands); i++)
		(void)fprintf(to, "  %-8s %s\n", commands[i].name,
		    commands[i].summary);
	(void)fprintf(to, "\n  -c FILE  the configuration, else "
	    CONFIG_PATH_DEFAULT "\n"
	    "  --json   JSON objects, one a line, where there are tables\n"
	    "  -h       what a command takes: posthorse COMMAND -h\n"
	    "  --version\n\nposthorse(1) tells more, and each command has a "
	    "page: posthorse-COMMAND(1).\n");
}

static int
help_command(const struct cli_command *c)
{
	(void)printf("usage: posthorse [-c FILE] %s%s%s\n\n%s: %s.\n", c->name,
	    c->usage[0] != '\0' ? " " : "", c->usage, c->name, c->summary);
	if (c->more != NULL)
		(void)printf("\n%s", c->more);
	(void)printf("\nposthorse-%s(1) tells all of it.\n", c->name);
	return EX_OK;
}

static int
unknown(const char *word)
{
	const char *names[COUNT(commands) + 1] = { NULL };
	const char *meant;

	for (size_t i = 0; i < COUNT(commands); i++)
		names[i] = commands[i].name;
	meant = cli_meant(word, names);
	if (meant != NULL)
		cli_complain("there is no command \"%s\", did you mean "
		    "\"%s\"?", word, meant);
	else
		cli_complain("there is no command \"%s\"; \"posthorse help\" "
		    "lists them", word);
	return EX_USAGE;
}

/* What main() itself takes out of the words. */
struct options {
	struct cli	cli;
	bool		is_help, is_version;
};

/*
 * Take our options out of argv up to `--`, keep the rest in order.  False: a
 * value is missing.
 */
static bool
take_options(struct options *o, int *argc, char **argv)
{
	int kept = 1, i = 1;

	for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-c") == 0) {
			if (++i == *argc)
				return false;
			o->cli.config_path = argv[i];
		} else if (strcmp(argv[i], "--json") == 0) {
			o->cli.is_json = true;
		} else if (strcmp(argv[i], "-h") == 0 ||
		    strcmp(argv[i], "--help") == 0) {
			o->is_help = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			o->is_version = true;
		} else {
			argv[kept++] = argv[i];
		}
	}
	for (; i < *argc; i++)
		argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

static int
run(const struct options *o, int argc, char **argv)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		return o->is_help ? help_command(&commands[i]) :
		    commands[i].run(&o->cli, argc, argv);
	}
	return unknown(argv[0]);
}

/* The name that we were called by, without its folders. */
static const char *
own_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* PRV-5: an empty argv is somebody's trick, not a command. */
int
main(int argc, char **argv)
{
	struct options o = { .cli = { .config_path = CONFIG_PATH_DEFAULT } };

	if (argc < 1 || argv[0] == NULL)
		return EX_USAGE;
	if (strcmp(own_name(argv[0]), "sendmail") == 0)
		return cli_sendmail(argc, argv);
	if (!take_options(&o, &argc, argv)) {
		cli_complain("-c needs a file");
		return EX_USAGE;
	}
	if (o.is_version) {
		(void)printf("posthorse " POSTHORSE_VERSION "\n");
		return EX_OK;
	}
	if (argc > 1 && strcmp(argv[1], "help") != 0)
		return run(&o, argc - 1, argv + 1);
	help(argc > 1 || o.is_help ? stdout : stderr);
	return argc > 1 || o.is_help ? EX_OK : EX_USAGE;
}
