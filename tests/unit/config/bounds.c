/*
 * bounds.c - every row at its limits and past them, and the language's own.
 */
#include "config/match.h"
#include "config/schema.h"
#include "config/value.h"

#include "read.h"

static bool
is_number(const struct schema_row *row)
{
	return row->scope == SCOPE_TOP && row->max > 0;
}

/* `NAME VALUE`, printed as the row's own type does. */
static struct config *
set(const struct schema_row *row, uint64_t value, char *errors, size_t room)
{
	struct buf text = buf_make(256);
	struct config *c;

	CHECK(buf_addf(&text, "%s ", row->name) == ERR_OK &&
	    row->type->print(row, &value, &text) == ERR_OK, "%s", row->name);
	c = read_text(buf_span(&text), NULL, errors, room);
	buf_free(&text);
	return c;
}

/* Limits that may not cross: what is refused then is another sentence. */
static bool
is_order(const char *errors)
{
	return strstr(errors, " is above ") != NULL;
}

static void
test_rows_at_and_past_bounds(void **state)
{
	static char errors[16384];
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < schema_nrows; i++) {
		const struct schema_row *row = &schema_rows[i];
		uint64_t at[] = { row->min, row->max };

		if (!is_number(row))
			continue;
		seen++;
		for (size_t k = 0; k < 2; k++) {
			struct config *c = set(row, at[k], errors,
			    sizeof errors);

			CHECK(c != NULL || is_order(errors), "%s: %s",
			    row->name, errors);
			if (c != NULL)
				CHECK_NUM(*(const uint64_t *)(const void *)
				    ((const char *)c + row->offset), at[k],
				    "%s", row->name);
			config_free(c);
		}
		CHECK(set(row, row->max + 1, errors, sizeof errors) == NULL,
		    "%s past its greatest", row->name);
		CHECK(strstr(errors, " to ") != NULL, "%s: %s", row->name,
		    errors);
		CHECK(set(row, row->max * 100, errors, sizeof errors) == NULL,
		    "%s far past it", row->name);
		if (row->min > 0)
			CHECK(set(row, row->min - 1, errors, sizeof errors) ==
			    NULL, "%s below its least", row->name);
	}
	CHECK(seen > 40, "%zu rows", seen);
}

static void
test_rows_are_few(void **state)
{
	/* `backend` whatever its kind, `user` whatever its role. */
	size_t nstatements = 2;

	(void)state;

	for (size_t i = 0; i < schema_nrows; i++)
		nstatements += schema_rows[i].scope == SCOPE_TOP &&
		    strncmp(schema_rows[i].name, "backend ", 8) != 0 &&
		    strncmp(schema_rows[i].name, "user ", 5) != 0;
	CHECK(nstatements < 100, "%zu", nstatements);
	for (size_t i = 0; i < schema_nrows; i++) {
		const char *s = schema_rows[i].sentence;

		CHECK(s[strlen(s) - 1] == '.', "%s", schema_rows[i].name);
		CHECK(schema_rows[i].type->print != NULL ||
		    schema_rows[i].opens != SCOPE_TOP ||
		    schema_rows[i].type == &value_include ||
		    schema_rows[i].type == &value_match, "%s",
		    schema_rows[i].name);
	}
}

/* unit repeated times, between two texts, is good or says why. */
static const struct {
	const char *what, *before, *unit, *after;
	size_t	    times;
	const char *why;
} sizes[] = {
	{ "word at the limit", "spool /", "a", "\n", 1023, NULL },
	{ "word past it", "spool /", "a", "\n", 1024, "1024 octets" },
	{ "words at the limit", "listen mx from 1.2.3.4", ", 1.2.3.4", "",
	    60, NULL },
	{ "words past it", "hostname", " a", "", 64, "64 words" },
	{ "words far past it", "hostname", " a", "", 6400, "64 words" },
	{ "networks at the limit", "listen mx from 1.2.3.4", ",1.2.3.4", "",
	    63, NULL },
	{ "networks past it", "listen mx from 1.2.3.4", ",1.2.3.4", "", 64,
	    "64 networks" },
	{ "resolvers at the limit", "resolver ::1", ",::1", "", 3, NULL },
	{ "resolvers past it", "resolver ::1", ",::1", "", 4, "4 resolvers" },
	{ "listens past the limit", "", "listen mx\n", "", 65, "64 times" },
	{ "grants past the limit", "", "grant a@b sender *\n", "", 1001,
	    "1000 times" },
	{ "senders at the limit", "grant a@b sender a@b", ",aaaaaaa@b", "",
	    92, NULL },
	{ "senders past it", "grant a@b sender a@b", ", aaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b", "", 30,
	    "say grant twice" },
	{ "domains without mail at the limit", "no-mail a.bcd", ",aaa.bbbbb",
	    "", 101, NULL },
	{ "domains without mail past it", "no-mail a.bcd", ", aaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", "", 30,
	    "1024 octets of domains" },
	{ "relays past the limit", "", "relay via smtp://a\n", "", 257,
	    "256 times" },
	{ "issuers past the limit", "", "oauth issuer a audience b keys c\n",
	    "", 5, "4 times" },
	{ "backends past the limit", "", "backend pam b service s\n", "", 21,
	    "20 times" },
	{ "domains past the limit", "", "domain a { }\n", "", 1001, NULL },
	{ "statements past the limit", "", "x\n", "", 10001, NULL },
	{ "file past the limit", "", "#\n", "", 524289, "1 MiB" },
	{ "file at the limit", "", "#\n", "", 524288, NULL },
	{ "blocks in blocks", "domain a ", "{ x ", "", 10000, NULL },
};

static void
test_sizes(void **state)
{
	static char errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buf text = buf_make(2u << 20);
		struct config_report report = config_report_make();
		struct config *c = NULL;

		CHECK(buf_addf(&text, "%s", sizes[i].before) == ERR_OK, "0");
		for (size_t k = 0; k < sizes[i].times; k++)
			CHECK(buf_add(&text, span_str(sizes[i].unit)) ==
			    ERR_OK, "%zu", k);
		CHECK(buf_addf(&text, "%s", sizes[i].after) == ERR_OK, "0");
		CHECK((config_parse(buf_span(&text), "/etc/x", NULL,
		    &test_host, &c, &report) == ERR_OK) ==
		    (report.nerrors == 0), "%s", sizes[i].what);
		(void)snprintf(errors, sizeof errors, "%.*s",
		    SPAN_FMT(buf_span(&report.text)));
		if (sizes[i].why != NULL)
			CHECK(strstr(errors, sizes[i].why) != NULL, "%s: %s",
			    sizes[i].what, errors);
		else
			CHECK((c != NULL) == (report.nerrors == 0), "%s: %s",
			    sizes[i].what, errors);
		config_free(c);
		config_report_free(&report);
		buf_free(&text);
	}
}

/* Twenty are told, all are counted. */
static void
test_errors_are_bounded(void **state)
{
	struct config_report report = config_report_make();
	struct config *c = NULL;
	struct buf text = buf_make(65536);
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < 5000; i++)
		CHECK(buf_add(&text, SPAN("xyzzy\n")) == ERR_OK, "%zu", i);
	CHECK(config_parse(buf_span(&text), "/etc/x", NULL, &test_host, &c,
	    &report) == ERR_SYNTAX, "wrong");
	CHECK_NUM(report.nerrors, 5000, "all counted");
	for (size_t i = 0; i < report.text.n; i++)
		lines += report.text.p[i] == '\n';
	CHECK_NUM(lines, CONFIG_ERRORS_MAX, "twenty told");
	config_report_free(&report);
	buf_free(&text);
}

static const struct CMUnitTest tests[] = {
	TEST(test_rows_at_and_past_bounds, ""),
	TEST(test_rows_are_few, ""),
	TEST(test_sizes, "MEM-3 PRS-3"),
	TEST(test_errors_are_bounded, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
