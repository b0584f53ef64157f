/*
 * sendmail.c - what programs expect behind the name sendmail.
 *
 * A plain client with the rights of whoever calls it.  Of the options that
 * sendmail has had, those that say who and to whom are heard; those that only
 * tune another server are taken and dropped, so that no program stops working;
 * those that ask for another program altogether are refused.
 */
#include "cli/send.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As getopt(3) reads them; a GNU "::" may have its value in the same word. */
#define OPTIONS		":A:B:C:F:GIL:N:O:R:UV:X:b:cd::e:f:h:imM:no:p:q::r:s:tvx"

/* -b MODE: what it would be, and how we do that. */
static const struct {
	char		 mode;
	const char	*instead;
} modes[] = {
	{ 'd', "posthorse serve" }, { 'D', "posthorse serve" },
	{ 'p', "posthorse queue list" }, { 's', "the submission socket" },
	{ 'i', "nothing: there is no table of aliases to make" },
	{ 'v', "nothing" }, { 't', "nothing" },
};

static int
refuse_mode(char mode)
{
	for (size_t i = 0; i < COUNT(modes); i++)
		if (modes[i].mode == mode)
			return cli_usage("send", "sendmail -b%c is not here: %s",
			    mode, modes[i].instead);
	return cli_usage("send", "sendmail has no mode -b%c", mode);
}

/* One option; EX_OK: go on. */
static int
take(struct send_order *order, struct cli *cli, int option)
{
	switch (option) {
	case 't':
		order->from_fields = true;
		return EX_OK;
	case 'f':
	case 'r':
		order->from = optarg;
		return EX_OK;
	case 'C':
		cli->config_path = optarg;
		return EX_OK;
	case 'b':
		return optarg[0] == 'm' && optarg[1] == '\0' ? EX_OK :
		    refuse_mode(optarg[0]);
	case 'q':
		return cli_usage("send", "sendmail -q is not here: "
		    "posthorse queue retry");
	case ':':
		return cli_usage("send", "sendmail -%c needs a value", optopt);
	case '?':
		return cli_usage("send", "sendmail has no option -%c", optopt);
	default:
		return EX_OK;		/* -i, -oi, -v, -F ...: dropped */
	}
}

int
cli_sendmail(int argc, char **argv)
{
	struct cli cli = { .config_path = CONFIG_PATH_DEFAULT };
	struct send_order order = { .is_silent = true };
	int option, status = EX_OK;

	while (status == EX_OK && (option = getopt(argc, argv, OPTIONS)) != -1)
		status = take(&order, &cli, option);
	if (status != EX_OK)
		return status;
	order.to = argv + optind;
	return send_order_run(&cli, &order);
}
