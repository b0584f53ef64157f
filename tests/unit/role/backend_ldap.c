/*
 * A user's name in a name of the directory, and in a filter.
 */
#include "check.h"

#include "role/backend/ldap_name.h"

static const struct {
	const char	*name;
	const char	*template;
	enum ldap_place	 place;
	struct span	 value;		/* of {name} */
	const char	*filled;
} cases[] = {
	{ "plain", "uid={name},dc=a", LDAP_IN_NAME, { 0 }, "uid=,dc=a" },
	{ "a name", "uid={name},dc=a", LDAP_IN_NAME,
	    { (const uint8_t *)"anna", 4 }, "uid=anna,dc=a" },
	{ "all of it", "uid={user}+cn={name},dc={domain}", LDAP_IN_NAME,
	    { (const uint8_t *)"anna", 4 },
	    "uid=anna@a.example+cn=anna,dc=a.example" },
	/* RFC 4514 2.4: each that has to be, and spaces anywhere. */
	{ "of a name", "uid={name}", LDAP_IN_NAME,
	    { (const uint8_t *)" #\"+,;<=>\\ ", 11 },
	    "uid=\\20\\23\\22\\2b\\2c\\3b\\3c\\3d\\3e\\5c\\20" },
	{ "stars are nothing there", "uid={name}", LDAP_IN_NAME,
	    { (const uint8_t *)"*()", 3 }, "uid=*()" },
	/* RFC 4515 3. */
	{ "of a filter", "(uid={name})", LDAP_IN_FILTER,
	    { (const uint8_t *)"*()\\\0x", 6 },
	    "(uid=\\2a\\28\\29\\5c\\00x)" },
	{ "commas are nothing there", "(uid={name})", LDAP_IN_FILTER,
	    { (const uint8_t *)"a,b=c", 5 }, "(uid=a,b=c)" },
	{ "controls", "{name}", LDAP_IN_NAME,
	    { (const uint8_t *)"\0\n\x1f\x7f", 4 }, "\\00\\0a\\1f\\7f" },
	{ "beyond ASCII", "{name}", LDAP_IN_FILTER,
	    { (const uint8_t *)"\xc3\xa4", 2 }, "\\c3\\a4" },
	{ "marks in it are its own", "{name}{name}", LDAP_IN_NAME,
	    { (const uint8_t *)"{user}", 6 }, "{user}{user}" },
	{ "nothing stands for it", "uid=x", LDAP_IN_NAME,
	    { (const uint8_t *)"anna", 4 }, "uid=x" },
	{ "half a mark", "uid={nam", LDAP_IN_NAME,
	    { (const uint8_t *)"anna", 4 }, "uid={nam" },
};

static void
test_fill(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ldap_user u = { SPAN("anna@a.example"), cases[i].value,
			SPAN("a.example") };
		struct buf to = buf_make(256);

		assert_int_equal(ldap_name_fill(span_str(cases[i].template),
		    cases[i].place, &u, &to), ERR_OK);
		assert_int_equal(buf_addc(&to, '\0'), ERR_OK);
		CHECK_STR((const char *)to.p, cases[i].filled, "%s",
		    cases[i].name);
		buf_free(&to);
	}
}

/* Whatever octet stands in it, the template's own brackets are the only ones. */
static void
test_each_octet(void **state UNUSED)
{
	for (unsigned int c = 0; c < 256; c++) {
		uint8_t octets[3] = { 'a', (uint8_t)c, 'b' };
		struct ldap_user u = { .name = span_of(octets, 3) };
		struct buf filter = buf_make(64), name = buf_make(64);

		assert_int_equal(ldap_name_fill(SPAN("(u={name})"),
		    LDAP_IN_FILTER, &u, &filter), ERR_OK);
		assert_int_equal(ldap_name_fill(SPAN("u={name},x=y"),
		    LDAP_IN_NAME, &u, &name), ERR_OK);
		CHECK_NUM(span_find(span_skip(buf_span(&filter), 1), '('),
		    filter.n - 1, "octet %u", c);
		CHECK_NUM(span_find(buf_span(&filter), ')'), filter.n - 1,
		    "octet %u", c);
		CHECK_NUM(span_find(buf_span(&filter), '*'), filter.n,
		    "octet %u", c);
		CHECK_NUM(span_find(buf_span(&name), ','), name.n - 4,
		    "octet %u", c);
		CHECK_NUM(span_find(buf_span(&name), '+'), name.n,
		    "octet %u", c);
		buf_free(&filter);
		buf_free(&name);
	}
}

static void
test_no_room(void **state UNUSED)
{
	struct ldap_user u = { .name = SPAN("anna") };
	struct buf to = buf_make(4);

	CHECK_NUM(ldap_name_fill(SPAN("{name}"), LDAP_IN_NAME, &u, &to), ERR_OK,
	    "at the limit");
	CHECK_NUM(ldap_name_fill(SPAN("{name}"), LDAP_IN_NAME, &u, &to),
	    ERR_FULL, "past it");
	buf_free(&to);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_fill, "AUTH-8"),
		TEST(test_each_octet, "AUTH-8"),
		TEST(test_no_room, "MEM-1"),
	};

	return RUN_TESTS(tests);
}
