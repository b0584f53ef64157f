/*
 * dns-list: how it is written, printed, and what is wrong with it.
 */
#include "read.h"

static struct config *
good(const char *text)
{
	char errors[1024];
	struct config *c = read_text(span_str(text), NULL, errors,
	    sizeof errors);

	CHECK_STR(errors, "", "%s", text);
	return c;
}

static void
bad(const char *text, const char *want)
{
	char errors[1024];

	CHECK(read_text(span_str(text), NULL, errors, sizeof errors) == NULL,
	    "%s", text);
	CHECK_STR(errors, want, "%s", text);
}

static const struct {
	const char *text, *printed;
} good_lists[] = {
	{ "dns-list zen.Example.org\n",
	    "zen.example.org weight 10 reply 127.0.0.0/8" },
	{ "dns-list a.b weight 3, c.d weight -10 reply 127.0.0.2, e.f\n",
	    "a.b weight 3 reply 127.0.0.0/8, c.d weight -10 reply "
	    "127.0.0.2/32, e.f weight 10 reply 127.0.0.0/8" },
	{ "dns-list a.b,\n\tc.d reply 127.0.1.0/24 weight 0,\n\te.f\n",
	    "a.b weight 10 reply 127.0.0.0/8, c.d weight 0 reply "
	    "127.0.1.0/24, e.f weight 10 reply 127.0.0.0/8" },
	{ "dns-list a.b,c.d,e.f weight 1\n",
	    "a.b weight 10 reply 127.0.0.0/8, c.d weight 10 reply "
	    "127.0.0.0/8, e.f weight 1 reply 127.0.0.0/8" },
};

static void
test_good(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(good_lists); i++) {
		struct config *c = good(good_lists[i].text);
		struct buf text = buf_make(CONFIG_PRINT_MAX);
		char want[1024];

		assert_int_equal(config_print(c, false, &text), ERR_OK);
		assert_int_equal(buf_addc(&text, 0), ERR_OK);
		(void)snprintf(want, sizeof want, "\ndns-list %s\n",
		    good_lists[i].printed);
		CHECK(strstr((const char *)text.p, want) != NULL, "%s",
		    good_lists[i].text);
		config_free(c);
		buf_free(&text);
	}
}

static void
test_fields(void **state UNUSED)
{
	struct config *c = good("reverse-dns refuse\n"
	    "dns-list a.b weight -7 reply 127.0.0.4/30, c.d\n");

	CHECK_NUM(c->reverse_dns, CONFIG_REVERSE_REFUSE, "choice");
	CHECK_NUM(c->ndns_lists, 2, "two");
	CHECK_NUM(c->dns_lists[0].weight, -7, "an allow list");
	CHECK_NUM(c->dns_lists[0].reply.bits, 30, "prefix");
	CHECK_STR(c->dns_lists[1].zone, "c.d", "the second");
	config_free(c);
	c = good("");
	CHECK_NUM(c->reverse_dns, CONFIG_REVERSE_NO, "default");
	CHECK_NUM(c->ndns_lists, 0, "none");
	config_free(c);
}

#define AT	"/etc/x:1:"
static const struct {
	const char *text, *errors;
} wrong[] = {
	{ "dns-list\n", AT "9: a value is missing: dns-list NAME weight N "
	    "reply ADDRESS/PREFIX ...\n" },
	{ "dns-list a.b,\n", AT "14: a value is missing: dns-list NAME "
	    "weight N reply ADDRESS/PREFIX ...\n" },
	{ "dns-list a_b\n", AT "10: \"a_b\" is not a list's domain of at "
	    "most 189 octets\n" },
	{ "dns-list a.b weigth 3\n", AT "14: \"weigth\" is not \"weight\", "
	    "\"reply\" or a comma\n" },
	{ "dns-list a.b weight\n", AT "20: a value is missing: weight\n" },
	{ "dns-list a.b weight,c.d\n", AT "24: a value is missing: weight\n" },
	{ "dns-list a.b weight x\n", AT "21: \"x\" is not a weight from "
	    "-1000 to 1000\n" },
	{ "dns-list a.b weight 1001\n", AT "21: \"1001\" is not a weight from "
	    "-1000 to 1000\n" },
	{ "dns-list a.b weight --1\n", AT "21: \"--1\" is not a weight from "
	    "-1000 to 1000\n" },
	{ "dns-list a.b reply ::1\n", AT "20: \"::1\" is not a network of "
	    "replies such as 127.0.0.2 or 127.0.0.0/24\n" },
	{ "dns-list a.b, A.B\n", AT "15: \"A.B\" is not new: it was there "
	    "before\n" },
	{ "dns-list a.b\ndns-list c.d\n", "/etc/x:2:1: dns-list was set "
	    "already at /etc/x:1\n" },
	{ "reverse-dns lok\n", AT "13: \"lok\" is not known here, did you "
	    "mean \"look\"?\n" },
};

static void
test_wrong(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(wrong); i++)
		bad(wrong[i].text, wrong[i].errors);
}

static void
test_at_most_sixteen(void **state UNUSED)
{
	char text[400] = "dns-list l0.a";
	size_t n = strlen(text);

	for (unsigned int i = 1; i < CONFIG_DNS_LISTS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, ", l%u.a", i);
	text[n] = '\n';
	config_free(good(text));
	(void)snprintf(text + n, sizeof text - n, ", l16.a\n");
	bad(text, "/etc/x:1:112: \"l16.a\" is not possible: more than 16 "
	    "lists\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_good, ""),
		TEST(test_fields, ""),
		TEST(test_wrong, ""),
		TEST(test_at_most_sixteen, ""),
	};

	return RUN_TESTS(tests);
}
