#include "cli/cli.h"

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
		status = put(&text);
	else
		cli_complain("the configuration is too large to print");
	buf_free(&text);
	config_free(c);
	return status;
}
