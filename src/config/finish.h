/*
 * finish.h - what no single statement can know: defaults that depend on other
 * settings, and settings that contradict each other.
 */
#ifndef POSTHORSE_CONFIG_FINISH_H
#define POSTHORSE_CONFIG_FINISH_H

#include "config/report.h"

/* After all statements were read without an error; adds to the report. */
void finish(struct config *c, struct config_report *report);
/* Its part in backend.c. */
void finish_backends(struct config *c, struct config_report *report);
struct place finish_place(const struct config *c, struct config_where where);

#endif
