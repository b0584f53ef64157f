/*
 * report.h - errors with their place, gathered for one reading.
 */
#ifndef POSTHORSE_CONFIG_REPORT_H
#define POSTHORSE_CONFIG_REPORT_H

#include "config/config.h"

struct place {
	const char	*file;		/* NULL: no file is to blame */
	uint32_t	 line, column;	/* from 1; column counts octets */
};

/* Add one sentence; beyond CONFIG_ERRORS_MAX it is only counted. */
void report_error(struct config_report *r, struct place at, const char *fmt,
    ...) PRINTF(3, 4);

#endif
