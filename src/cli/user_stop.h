/*
 * user_stop.h - the verbs of `posthorse user` that ask the server.
 */
#ifndef POSTHORSE_CLI_USER_STOP_H
#define POSTHORSE_CLI_USER_STOP_H

#include "cli/cli.h"

/* Exit statuses; trouble has been told. */
int user_stopped(const struct cli *cli);
int user_lift(const struct cli *cli, const char *user);

#endif
