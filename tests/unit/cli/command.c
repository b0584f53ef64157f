/*
 * command.c - what somebody types, and what is said.
 */
#include "check.h"

#include "base/base.h"

#include <sys/wait.h>

static char folder[] = "/tmp/posthorse-command-XXXXXX";

#define SETUP                                                                 \
	"cd %s && printf 'hostname a.b\\ndomain a.b {\\nusers file users\\n"     \
	"deliver maildir /tmp/{user}\\n}\\nsubmission socket s\\n' >c && "      \
	"printf 'hostnam a\\nlimit idle 5w\\n' >bad && "                       \
	"printf 'hostname a.b\\nsubmission socket /tmp/none\\n' >empty"

static const struct {
	const char *typed;
	int	    status;
	const char *said;	/* somewhere in the output */
} cases[] = {
	{ "", 64, "usage: posthorse" },
	{ "help", 0, "hand in the message" },
	{ "-h", 0, "usage: posthorse" },
	{ "--version", 0, "posthorse 0" },
	{ "chek", 64, "there is no command \"chek\", did you mean \"check\"?" },
	{ "xyzzy", 64, "\"posthorse help\" lists them" },
	{ "check -h", 0, "usage: posthorse [-c FILE] check" },
	{ "-c", 64, "-c needs a file" },
	{ "-c none check", 78, "none: cannot be read: No such file" },
	{ "-c bad check", 78, "bad:1:1: unknown word \"hostnam\", did you "
	    "mean \"hostname\"?" },
	{ "-c bad check", 78, "bad:2:12: \"5w\" is not a duration" },
	{ "-c c check", 78, "users cannot be read" },
	{ "--json -c bad check", 78, "/bad:1:1\",\"error\":\"unknown word "
	    "\\\"hostnam\\\", did you mean \\\"hostname\\\"?\"}" },
	{ "--json -c none check", 78, "{\"at\":\"" },
	{ "--json -c c check", 78, "users cannot be read" },
	{ "check -c c now", 64, "check takes no \"now\"" },
	{ "-c c print", 0, "# default" },
	{ "-c c print --json | head -1", 0,
	    "{\"statement\":\"hostname a.b\",\"origin\":\"" },
	{ "-c c print --json | grep users", 0, "/users\",\"origin\":\"" },
	{ "-c c print --json | grep users", 0, ",\"in\":\"domain a.b\"}" },
	{ "-c c print --json | grep mx-port", 0,
	    "{\"statement\":\"mx-port 25\",\"origin\":\"default\"}" },
	{ "-c c print --json | grep -v '^{.*}$'", 1, "" },
	{ "-c c print | sed 's/ *#.*//' >again && $P -c again print", 0,
	    "domain a.b {" },
	{ "-c empty send x@y </dev/null", 75, "no server at" },
	{ "-c c send </dev/null", 64, "to whom?" },
	{ "-c c send -x </dev/null", 64, "no option \"-x\"" },
	{ "-c c send 'a@b>\nDATA' </dev/null", 64, "is not an address" },
#define SENDMAIL	"-h >/dev/null; ln -sf $P sendmail; ./sendmail "
	{ SENDMAIL "-C empty x@y </dev/null", 75, "no server at" },
	{ SENDMAIL "-ti -f a@b -Cempty -oem -FName -B8BITMIME -v x@y "
	    "</dev/null", 75, "no server at" },
	{ SENDMAIL "x@y -C empty -oi </dev/null", 75, "no server at" },
	{ SENDMAIL "-Cempty -bm -- -x@y </dev/null", 75, "no server at" },
	{ SENDMAIL "-C none x@y </dev/null", 78, "none: cannot be read" },
	{ SENDMAIL "-C c </dev/null", 64, "to whom?" },
	{ SENDMAIL "-C c -t </dev/null", 64, "names no recipient" },
	{ SENDMAIL "-C c 'a@b>\nDATA' </dev/null", 64, "is not an address" },
	{ SENDMAIL "-f", 64, "-f needs a value" },
	{ SENDMAIL "-Z", 64, "no option -Z" },
	{ SENDMAIL "-bp", 64, "posthorse queue list" },
	{ SENDMAIL "-bd -q15m", 64, "posthorse serve" },
	{ SENDMAIL "-q", 64, "posthorse queue retry" },
	{ SENDMAIL "-bx", 64, "no mode -bx" },
	{ "-c c user", 64, "say: user add, passwd or lift ADDRESS" },
	{ "-c c user ad x", 64, "did you mean \"add\"?" },
	{ "-c c user add x@other.org </dev/null", 64, "no domain" },
	{ "-c c user add ../x </dev/null", 64, "is no user's name" },
	{ "-c c user add anna </dev/null", 65, "a password is" },
	{ "-c c user passwd anna <c", 67, "is no user" },
	{ "-c c user add anna <c", 0, "anna@a.b was added" },
	{ "-c c user add ANNA@a.b <c", 65, "is a user already" },
	{ "-c c user passwd anna@a.b <c", 0, "has a new password" },
	{ "-c c check", 0, "1 domain" },
	{ "-c c explain", 64, "say --from and --to" },
	{ "-c c explain --form x", 64, "did you mean \"--from\"?" },
	{ "-c c explain --from x --to", 64, "--to needs a value" },
	{ "-c c explain --from x --to y", 64, "say --client, or --listen" },
	{ "-c c explain --from x --to y --client z", 64, "is no address" },
	{ "-c c explain --listen mq", 64, "is no listener" },
	{ "-c c explain --tls=1.1", 64, "is no version of TLS" },
	{ "-c c explain --size x", 64, "is no number of octets" },
	{ "-c c explain --header x", 64, "is no field" },
	{ "-c c explain --check x=y", 64, "is no result" },
	{ "-c c explain --check x", 64, "is no result" },
	{ "-c none explain --from x --to y --client ::1", 78, "none" },
	{ "-c c explain --from x --to anna@a.b --client ::1", 0,
	    "accepted for anna@a.b: to the mailbox anna of a.b" },
	{ "-c c explain --from= --to ANNA+x@a.b --listen=local", 0,
	    "accepted for ANNA+x@a.b: to the mailbox anna of a.b" },
	{ "-c c explain --from x --to no@a.b --client ::1", 1,
	    "rcpt no@a.b: unknown\n  -> refused: 550 5.1.1 No such user" },
	{ "-c c --json explain --from x --to b@c.d --client ::1", 1,
	    "\"result\":\"refused\",\"code\":550,\"status\":\"5.7.1\"" },
	{ "-c c explain --from x --to b@c.d --listen local", 0,
	    "accepted for b@c.d: where the DNS says" },
	{ "-c c --json check", 0, "{\"good\":\"c\",\"listen\":0,\"domain\":1,"
	    "\"relay\":0}" },
	{ "-c c --json user passwd anna <c", 0,
	    "{\"user\":\"anna@a.b\",\"done\":\"has a new password\"" },
	{ "-c c user add x <c; ls -l users", 0, "-rw-r-----" },
};

static void
test_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		static char line[512], said[16384];
		FILE *f;
		int status;

		(void)snprintf(line, sizeof line,
		    "cd %s && P='%s' && { $P %s; } 2>&1", folder, POSTHORSE,
		    cases[i].typed);
		f = popen(line, "r");
		CHECK(f != NULL, "%s", line);
		said[fread(said, 1, sizeof said - 1, f)] = '\0';
		status = pclose(f);
		CHECK(WIFEXITED(status), "%s", cases[i].typed);
		CHECK_NUM(WEXITSTATUS(status), cases[i].status, "%s: %s",
		    cases[i].typed, said);
		CHECK(strstr(said, cases[i].said) != NULL, "%s: %s",
		    cases[i].typed, said);
	}
}

static int
set_up(void **state)
{
	char line[512];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(line, sizeof line, SETUP, folder);
	return system(line);
}

static int
tear_down(void **state)
{
	char line[512];

	(void)state;
	(void)snprintf(line, sizeof line, "rm -rf %s", folder);
	return system(line);
}

static const struct CMUnitTest tests[] = {
	TEST(test_commands, "RLY-2 LOG-5"),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
