/*
 * stop.c - `posthorse stop`: an orderly end, waited for.
 */
#include "cli/ask.h"

int
cli_stop(const struct cli *cli, int argc, char **argv UNUSED)
{
	struct cli_ask ask = { .verb = STEER_STOP };

	if (argc > 1)
		return cli_usage("stop", "stop takes no words");
	return cli_ask_end(cli, &ask);
}
