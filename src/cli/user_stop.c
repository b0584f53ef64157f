/*
 * user_stop.c - `posthorse user stopped` and `user lift`: users whose mail was
 * stopped for its amount (RLY-6).
 */
#include "cli/ask.h"
#include "cli/rows.h"
#include "cli/user_stop.h"
#include "mail/address.h"

#include <stdio.h>

static const struct row_column columns[] = {
	{ "user", "USER", ROW_TEXT },
	{ "since_ms", "SINCE", ROW_TIME },
	{ "messages", "MESSAGES", ROW_TEXT },
	{ "recipients", "RECIPIENTS", ROW_TEXT },
};

int
user_stopped(const struct cli *cli)
{
	struct cli_ask ask = { .verb = STEER_USER_STOPPED,
		.row = cli_row_print };
	struct row_table *t;
	int status;

	if (cli->is_json)
		return cli_ask(cli, &ask);
	t = row_table_new(columns, COUNT(columns));
	if (t == NULL)
		return EX_OSERR;
	ask.row = row_table_add;
	ask.ctx = t;
	status = cli_ask(cli, &ask);
	if (status == EX_OK && row_table_count(t) == 0)
		(void)puts("Nobody is stopped.");
	row_table_print(t);
	return status;
}

/* NAME alone is enough with one domain. */
static int
lift_whole(const struct cli *cli, const struct config *c, const char *user)
{
	struct cli_ask ask = { .verb = STEER_USER_LIFT, .argument = user };
	char whole[2 * ADDR_MAX + 2];
	struct span name, domain;
	int status;

	if (!addr_split(span_str(user), &name, &domain) &&
	    c->ndomains == 1) {
		(void)snprintf(whole, sizeof whole, "%s@%s", user,
		    c->domains[0].name);
		ask.argument = whole;
	}
	status = cli_ask(cli, &ask);
	if (status != EX_OK)
		return status;
	if (cli->is_json)
		(void)printf("{\"count\":%llu}\n",
		    (unsigned long long)ask.count);
	else
		(void)printf("%s may send again\n", ask.argument);
	return EX_OK;
}

int
user_lift(const struct cli *cli, const char *user)
{
	struct config *c = cli_config(cli);
	int status;

	if (c == NULL)
		return EX_CONFIG;
	status = lift_whole(cli, c, user);
	config_free(c);
	return status;
}
