/* An aliases file: the classic format (aliases(5)), and what is refused of it. */
#include "policy/alias.h"

#include "check.h"

static const struct siphash_key key = { 1, 2 };

static const struct {
	const char	*text;
	const char	*local;
	const char	*targets;	/* one a line; NULL: no such alias */
} reads[] = {
	{ "info: anna\n", "info", "anna" },
	{ "info: anna", "INFO", "anna" },
	{ "Info:anna", "info", "anna" },
	{ "info : anna , bob\n", "info", "anna\nbob" },
	{ "info:\tanna,bob\r\n", "info", "anna\nbob" },
	{ "info: anna\n", "inf", NULL },
	{ "info: anna\n", "", NULL },
	/* Lines that go on, with others between. */
	{ "info: anna,\n  bob\n\t, carl\n", "info", "anna\nbob\ncarl" },
	{ "info: anna,\n# no, not dan:\n\n   bob\neve: x\n", "info",
	    "anna\nbob" },
	{ "info:\n anna\n", "info", "anna" },
	{ "# first\n\n  # second\ninfo: anna # not a comment@x\n", "info",
	    NULL },
	{ "a: b\nc: d\n", "c", "d" },
	/* Commas too many. */
	{ "info: anna,, bob,\n", "info", "anna\nbob" },
	/* Targets with a domain, quoted ones, users. */
	{ "info: bob@example.net\n", "info", "bob@example.net" },
	{ "info: \"out, there\"@example.net, x\n", "info",
	    "\"out, there\"@example.net\nx" },
	{ "info: \"b c\"\n", "info", "b c" },
	{ "info: \\anna, bob\n", "info", "\\anna\nbob" },
	{ "info: b@[192.0.2.1]\n", "info", "b@[192.0.2.1]" },
	{ "\"in fo\": anna\n", "in fo", "anna" },
	{ "\"a:b\": anna\n", "a:b", "anna" },
	{ "a+b: anna\n", "a+b", "anna" },
	{ "j\xc3\xb6rg: anna@b\xc3\xbc" "cher.example\n", "j\xc3\xb6rg",
	    "anna@b\xc3\xbc" "cher.example" },
	{ "postmaster: \\root\n", "postmaster", "\\root" },
};

static void
print_targets(const struct alias *a, struct buf *to)
{
	for (uint32_t i = 0; i < a->n; i++)
		CHECK(buf_addf(to, "%s%s%.*s", i > 0 ? "\n" : "",
		    a->targets[i].is_user ? "\\" : "",
		    SPAN_FMT(a->targets[i].text)) == ERR_OK, "room");
}

static void
test_reads(void **state)
{
	struct buf text = buf_make(4096);

	(void)state;
	for (size_t i = 0; i < COUNT(reads); i++) {
		struct aliases a = aliases_make(&key);
		struct alias_trouble t;
		enum err e = aliases_replace(&a, span_str(reads[i].text), &t);
		const struct alias *found = aliases_find(&a,
		    span_str(reads[i].local));

		/* That one is no file at all: a blank in a local part. */
		if (strstr(reads[i].text, "not a comment") != NULL) {
			CHECK(e == ERR_SYNTAX, "row %zu", i);
			continue;
		}
		CHECK(e == ERR_OK && a.is_there, "row %zu: %zu: %s", i, t.line,
		    t.why);
		CHECK((found == NULL) == (reads[i].targets == NULL), "row %zu",
		    i);
		buf_cut(&text, 0);
		if (found != NULL) {
			print_targets(found, &text);
			CHECK(span_eq(buf_span(&text),
			    span_str(reads[i].targets)), "row %zu: %.*s", i,
			    SPAN_FMT(buf_span(&text)));
		}
		aliases_free(&a);
	}
	buf_free(&text);
}

static const struct {
	const char	*text;
	size_t		 line;
	const char	*why;		/* a part of it */
} refusals[] = {
	{ "info anna\n", 1, "no colon" },
	{ "a: b\ninfo\n", 2, "no colon" },
	{ ": anna\n", 1, "no local part" },
	{ "in fo: anna\n", 1, "no local part" },
	{ "info@example.org: anna\n", 1, "no local part" },
	{ "\"\": anna\n", 1, "no local part" },
	{ ".x: anna\n", 1, "no local part" },
	{ "a: b\n\ninfo:\n", 3, "without a target" },
	{ "info: ,,\n", 1, "without a target" },
	{ "info: \n\nb: c\n", 1, "without a target" },
	{ "  anna\n", 1, "no name" },
	{ "a: b\nA: c\n", 2, "twice" },
	{ "info: an na\n", 1, "no address" },
	{ "info: anna@\n", 1, "no address" },
	{ "info: @example.org\n", 1, "no address" },
	{ "info: <anna>\n", 1, "no address" },
	{ "info: \"anna\n", 1, "no address" },
	{ "info: a\x01\n", 1, "no address" },
	{ "info: \\\n", 1, "no address" },
	{ "info: \\anna@example.org\n", 1, "backslash" },
	/* DLV-4: nothing that runs, nothing that writes. */
	{ "info: |/bin/sh\n", 1, "program" },
	{ "info: \"|/bin/sh -c x\"\n", 1, "program" },
	{ "info: anna, /etc/passwd\n", 1, "a file" },
	{ "info: \"/var/mail/x\"\n", 1, "a file" },
	{ "info: :include:/etc/list\n", 1, ":include:" },
	{ "info: :Include:/etc/list\n", 1, ":include:" },
	/* 65 octets of a local part. */
	{ "info: 0123456789012345678901234567890123456789012345678901234567890"
	  "1234\n", 1, "no address" },
};

/* A bad file changes nothing. */
static void
test_refusals(void **state)
{
	struct aliases a = aliases_make(&key);
	struct alias_trouble t;

	(void)state;
	CHECK(aliases_replace(&a, SPAN("kept: anna\n"), &t) == ERR_OK, "kept");
	for (size_t i = 0; i < COUNT(refusals); i++) {
		CHECK(aliases_replace(&a, span_str(refusals[i].text), &t) ==
		    ERR_SYNTAX, "row %zu", i);
		CHECK_NUM(t.line, refusals[i].line, "row %zu", i);
		CHECK(strstr(t.why, refusals[i].why) != NULL, "row %zu: %s", i,
		    t.why);
		CHECK(a.is_there && aliases_find(&a, SPAN("kept")) != NULL,
		    "row %zu", i);
	}
	aliases_free(&a);
}

/* name: t0, t1, ... of n targets. */
static void
many(struct buf *to, const char *name, unsigned int n)
{
	CHECK(buf_addf(to, "%s: t0", name) == ERR_OK, "room");
	for (unsigned int i = 1; i < n; i++)
		CHECK(buf_addf(to, ",%st%u", i % 50 == 0 ? "\n " : "", i) ==
		    ERR_OK, "room");
	CHECK(buf_add(to, SPAN("\n")) == ERR_OK, "room");
}

/* Section 19: targets of a name. */
static void
test_targets(void **state)
{
	static const struct {
		unsigned int	n;
		enum err	e;
	} counts[] = { { 1, ERR_OK }, { ALIAS_TARGETS_MAX, ERR_OK },
		{ ALIAS_TARGETS_MAX + 1, ERR_SYNTAX },
		{ 100 * ALIAS_TARGETS_MAX, ERR_SYNTAX } };
	struct buf text = buf_make(4u << 20);
	struct alias_trouble t;

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct aliases a = aliases_make(&key);

		buf_cut(&text, 0);
		many(&text, "all", counts[i].n);
		CHECK(aliases_replace(&a, buf_span(&text), &t) == counts[i].e,
		    "%u", counts[i].n);
		if (counts[i].e == ERR_OK)
			CHECK_NUM(aliases_find(&a, SPAN("all"))->n,
			    counts[i].n, "all of them");
		aliases_free(&a);
	}
	/* An entry of more than a MiB is refused, not kept in memory. */
	buf_cut(&text, 0);
	CHECK(buf_addf(&text, "all: x%*s\n", (1 << 20) + 10, "y") == ERR_OK,
	    "room");
	struct aliases a = aliases_make(&key);
	CHECK(aliases_replace(&a, buf_span(&text), &t) == ERR_SYNTAX &&
	    strstr(t.why, "1 MiB") != NULL, "%s", t.why);
	aliases_free(&a);
	buf_free(&text);
}

/* PRS-2: cut anywhere it is a file or none, never something half. */
static void
test_cut_anywhere(void **state)
{
	static const char text[] = "# all\ninfo: anna, \\bob,\n "
	    "\"o, t\"@example.net\n\"a b\": c@d.example\r\npostmaster: root\n";

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		struct aliases a = aliases_make(&key);
		struct alias_trouble t;
		char *cut = malloc(n + 1);

		CHECK(cut != NULL, "memory");
		memcpy(cut, text, n);
		if (aliases_replace(&a, span_of(cut, n), &t) == ERR_OK)
			CHECK(map_count(&a.names) <= 3, "%zu", n);
		else
			CHECK(t.line > 0 && t.why[0] != '\0', "%zu", n);
		aliases_free(&a);
		free(cut);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_reads, "DLV-5"),
	TEST(test_refusals, "DLV-4 DLV-5"),
	TEST(test_targets, "DLV-5"),
	TEST(test_cut_anywhere, "PRS-2"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
