/*
 * common.c - what every command shares: complaints, usage, the configuration.
 */
#include "cli/cli.h"
#include "config/suggest.h"

#include <stdarg.h>
#include <stdio.h>

PRINTF(1, 0)
static void
complain(const char *fmt, va_list ap)
{
	(void)fflush(stdout);
	(void)fputs("posthorse: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
}

void
cli_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

int
cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\"posthorse %s -h\" tells what it takes.\n",
	    command);
	return EX_USAGE;
}

struct config *
cli_config(const struct cli *cli)
{
	struct config_report report = config_report_make();
	struct config *c = NULL;
	enum err e = config_load_file(cli->config_path, &c, &report);

	if (report.text.n > 0)
		(void)fwrite(report.text.p, 1, report.text.n, stderr);
	if (report.nerrors > CONFIG_ERRORS_MAX)
		cli_complain("and %zu errors more",
		    report.nerrors - CONFIG_ERRORS_MAX);
	if (e != ERR_OK && report.nerrors == 0)
		cli_complain("%s: %s", cli->config_path, err_name(e));
	config_report_free(&report);
	return c;
}

const char *
cli_meant(const char *word, const char *const *names)
{
	size_t nearest = SIZE_MAX;
	const char *meant = NULL;

	for (; *names != NULL; names++) {
		size_t d = suggest_distance(span_str(word), span_str(*names));

		if (d < nearest) {
			nearest = d;
			meant = *names;
		}
	}
	return suggest_is_near(span_str(word), nearest) ? meant : NULL;
}
