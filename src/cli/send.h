/*
 * send.h - a message on standard input, handed in: by `posthorse send` and by
 * the command that other programs call sendmail.
 */
#ifndef POSTHORSE_CLI_SEND_H
#define POSTHORSE_CLI_SEND_H

#include "cli/cli.h"

struct send_order {
	const char	*from;		/* NULL: our own address */
	bool		 from_fields;	/* -t */
	bool		 is_json;
	bool		 is_silent;	/* nothing is said of a success */
	char	       **to;		/* ended by NULL */
};
/* Read, hand in; returns the exit status. */
int send_order_run(const struct cli *cli, const struct send_order *order);

/*
 * posthorse under the name sendmail.  What programs type for the one they know
 * is taken; what has no meaning here is dropped (PRV-5).
 */
int cli_sendmail(int argc, char **argv);

#endif
