#include "cli/send_dialogue.h"

#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"

#define GREET	"220 hi\r\n"
#define EHLO	"250-me\r\n250 8BITMIME\r\n"
#define OK	"250 2.1.0 ok\r\n"

/* All that the server will ever say, and what comes of it. */
static const struct {
	const char *server;
	int	    status;
	const char *said;
} cases[] = {
	{ GREET EHLO OK OK OK "354 go\r\n250 2.0.0 queued as X\r\n", EX_OK,
	    "2.0.0 queued as X" },
	{ "", EX_TEMPFAIL, "the server has gone" },
	{ "421 busy\r\n", EX_TEMPFAIL, "busy" },
	{ "554 no\r\n", EX_UNAVAILABLE, "no" },
	{ GREET EHLO "550 5.7.1 not you\r\n", EX_UNAVAILABLE,
	    "5.7.1 not you" },
	{ GREET EHLO OK OK "550 5.1.1 who?\r\n", EX_NOUSER, "5.1.1 who?" },
	{ GREET EHLO OK OK "451 later\r\n", EX_TEMPFAIL, "later" },
	{ GREET EHLO OK OK OK "452 full\r\n", EX_TEMPFAIL, "full" },
	{ GREET EHLO OK OK OK "354 go\r\n", EX_TEMPFAIL, "go" },
	{ GREET EHLO OK OK OK "354 go\r\n451 4.3.1 full\r\n", EX_TEMPFAIL,
	    "4.3.1 full" },
	{ GREET EHLO OK OK OK "354 go\r\n554 5.6.0 bare\r\n", EX_UNAVAILABLE,
	    "5.6.0 bare" },
	/* SMTP-9: what is no reply is "temporary", and shown escaped. */
	{ "220-a\r\n250 b\r\n", EX_TEMPFAIL, "a" },
	{ "hello\r\n", EX_TEMPFAIL, "the server has gone" },
	{ "99 x\r\n", EX_TEMPFAIL, "the server has gone" },
	{ "220 \x1b[2J\r\n", EX_TEMPFAIL, "\\x1b[2J" },
};

static void
test_dialogue(void **state)
{
	static const struct send_message m = {
		.hostname = { (const uint8_t *)"me.a", 4 },
		.reverse_path = { (const uint8_t *)"a@b", 3 },
		.recipients = { (const uint8_t *)"c@d\0e@f", 8 },
		.content = { (const uint8_t *)"x: y\r\n\r\n.\r\n..\r\n", 15 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char said[256];
		int fds[2], status;

		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "pair");
		CHECK(send(fds[1], cases[i].server, strlen(cases[i].server),
		    0) == (ssize_t)strlen(cases[i].server), "row %zu", i);
		CHECK(shutdown(fds[1], SHUT_WR) == 0, "row %zu", i);
		status = send_dialogue(fds[0], &m, said, sizeof said);
		CHECK_NUM(status, cases[i].status, "row %zu", i);
		CHECK_STR(said, cases[i].said, "row %zu", i);
		CHECK(close(fds[0]) == 0 && close(fds[1]) == 0, "close");
	}
}

static void
test_what_is_sent(void **state)
{
	static const char want[] = "EHLO me.a\r\nMAIL FROM:<>\r\n"
	    "RCPT TO:<c@d>\r\nDATA\r\nx: y\r\n\r\n..\r\n...\r\n.\r\nQUIT\r\n";
	static const char replies[] =
	    GREET EHLO OK OK "354 go\r\n250 done\r\n";
	static const struct send_message m = {
		.hostname = { (const uint8_t *)"me.a", 4 },
		.recipients = { (const uint8_t *)"c@d", 4 },
		.content = { (const uint8_t *)"x: y\r\n\r\n.\r\n..\r\n", 15 },
	};
	char said[256], got[1024];
	ssize_t n;
	int fds[2];

	(void)state;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "pair");
	CHECK(send(fds[1], replies, strlen(replies), 0) > 0, "replies");
	CHECK_NUM(send_dialogue(fds[0], &m, said, sizeof said), EX_OK, "%s",
	    said);
	CHECK(close(fds[0]) == 0, "close");
	n = recv(fds[1], got, sizeof got - 1, MSG_WAITALL);
	CHECK(n > 0, "octets");
	got[n] = '\0';
	CHECK_STR(got, want, "dot-stuffed, a null reverse-path");
	CHECK(close(fds[1]) == 0, "close");
}

/* RFC 6531 3.4: said when the header or an address needs it, and it is there. */
static void
test_utf8_is_said(void **state)
{
	static const struct {
		const char	*ehlo, *content, *from, *mail;
	} rows[] = {
		{ "250-a\r\n250 SMTPUTF8\r\n", "A: \xc3\xa4\r\n\r\n", "a@b",
			"MAIL FROM:<a@b> SMTPUTF8\r\n" },
		{ "250-a\r\n250 SMTPUTF8\r\n", "A: a\r\n\r\n\xc3\xa4\r\n", "a@b",
			"MAIL FROM:<a@b>\r\n" },
		{ "250-a\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
			"A: \xc3\xa4\r\n\r\n", "a@b",
			"MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8\r\n" },
		{ "250-a\r\n250 SMTPUTF8\r\n", "A: a\r\n", "\xc3\xa4@b",
			"MAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\n" },
		{ "250 a\r\n", "A: \xc3\xa4\r\n\r\n", "a@b",
			"MAIL FROM:<a@b>\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct send_message m = {
			.hostname = SPAN("me.a"),
			.reverse_path = span_str(rows[i].from),
			.recipients = { (const uint8_t *)"c@d", 4 },
			.content = span_str(rows[i].content),
		};
		char said[256], got[1024], replies[256];
		int fds[2];
		ssize_t n;

		(void)snprintf(replies, sizeof replies, "220 a\r\n%s250 ok\r\n"
		    "250 ok\r\n354 go\r\n250 done\r\n", rows[i].ehlo);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "pair");
		CHECK(send(fds[1], replies, strlen(replies), 0) > 0, "replies");
		CHECK_NUM(send_dialogue(fds[0], &m, said, sizeof said), EX_OK,
		    "%s", said);
		CHECK(close(fds[0]) == 0, "close");
		n = recv(fds[1], got, sizeof got - 1, MSG_WAITALL);
		CHECK(n > 0, "octets");
		got[n] = '\0';
		CHECK(strstr(got, rows[i].mail) != NULL, "row %zu: %s", i,
		    got);
		CHECK(close(fds[1]) == 0, "close");
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_dialogue, "SMTP-9"),
	TEST(test_what_is_sent, "SMTP-3"),
	TEST(test_utf8_is_said, ""),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
