/*
 * read.h - read a configuration from a string, for the tests of this room.
 */
#ifndef TESTS_CONFIG_READ_H
#define TESTS_CONFIG_READ_H

#include "config/config.h"

#include "check.h"

static const struct config_host test_host = { "mx.example.org", 2 };

/* NULL: there were errors, which stand in errors (NUL-terminated). */
static inline struct config *
read_text(struct span text, const struct config_source *source, char *errors,
    size_t room)
{
	struct config_report report = config_report_make();
	struct config *c = NULL;
	enum err e = config_parse(text, "/etc/x", source, &test_host, &c,
	    &report);

	CHECK((e == ERR_OK) == (c != NULL), "%s", err_name(e));
	CHECK((e == ERR_OK) == (report.nerrors == 0), "%s", err_name(e));
	(void)snprintf(errors, room, "%.*s",
	    SPAN_FMT(buf_span(&report.text)));
	config_report_free(&report);
	return c;
}

#endif
