/*
 * ask.h - a question over the control socket, and its rows.
 */
#ifndef POSTHORSE_CLI_ASK_H
#define POSTHORSE_CLI_ASK_H

#include "cli/cli.h"
#include "ipc/steer.h"

struct cli_ask {
	enum steer_verb	 verb;
	const char	*argument;	/* or NULL */
	struct steer_ask filter;	/* but for tag, verb and argument */
	/* One JSON object, good until it returns.  NULL: rows are dropped. */
	void	       (*row)(void *ctx, struct span json);
	void		*ctx;
	uint64_t	 count, busy;	/* of the answer */
};
/*
 * Ask the server of this configuration and take the whole answer.  Returns an
 * exit status; trouble has been told on standard error.
 */
int cli_ask(const struct cli *cli, struct cli_ask *ask);
/* The same, then wait until the server has gone. */
int cli_ask_end(const struct cli *cli, struct cli_ask *ask);
/* A row as it came, for --json.  ctx is not used. */
void cli_row_print(void *ctx, struct span json);

#endif
