/*
 * smtp_xattr: the attributes of XCLIENT and XFORWARD, a row a command.
 */
#include "check.h"

#include "proto/smtp_xattr.h"

#include <arpa/inet.h>

#define C	XCOMMAND_CLIENT
#define F	XCOMMAND_FORWARD
#define BAD	NULL

/* Row: what is said, and what is known then: name=value, address. */
static const struct {
	enum smtp_xcommand	 command;
	struct span		 said;
	const char		*known;
} cases[] = {
	{ C, SPAN("NAME=host.example ADDR=192.0.2.1"),
	    "NAME=host.example ADDR=192.0.2.1 (192.0.2.1)" },
	{ C, SPAN("addr=ipv6:2001:db8::1 proto=esmtp"),
	    "ADDR=ipv6:2001:db8::1 (2001:db8::1) PROTO=esmtp" },
	{ C, SPAN("ADDR=IPV6:::ffff:192.0.2.1"),
	    "ADDR=IPV6:::ffff:192.0.2.1 (::ffff:192.0.2.1)" },
	{ C, SPAN("NAME=[UNAVAILABLE] ADDR=[unavailable] HELO=[UNAVAILABLE]"),
	    "NAME=- ADDR=- HELO=-" },
	{ C, SPAN("NAME=[TEMPUNAVAIL]"), "NAME=?" },
	{ C, SPAN("LOGIN=user+40example.org"), "LOGIN=user@example.org" },
	{ C, SPAN("LOGIN=a+2Bb  PORT=1234 "), "PORT=1234 LOGIN=a+b" },
	{ C, SPAN("DESTADDR=192.0.2.2 DESTPORT=25"),
	    "DESTADDR=192.0.2.2 DESTPORT=25" },
	{ C, SPAN("HELO=[192.0.2.1]"), "HELO=[192.0.2.1]" },
	{ C, SPAN("HELO=[IPv6:2001:db8::1]"), "HELO=[IPv6:2001:db8::1]" },
	{ C, SPAN(""), BAD },
	{ C, SPAN(" "), BAD },
	{ C, SPAN("NAME"), BAD },
	{ C, SPAN("NAME="), BAD },
	{ C, SPAN("=x"), BAD },
	{ C, SPAN("NAMES=x"), BAD },
	{ C, SPAN("NAME=x NAME=y"), BAD },
	{ C, SPAN("NAME=x name=x"), BAD },
	{ C, SPAN("NAME=a=b"), BAD },
	{ C, SPAN("NAME=a+20b"), BAD },
	{ C, SPAN("NAME=a+0Ab"), BAD },
	{ C, SPAN("NAME=a+0Db"), BAD },
	{ C, SPAN("NAME=a+00b"), BAD },
	{ C, SPAN("NAME=a+2"), BAD },
	{ C, SPAN("NAME=a+2g"), BAD },
	{ C, SPAN("NAME=a\x80"), BAD },
	{ C, SPAN("NAME=a(b"), BAD },
	{ C, SPAN("NAME=[192.0.2.1]"), BAD },
	{ C, SPAN("NAME=[OTHER]"), BAD },
	{ C, SPAN("HELO=a+0Db"), BAD },
	{ C, SPAN("HELO=a+22b"), BAD },
	{ C, SPAN("ADDR=2001:db8::1"), BAD },
	{ C, SPAN("ADDR=IPV6:192.0.2.1"), BAD },
	{ C, SPAN("ADDR=192.0.2.256"), BAD },
	{ C, SPAN("ADDR=host.example"), BAD },
	{ C, SPAN("ADDR=[192.0.2.1]"), BAD },
	{ C, SPAN("ADDR=[TEMPUNAVAIL]"), BAD },
	{ C, SPAN("PORT=65536"), BAD },
	{ C, SPAN("PORT=x"), BAD },
	{ C, SPAN("PROTO=HTTP"), BAD },
	{ C, SPAN("LOGIN=a+7Fb"), BAD },
	{ C, SPAN("LOGIN=a+20b"), BAD },
	{ C, SPAN("IDENT=x"), BAD },
	{ C, SPAN("SOURCE=LOCAL"), BAD },
	{ C, SPAN("NAME=good ADDR=bad"), BAD },
	{ F, SPAN("NAME=host.example ADDR=192.0.2.1 PORT=1 PROTO=ESMTP "
	    "HELO=h IDENT=ABC SOURCE=REMOTE"),
	    "NAME=host.example ADDR=192.0.2.1 PORT=1 PROTO=ESMTP HELO=h "
	    "IDENT=ABC SOURCE=REMOTE" },
	{ F, SPAN("NAME=[UNAVAILABLE] SOURCE=local"), "NAME=- SOURCE=local" },
	{ F, SPAN("NAME=not+20a+22name ADDR=not-IP"),
	    "NAME=not a\"name ADDR=not-IP" },
	{ F, SPAN("IDENT=a+0Ab"), BAD },
	{ F, SPAN("SOURCE=else"), BAD },
	{ F, SPAN("LOGIN=user"), BAD },
	{ F, SPAN("DESTADDR=192.0.2.2"), BAD },
};

static void
show(const struct smtp_xattrs *x, char *to, size_t room)
{
	static const char *const names[XATTR_COUNT] = {
		"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR",
		"DESTPORT", "IDENT", "SOURCE",
	};
	static const char *const signs[] = { "", "", "-", "?" };
	size_t n = 0;

	to[0] = '\0';
	for (size_t i = 0; i < XATTR_COUNT; i++) {
		const struct smtp_xvalue *v = &x->of[i];

		if (v->state == XSTATE_UNSAID)
			continue;
		n += (size_t)snprintf(to + n, room - n, "%s%s=%s%.*s",
		    n > 0 ? " " : "", names[i], signs[v->state],
		    SPAN_FMT(v->text));
		if (i == XATTR_ADDR && x->naddress > 0) {
			char ip[INET6_ADDRSTRLEN];

			(void)inet_ntop(x->naddress == 4 ? AF_INET : AF_INET6,
			    x->address, ip, sizeof ip);
			n += (size_t)snprintf(to + n, room - n, " (%s)", ip);
		}
	}
}

static void
test_commands(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena room = arena_make(65536, 0);
		struct smtp_xattrs x = { 0 };
		char got[1024];
		enum err e = smtp_xattrs_parse(cases[i].said,
		    cases[i].command, &room, &x);

		show(&x, got, sizeof got);
		CHECK_NUM(e, cases[i].known == BAD ? ERR_SYNTAX : ERR_OK,
		    "%.*s", SPAN_FMT(cases[i].said));
		CHECK_STR(got, cases[i].known == BAD ? "" : cases[i].known,
		    "%.*s", SPAN_FMT(cases[i].said));
		arena_free(&room);
	}
}

/* Several commands, for a line is short: what is said last holds. */
static void
test_over_several_commands(void **state UNUSED)
{
	struct arena room = arena_make(65536, 0);
	struct smtp_xattrs x = { 0 };
	char got[1024];

	assert_int_equal(smtp_xattrs_parse(SPAN("NAME=a HELO=b"), C, &room,
	    &x), ERR_OK);
	assert_int_equal(smtp_xattrs_parse(SPAN("NAME=c ADDR=bad"), C, &room,
	    &x), ERR_SYNTAX);
	assert_int_equal(smtp_xattrs_parse(SPAN("NAME=[UNAVAILABLE] PORT=7"),
	    C, &room, &x), ERR_OK);
	show(&x, got, sizeof got);
	CHECK_STR(got, "NAME=- PORT=7 HELO=b", "a bad one changes nothing");
	arena_free(&room);
}

static void
test_longest_value(void **state UNUSED)
{
	char line[300] = "IDENT=";

	for (size_t n = XATTR_VALUE_MAX; n <= XATTR_VALUE_MAX + 1; n++) {
		struct arena room = arena_make(65536, 0);
		struct smtp_xattrs x = { 0 };

		memset(line + 6, 'x', n);
		CHECK_NUM(smtp_xattrs_parse(span_of(line, 6 + n), F, &room,
		    &x), n <= XATTR_VALUE_MAX ? ERR_OK : ERR_SYNTAX,
		    "%zu octets", n);
		arena_free(&room);
	}
}

static void
test_no_room(void **state UNUSED)
{
	struct arena room = arena_make(8, 0);
	struct smtp_xattrs x = { 0 };

	CHECK_NUM(smtp_xattrs_parse(SPAN("NAME=long.enough.example"), C,
	    &room, &x), ERR_FULL, "the arena's limit");
	CHECK_NUM(x.of[XATTR_NAME].state, XSTATE_UNSAID, "nothing");
	arena_free(&room);
}

static void
test_announced(void **state UNUSED)
{
	static const struct {
		enum smtp_xcommand	 command;
		bool			 has_login;
		const char		*names;
	} rows[] = {
		{ C, true, " NAME ADDR PORT PROTO HELO LOGIN" },
		{ C, false, " NAME ADDR PORT PROTO HELO" },
		{ F, false, " NAME ADDR PORT PROTO HELO IDENT SOURCE" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf to = buf_make(200);

		assert_int_equal(smtp_xattrs_names(rows[i].command,
		    rows[i].has_login, &to), ERR_OK);
		assert_int_equal(buf_addc(&to, 0), ERR_OK);
		CHECK_STR((const char *)to.p, rows[i].names, "row %zu", i);
		buf_free(&to);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_commands, "PRS-5 MEM-4"),
		TEST(test_over_several_commands, "PRS-5"),
		TEST(test_longest_value, ""),
		TEST(test_no_room, "MEM-5"),
		TEST(test_announced, ""),
	};

	return RUN_TESTS(tests);
}
