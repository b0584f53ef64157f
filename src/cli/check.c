/*
 * check.c - `posthorse check`: every error of a configuration, with its place.
 */
#include "cli/cli.h"

#include <stdio.h>

int
cli_check(const struct cli *cli, int argc, char **argv)
{
	struct config_report report = config_report_make();
	struct config *c;
	enum err e;

	if (argc > 1)
		return cli_usage("check", "check takes no \"%s\"", argv[1]);
	c = cli_config(cli);
	if (c == NULL)
		return EX_CONFIG;
	e = config_check_files(c, &report);
	if (report.text.n > 0)
		(void)fwrite(report.text.p, 1, report.text.n, stderr);
	if (e == ERR_OK)
		(void)printf("%s is good: %zu listen, %zu domain, %zu relay\n",
		    cli->config_path, c->nlistens, c->ndomains, c->nrelays);
	config_report_free(&report);
	config_free(c);
	return e == ERR_OK ? EX_OK : EX_CONFIG;
}
