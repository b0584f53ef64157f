/*
 * check_tls.h - certificates and their keys, looked at by `check`.
 */
#ifndef POSTHORSE_CLI_CHECK_TLS_H
#define POSTHORSE_CLI_CHECK_TLS_H

#include "config/config.h"

/* One line a pair that is no pair, in report; ERR_SYNTAX when there is one. */
MUST_USE enum err cli_check_tls(const struct config *c,
    struct config_report *report);

#endif
