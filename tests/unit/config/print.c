#include "config/match.h"

#include "read.h"

#define PRINT	"0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789ABCDEF"
#define PRINT2	"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:" \
	"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"
static const char *const good[] = {
	"",
	"hostname a\n",
	"tls certificate \"/etc/s l/m\\\"x.pem\" key \"/#k\"\n"
	"listen mx\nlisten submission\nlisten submission tls implicit\n"
	"listen relay on [::1]:2525 from 127.0.0.0/8, ::1 tls none\n",
	"tls certificate /c key /k\n"
	"listen relay client certificate required ca \"/a b\"\n"
	"listen relay on 192.0.2.1:26 client certificate optional ca /a "
	"fingerprint " PRINT ", " PRINT2 "\n"
	"listen mx on 192.0.2.1:27 client certificate optional fingerprint "
	PRINT "," PRINT2 ",\n " PRINT2 " tls implicit\n",
	"domain b.org {\nusers file /u\ndeliver maildir /m/{domain}/{user}\n"
	"postmaster anna\nseparator +-\ncatch-all bob\n}\n"
	"domain c.org {\nusers file /u\nseparator none\n"
	"deliver maildir /m/{user}\n}\ndomain via {\nusers file \"/a b{\"\n"
	"deliver maildir \"/m m/{user}\"\n}\n",
	"relay via smtp://a.b:26\nrelay c.d via smtp://[::1]:27\n"
	"relay \"via\" via \"smtps://u v@e.f\" password-file /p\n",
	"relay named a-1 via smtp://a.b:26\nrelay via smtp://[::1]:27\n"
	"relay c.d named named via smtps://u@e.f password-file /p\n"
	"match recipient x at rcpt,content route a-1\nmatch route named\n",
	"oauth issuer https://id.a/ audience smtp keys /k user-claim sub\n"
	"oauth issuer \"b c\" audience \"\\\"\" keys \"/k k\"\n",
	"oauth issuer i audience a introspect https://id.a:444/x at [::1] client "
	"\"c d\" secret-file /s ca-file /c scope smtp\noauth issuer j audience a "
	"keys k\nbackend pam p service x\n",
	"oauth issuer i audience a introspect https://id.a/ at 192.0.2.1 client "
	"c secret-file /s\n",
	/* Kinds in another order than they are printed in. */
	"backend pam p service x-y\nbackend ldap \"at\" at [::1] base \"dc=a b\" "
	"filter \"(|(uid={name})(mail={user}))\" login cn=x password-file /p\n"
	"backend sqlite s file f query \"SELECT \\\"a b\\\" WHERE u = $1\" "
	"scram-secret /z\nbackend ldap m at 192.0.2.1 tls a.b ca-file /c dn "
	"\"uid={name},dc={domain}\" run-as x:y\nbackend dovecot d socket /run/a\n"
	"backend postgresql q at /run/p database d login \"l l\" query q\n"
	"backend postgresql r at 127.0.0.1:26 database d login l query q "
	"password-file /q\nbackend sqlite t file \"/a b\" query q\n"
	"domain b.org {\nusers file u\nusers backend q\n"
	"deliver maildir /m/{user}\n}\nuser backend 1000\n",
	"limit message-size 1048577\nlimit idle 61s\nretry growth 1.05\n"
	"retry jitter 0\nlimit data-rate 0\nretry cap 90m\n",
	"grant a@b.org sender c@d.org,@e.org, *\n"
	"grant \"x\\\"y@b.org\" sender @b.org\nallow foreign senders\n"
	"allow malformed headers yes\nlimit user-messages 0\n",
	"allow private targets\nlog to file \"/l l\"\nlog level alarm\n"
	"resolver ::1@5353, 192.0.2.53\nuser mail 1000:1001\n"
	"control group adm\nca-file /c\ntrust-anchor /t\nmx-port 2525\n",
	"match client 192.0.2.0/24, 2001:db8::/32,\n ::ffff:198.51.100.7 accept\n"
	"match listener mx,relay not tls any at rcpt,content refuse \"Go, \\\"x\\\"\"\n"
	"match helo \"a,b\" refuse\n",
	"match client file /n tag bad\nmatch tag bad not helo file \"/a b\" "
	"not tag bad defer\nmatch sender <>,@.x.org,\n# more\n*@y.org hold\n"
	"match user any recipient @x.org relay\nmatch user \"any\" accept\n"
	"match user none helo \"file\" defer Later\n",
	"match helo x refuse code 550 5.7.1\nmatch helo w refuse \"code\"\n"
	"match helo y defer code 451 4.999.0 \"a b\"\n"
	"match helo z refuse code 521 5.3.2 code\n"
	"match size > 10M header Subject \"*a, b*\" copy-to a@b.org\n"
	"match size < 1025 not check route local,unknown refuse\n"
	"match refuse\nmatch not check Reverse-DNS pass,timeout defer\n"
	"reverse-dns look\ndns-list bl.x\nmatch check bl.x listed,odd hold\n",
	"listen mx on 192.0.2.1:28 proxy 10.0.0.0/8, ::ffff:192.0.2.7 xclient ::1,\n"
	"2001:db8::/32 from 192.0.2.0/24\ngreylist 5m\ngreeting-wait 3s\n"
	"administrators a@b.org,\nC@d.org\nno-mail .a.org, b.org,\nC.org\nuser state 7:8\nstate directory \"/s t\"\n",
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
			/* A process is found by its number. */
			CHECK_NUM(c->nbackends, d->nbackends, "backends");
			for (size_t k = 0; k < c->nbackends; k++)
				CHECK_STR(c->backends[k].name,
				    d->backends[k].name, "backend %zu", k);
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

/* A role hears where a rule was written, and so its snapshot's reader does. */
static void
test_rules_keep_their_origin(void **state)
{
	static char errors[16384];
	struct buf text = buf_make(CONFIG_PRINT_MAX),
	    again = buf_make(CONFIG_PRINT_MAX);
	struct config *c = read_text(SPAN("\n\nmatch tls any tag a\n"
	    "match tag a\n  refuse\nmatch client file f,refuse\n"), NULL,
	    errors, sizeof errors), *d;

	(void)state;
	CHECK(c == NULL, "a line is a rule");
	c = read_text(SPAN("\n\nmatch tls any tag a\nmatch at mail sender a,\n"
	    "  b refuse\n\nmatch client file f refuse\n"), NULL, errors,
	    sizeof errors);
	CHECK(c != NULL, "%s", errors);
	CHECK(config_print_snapshot(c, &text) == ERR_OK, "print");
	d = read_text(buf_span(&text), NULL, errors, sizeof errors);
	CHECK(d != NULL, "%s", errors);
	CHECK_NUM(d->rules->n, 3, "rules");
	CHECK_STR(d->rules->rules[0].origin, "/etc/x:3", "the first");
	CHECK_STR(d->rules->rules[1].origin, "/etc/x:4", "over two lines");
	CHECK_STR(d->rules->rules[2].origin, "/etc/x:7", "the third");
	CHECK_STR(d->rules->lists[0].path, "/etc/f", "a whole path");
	CHECK(config_print_snapshot(d, &again) == ERR_OK &&
	    span_eq(buf_span(&again), buf_span(&text)), "the same");
	buf_free(&text);
	buf_free(&again);
	config_free(c);
	config_free(d);
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
	TEST(test_rules_keep_their_origin, ""),
	TEST(test_origins, ""),
	TEST(test_cut_anywhere, "PRS-6"),
	TEST(test_manual_names_every_row, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
