/*
 * check.c - `posthorse check`: every error of a configuration, with its place.
 */
#include "cli/check_tls.h"
#include "cli/cli.h"
#include "cli/rows.h"

#include <jansson.h>
#include <stdio.h>

/* `file:line:column: sentence`, of which a sentence of a file has no line. */
static void
put_errors(const struct config_report *report)
{
	struct span rest = buf_span(&report->text);

	while (rest.n > 0) {
		size_t n = span_find(rest, '\n'), at = 0;
		struct span line = { rest.p, n };

		while (at < n && !span_starts(span_skip(line, at), SPAN(": ")))
			at++;
		row_print(at == n
		    ? json_pack("{s:s%}", "error", line.p, n)
		    : json_pack("{s:s%, s:s%}", "at", line.p, at, "error",
			line.p + at + 2, n - at - 2));
		rest = span_skip(rest, MIN(n + 1, rest.n));
	}
}

static void
put_good(const struct cli *cli, const struct config *c)
{
	if (!cli->is_json)
		(void)printf("%s is good: %zu listen, %zu domain, %zu relay\n",
		    cli->config_path, c->nlistens, c->ndomains, c->nrelays);
	else
		row_print(json_pack("{s:s, s:I, s:I, s:I}", "good",
		    cli->config_path, "listen", (json_int_t)c->nlistens,
		    "domain", (json_int_t)c->ndomains, "relay",
		    (json_int_t)c->nrelays));
}

/* cli_config, but what it has to say goes to standard output as rows. */
static struct config *
load_as_rows(const struct cli *cli)
{
	struct config_report report = config_report_make();
	struct config *c = NULL;
	enum err e = config_load_file(cli->config_path, &c, &report);

	put_errors(&report);
	if (e != ERR_OK && report.nerrors == 0)
		row_print(json_pack("{s:s, s:s}", "at", cli->config_path,
		    "error", err_name(e)));
	config_report_free(&report);
	return c;
}

int
cli_check(const struct cli *cli, int argc, char **argv)
{
	struct config_report report = config_report_make();
	struct config *c;
	enum err e;

	if (argc > 1)
		return cli_usage("check", "check takes no \"%s\"", argv[1]);
	c = cli->is_json ? load_as_rows(cli) : cli_config(cli);
	if (c == NULL)
		return EX_CONFIG;
	e = config_check_files(c, &report);
	if (e == ERR_OK)
		e = cli_check_tls(c, &report);
	if (cli->is_json)
		put_errors(&report);
	else if (report.text.n > 0)
		(void)fwrite(report.text.p, 1, report.text.n, stderr);
	if (e == ERR_OK)
		put_good(cli, c);
	config_report_free(&report);
	config_free(c);
	return e == ERR_OK ? EX_OK : EX_CONFIG;
}
