#include "config/verifier.h"

#include "check.h"

/* The password "pencil" of RFC 7677; the keys are computed by hand elsewhere. */
#define SALT	"W22ZaJ0SNY7soEsUEjb6gQ=="
#define KEYS	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define A20	"AAAAAAAAAAAAAAAAAAAA"
#define A22	A20 "AA"
#define GOOD	"SCRAM-SHA-256$4096:" SALT "$" KEYS

static const struct {
	const char	*name, *text;
	bool		 is_good;
} texts[] = {
	{ "as made", GOOD, true },
	{ "most work", "SCRAM-SHA-256$1000000:" SALT "$" KEYS, true },
	{ "too much", "SCRAM-SHA-256$1000001:" SALT "$" KEYS, false },
	{ "too little", "SCRAM-SHA-256$4095:" SALT "$" KEYS, false },
	{ "none", "SCRAM-SHA-256$:" SALT "$" KEYS, false },
	{ "endless", "SCRAM-SHA-256$99999999999999999999:" SALT "$" KEYS,
		false },
	{ "negative", "SCRAM-SHA-256$-4096:" SALT "$" KEYS, false },
	{ "another kind", "SCRAM-SHA-1$4096:" SALT "$" KEYS, false },
	{ "no salt", "SCRAM-SHA-256$4096:$" KEYS, false },
	{ "salt of 64", "SCRAM-SHA-256$4096:" A22 A22 A22 A20 "==$" KEYS, true },
	{ "salt of 66", "SCRAM-SHA-256$4096:" A22 A22 A22 A22 "$" KEYS, false },
	{ "one key", "SCRAM-SHA-256$4096:" SALT
		"$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", false },
	{ "three", GOOD ":YWJj", false },
	{ "a short key", "SCRAM-SHA-256$4096:" SALT "$YWJj:YWJj", false },
	{ "no base64", "SCRAM-SHA-256$4096:" SALT "$W!5d:x", false },
	{ "a space behind", GOOD " ", false },
	{ "nothing", "", false },
};

static void
test_texts(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buf back = buf_make(VERIFIER_TEXT_MAX);
		struct verifier v;
		enum err e = verifier_parse(span_str(texts[i].text), &v);

		CHECK_NUM(e == ERR_OK, texts[i].is_good, "%s", texts[i].name);
		if (e == ERR_OK) {
			assert_int_equal(verifier_print(&v, &back), ERR_OK);
			CHECK(span_eq(buf_span(&back),
			    span_str(texts[i].text)), "%s", texts[i].name);
		}
		buf_free(&back);
	}
	for (size_t n = 0; n < strlen(GOOD); n++) {
		struct verifier v;

		CHECK(verifier_parse(span_of(GOOD, n), &v) == ERR_SYNTAX,
		    "cut at %zu", n);
	}
}

static void
test_make(void **state UNUSED)
{
	struct buf text = buf_make(VERIFIER_TEXT_MAX);
	struct verifier v, made;

	assert_int_equal(verifier_parse(SPAN(GOOD), &v), ERR_OK);
	assert_int_equal(verifier_make(SPAN("pencil"), span_of(v.salt,
	    v.nsalt), 4096, &made), ERR_OK);
	assert_int_equal(verifier_print(&made, &text), ERR_OK);
	CHECK(span_eq(buf_span(&text), SPAN(GOOD)), "%.*s",
	    SPAN_FMT(buf_span(&text)));
	buf_free(&text);
}

/* RFC 4231 4.2 and 4.7: a key that is longer than a block. */
static void
test_hmac(void **state UNUSED)
{
	static const uint8_t want[][4] = {
		{ 0xb0, 0x34, 0x4c, 0x61 }, { 0x60, 0xe4, 0x31, 0x59 },
	};
	uint8_t key[131], sum[VERIFIER_KEY];

	memset(key, 0x0b, 20);
	assert_int_equal(verifier_hmac(span_of(key, 20), SPAN("Hi "),
	    SPAN("There"), sum), ERR_OK);
	assert_memory_equal(sum, want[0], 4);
	memset(key, 0xaa, sizeof key);
	assert_int_equal(verifier_hmac(span_of(key, sizeof key),
	    SPAN("Test Using Larger Than Block-Size Key - Hash Key First"),
	    SPAN(""), sum), ERR_OK);
	assert_memory_equal(sum, want[1], 4);
}

/* RFC 4013 section 3, and some more. */
static const struct {
	const char	*in, *out;	/* NULL: refused */
} prepared[] = {
	{ "I\xc2\xadX", "IX" },
	{ "user", "user" }, { "USER", "USER" },
	{ "\xc2\xaa", "a" },
	{ "\xe2\x85\xa8", "IX" },
	{ "\x07", NULL },
	{ "\xd8\xa7\x31", NULL },
	{ "correct horse 17", "correct horse 17" },
	{ "a\xc2\xa0""b", "a b" },
	{ "\xe3\x80\x80", " " },
	{ "e\xcc\x81", "\xc3\xa9" },		/* composed */
	{ "\xd8\xa7\x31\xd8\xa8", "\xd8\xa7\x31\xd8\xa8" },
	{ "\xd8\xa7""b\xd8\xa8", NULL },
	{ "\xc2\xad", NULL },			/* nothing is left */
	{ "", NULL },
	{ "\xee\x80\x80", NULL },		/* private use */
	{ "\xef\xbf\xbe", NULL },		/* no character */
	{ "\xe2\x80\xae", NULL },		/* turns the direction */
	{ "\xc3", NULL }, { "\xed\xa0\x80", NULL }, { "\xc0\x80", NULL },
	{ "a\x7f", NULL },
};

static void
test_prepare(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(prepared); i++) {
		struct buf to = buf_make(256);
		enum err e = verifier_prepare(span_str(prepared[i].in), &to);

		CHECK_NUM(e == ERR_OK, prepared[i].out != NULL, "row %zu", i);
		if (e == ERR_OK)
			CHECK(span_eq(buf_span(&to), span_str(prepared[i].out)),
			    "row %zu", i);
		buf_free(&to);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_texts, "AUTH-9"),
	TEST(test_make, "AUTH-9"),
	TEST(test_hmac, ""),
	TEST(test_prepare, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
