#include "cli/send_fields.h"

#include "check.h"

static const struct {
	const char *in, *out;
} lines[] = {
	{ "", "" }, { "a", "a\r\n" }, { "a\n", "a\r\n" },
	{ "a\r\n", "a\r\n" }, { "\n", "\r\n" }, { "\n\n", "\r\n\r\n" },
	{ "a\nb\r\nc", "a\r\nb\r\nc\r\n" },
	/* A bare CR is not ours to judge: the server refuses it. */
	{ "a\rb\n", "a\rb\r\n" }, { "a\r\r\n", "a\r\r\n" },
};

static void
test_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct buf to = buf_make(256);

		CHECK(send_canonical(span_str(lines[i].in), &to) == ERR_OK,
		    "%zu", i);
		CHECK(span_eq(buf_span(&to), span_str(lines[i].out)),
		    "row %zu: %.*s", i, SPAN_FMT(buf_span(&to)));
		buf_free(&to);
	}
}

/* list: the addresses, with a bar behind each; NULL: they cannot be read. */
static const struct {
	const char *in, *list, *rest;
} fields[] = {
	{ "To: a@b\r\n\r\nTo: c@d\r\n", "a@b|", "To: a@b\r\n\r\nTo: c@d\r\n" },
	{ "to: a@b, c@d\r\ncC:e@f\r\n\r\n", "a@b|c@d|e@f|",
	    "to: a@b, c@d\r\ncC:e@f\r\n\r\n" },
	{ "Bcc: a@b\r\nTo: c@d\r\nBCC:\r\n e@f,\r\n\tg@h\r\nX: y\r\n\r\nz\r\n",
	    "a@b|c@d|e@f|g@h|", "To: c@d\r\nX: y\r\n\r\nz\r\n" },
	{ "To: Anna <a@b>, \"B, C\" <c@d>\r\n\r\n", "a@b|c@d|", NULL },
	{ "To: a@b (Anna, of <x@y>), (c (d) e) f@g\r\n\r\n", "a@b|f@g|", NULL },
	{ "To: friends: a@b, C <c@d>;, e@f\r\n\r\n", "a@b|c@d|e@f|", NULL },
	{ "To: nobody:;\r\n\r\n", "", NULL },
	{ "To: \"a b\"@c\r\n\r\n", "\"a b\"@c|", NULL },
	{ "To: \"a\\\"b\"@c\r\n\r\n", "\"a\\\"b\"@c|", NULL },
	{ "To: <a@[IPv6:::1]>\r\n\r\n", "a@[ipv6:::1]|", NULL },
	{ "To: root, Bob <bob>\r\n\r\n", "root|bob|", NULL },
	{ "To: (open\r\nCc: a@b\r\n\r\n", NULL, NULL },
	{ "To: \"open\r\nCc: a@b\r\n\r\n", NULL, NULL },
	{ "To: a@b c@d\r\n\r\n", NULL, NULL },
	{ "From: a@b\r\n\r\nbody\r\n", "", NULL },
	{ "no field at all\r\n", "", NULL },
	{ "To: a@b", "a@b|", NULL },
	{ "", "", "" },
};

static void
test_recipients(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct buf list = buf_make(1024), rest = buf_make(1024);

		CHECK_NUM(send_recipients(span_str(fields[i].in), &list, &rest),
		    fields[i].list != NULL ? ERR_OK : ERR_SYNTAX, "row %zu", i);
		if (fields[i].list == NULL) {
			buf_free(&list);
			buf_free(&rest);
			continue;
		}
		for (size_t k = 0; k < list.n; k++)
			if (list.p[k] == '\0')
				list.p[k] = '|';
		CHECK(span_eq(buf_span(&list), span_str(fields[i].list)),
		    "row %zu: %.*s", i, SPAN_FMT(buf_span(&list)));
		CHECK(span_eq(buf_span(&rest), span_str(fields[i].rest != NULL ?
		    fields[i].rest : fields[i].in)), "row %zu: %.*s", i,
		    SPAN_FMT(buf_span(&rest)));
		buf_free(&list);
		buf_free(&rest);
	}
}

static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++)
		for (size_t n = 0; n <= strlen(fields[i].in); n++) {
			struct buf list = buf_make(1024);
			struct buf rest = buf_make(1024);

			enum err e = send_recipients(span_of(fields[i].in, n),
			    &list, &rest);

			CHECK(e == ERR_OK || e == ERR_SYNTAX, "row %zu at %zu",
			    i, n);
			CHECK(list.n == 0 || list.p[list.n - 1] == '\0',
			    "row %zu at %zu", i, n);
			buf_free(&list);
			buf_free(&rest);
		}
}

static const struct CMUnitTest tests[] = {
	TEST(test_canonical, "SMTP-2"),
	TEST(test_recipients, ""),
	TEST(test_cut_anywhere, "PRS-6"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
