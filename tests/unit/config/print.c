#include "read.h"

static const char *const good[] = {
	"",
	"hostname a\n",
	"tls certificate \"/etc/s l/m\\\"x.pem\" key \"/#k\"\n"
	"listen mx\nlisten submission\nlisten submission tls implicit\n"
	"listen relay on [::1]:2525 from 127.0.0.0/8, ::1 tls none\n",
	"domain b.org {\nusers file /u\ndeliver maildir /m/{domain}/{user}\n"
	"postmaster anna\n}\ndomain via {\nusers file \"/a b{\"\n"
	"deliver maildir \"/m m/{user}\"\n}\n",
	"relay via smtp://a.b:26\nrelay c.d via smtp://[::1]:27\n"
	"relay \"via\" via \"smtps://u v@e.f\" password-file /p\n",
	"limit message-size 1048577\nlimit idle 61s\nretry growth 1.05\n"
	"retry jitter 0\nlimit data-rate 0\nretry cap 90m\n",
	"allow private targets\nlog to file \"/l l\"\nlog level alarm\n"
	"resolver ::1@5353, 192.0.2.53\nuser mail 1000:1001\n"
	"control group adm\nca-file /c\ntrust-anchor /t\nmx-port 2525\n",
};

static void
print(const struct config *c, bool with_origin, char *to, size_t room)
{
	struct buf text = buf_make(CONFIG_PRINT_MAX);

	CHECK(config_print(c, with_origin, &text) == ERR_OK, "print");
	CHECK(text.n < room, "%zu", text.n);
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	buf_free(&text);
}

/* What was printed reads back to what prints the same, origins or not. */
static void
test_round_trip(void **state)
{
	static char first[65536], again[65536], errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		for (int with_origin = 0; with_origin < 2; with_origin++) {
			struct config *c = read_text(span_str(good[i]), NULL,
			    errors, sizeof errors), *d;

			CHECK(c != NULL, "%s: %s", good[i], errors);
			print(c, with_origin, first, sizeof first);
			d = read_text(span_str(first), NULL, errors,
			    sizeof errors);
			CHECK(d != NULL, "%s: %s", first, errors);
			print(c, false, first, sizeof first);
			print(d, false, again, sizeof again);
			CHECK_STR(again, first, "%s", good[i]);
			CHECK(memcmp(&c->limits, &d->limits,
			    sizeof c->limits) == 0, "limits");
			CHECK_NUM(c->receivers, d->receivers, "receivers");
			config_free(c);
			config_free(d);
		}
}

static void
test_origins(void **state)
{
	static char text[65536], errors[16384];
	struct config *c = read_text(SPAN("\nspool /s\n"
	    "domain a.org {\n\n\tusers file u\ndeliver maildir /{user}\n}\n"),
	    NULL, errors, sizeof errors);

	(void)state;
	CHECK(c != NULL, "%s", errors);
	print(c, true, text, sizeof text);
	CHECK(strstr(text, "spool /s ") != NULL, "%s", text);
	CHECK(strstr(text, "# /etc/x:2\n") != NULL, "spool: %s", text);
	CHECK(strstr(text, "# /etc/x:5\n") != NULL, "users: %s", text);
	CHECK(strstr(text, "segment-size 64M ") != NULL, "%s", text);
	CHECK(strstr(text, "# default\n") != NULL, "%s", text);
	CHECK(strstr(text, "# resolver is not set\n") != NULL, "%s", text);
	config_free(c);
}

/* Whatever an editor leaves behind, no more than errors follow. */
static void
test_cut_anywhere(void **state)
{
	static char errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t n = 0; n <= strlen(good[i]); n++)
			config_free(read_text(span_of(good[i], n), NULL,
			    errors, sizeof errors));
}

static void
test_manual_names_every_row(void **state)
{
	struct buf text = buf_make(1u << 20);

	(void)state;
	CHECK(config_manual(&text) == ERR_OK && buf_addc(&text, 0) == ERR_OK,
	    "manual");
	CHECK(strstr((char *)text.p, ".It Cm limit message-size Ar SIZE\n") !=
	    NULL, "a limit");
	CHECK(strstr((char *)text.p, ".It Cm deliver maildir Ar PATH\n") !=
	    NULL, "an option");
	buf_free(&text);
}

static const struct CMUnitTest tests[] = {
	TEST(test_round_trip, ""),
	TEST(test_origins, ""),
	TEST(test_cut_anywhere, "PRS-6"),
	TEST(test_manual_names_every_row, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
