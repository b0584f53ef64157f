/*
 * print.c - `posthorse print`: each setting and where it is from.
 */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int
put(const struct buf *text)
{
	if (fwrite(text->p, 1, text->n, stdout) == text->n &&
	    fflush(stdout) == 0)
		return EX_OK;
	cli_complain("standard output takes no more");
	return EX_IOERR;
}

static int
print_manual(void)
{
	struct buf text = buf_make(CONFIG_PRINT_MAX);
	int status = EX_OSERR;

	if (config_manual(&text) == ERR_OK)
		status = put(&text);
	buf_free(&text);
	return status;
}

/* --- rows -------------------------------------------------------------- */

static struct span
line_take(struct span *rest)
{
	size_t n = span_find(*rest, '\n');
	struct span line = { rest->p, n };

	*rest = span_skip(*rest, MIN(n + 1, rest->n));
	return line;
}

/* `   # origin` behind a statement. */
static struct span
origin_of(struct span behind)
{
	while (behind.n > 0 && (behind.p[0] == ' ' || behind.p[0] == '#'))
		behind = span_skip(behind, 1);
	return behind;
}

static bool
put_row(struct span statement, struct span origin, struct span block)
{
	json_t *row = json_pack("{s:s%, s:s%}", "statement", statement.p,
	    statement.n, "origin", origin.p, origin.n);
	bool ok = row != NULL;

	if (ok && block.n > 0)
		ok = json_object_set_new(row, "in",
		    json_stringn((const char *)block.p, block.n)) == 0;
	ok = ok && json_dumpf(row, stdout, JSON_COMPACT) == 0 &&
	    putchar('\n') != EOF;
	json_decref(row);
	return ok;
}

/*
 * The same lines twice, bare and with what stands behind them: so an origin
 * begins where its statement ends, whatever octets either holds.
 */
static bool
put_rows(struct span bare, struct span full)
{
	struct span block = { 0 };

	while (bare.n > 0) {
		struct span line = line_take(&bare), said = line_take(&full);
		struct span origin;

		/* Settings that are not set stand in the full text alone. */
		while (!span_starts(said, line) && full.n > 0)
			said = line_take(&full);
		origin = origin_of(span_skip(said, line.n));
		if (span_eq(line, SPAN("}"))) {
			block = (struct span){ 0 };
			continue;
		}
		if (line.p[line.n - 1] == '{')
			line.n -= strlen(" {");
		if (line.p[0] == '\t')
			line = span_skip(line, 1);
		else
			block = (struct span){ 0 };
		if (!put_row(line, origin, block))
			return false;
		if (bare.n > 0 && bare.p[0] == '\t' && block.n == 0)
			block = line;
	}
	return fflush(stdout) == 0;
}

static int
print_rows(const struct config *c, const struct buf *full)
{
	struct buf bare = buf_make(CONFIG_PRINT_MAX);
	int status = EX_OSERR;

	if (config_print(c, false, &bare) == ERR_OK)
		status = put_rows(buf_span(&bare), buf_span(full)) ? EX_OK :
		    EX_IOERR;
	if (status != EX_OK)
		cli_complain("cannot be printed as JSON: a value is not UTF-8, "
		    "or standard output takes no more");
	buf_free(&bare);
	return status;
}

int
cli_print(const struct cli *cli, int argc, char **argv)
{
	struct buf text = buf_make(CONFIG_PRINT_MAX);
	struct config *c;
	int status = EX_OSERR;

	if (argc == 2 && strcmp(argv[1], "--manual") == 0)
		return print_manual();
	if (argc > 1)
		return cli_usage("print", "print takes no \"%s\"", argv[1]);
	c = cli_config(cli);
	if (c == NULL)
		return EX_CONFIG;
	if (config_print(c, true, &text) == ERR_OK)
		status = cli->is_json ? print_rows(c, &text) : put(&text);
	else
		cli_complain("the configuration is too large to print");
	buf_free(&text);
	config_free(c);
	return status;
}
