#include "config/config.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char folder[] = "/tmp/posthorse-config-XXXXXX";

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0, "%s", path);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s",
	    path);
	CHECK(fchmod(fd, mode) == 0, "%s", path);
	CHECK(close(fd) == 0, "%s", path);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return 1;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "main", "more", "key", "cert",
		"users", "fifo" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

static enum err
load(const char *name, struct config **c, char *errors, size_t room)
{
	struct config_report report = config_report_make();
	char path[128];
	enum err e;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	e = config_load_file(path, c, &report);
	if (e == ERR_OK)
		e = config_check_files(*c, &report);
	(void)snprintf(errors, room, "%.*s",
	    SPAN_FMT(buf_span(&report.text)));
	config_report_free(&report);
	return e;
}

static void
test_load_includes(void **state)
{
	static char errors[4096], want[128];
	struct config *c = NULL;

	(void)state;
	write_file("main", "include more\nhostname a.b\n", 0644);
	write_file("more", "spool s\n", 0644);
	CHECK(load("main", &c, errors, sizeof errors) == ERR_OK, "%s", errors);
	(void)snprintf(want, sizeof want, "%s/s", folder);
	CHECK_STR(c->spool, want, "relative to its file");
	CHECK(c->receivers >= 1, "cores");
	config_free(c);
}

static void
test_load_what_is_no_file(void **state)
{
	static const char *const names[] = { "none", ".", "fifo" };
	static char errors[4096], path[128];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/fifo", folder);
	CHECK(mkfifo(path, 0600) == 0, "%s", path);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct config *c = NULL;

		CHECK(load(names[i], &c, errors, sizeof errors) == ERR_SYNTAX,
		    "%s", names[i]);
		CHECK(strstr(errors, "cannot be read") != NULL, "%s", errors);
	}
}

static const struct {
	const char *key_mode, *text, *error;
	mode_t	    mode;
} files[] = {
	{ "closed", "tls certificate cert key key\n", NULL, 0600 },
	{ "group may", "tls certificate cert key key\n", NULL, 0640 },
	{ "open", "tls certificate cert key key\n",
	    "is open to everybody", 0644 },
	{ "certificate missing", "tls certificate crt key key\n",
	    "cannot be read: No such file", 0600 },
	{ "a folder", "tls certificate . key key\n",
	    "is not a regular file", 0600 },
	{ "password file", "relay via smtps://u@a password-file key\n",
	    "is open to everybody", 0604 },
	{ "table missing", "domain a.b {\nusers file no\n"
	    "deliver maildir /tmp/{user}\n}\n", "cannot be read", 0600 },
	{ "keys missing", "oauth issuer a audience b keys no\n",
	    "cannot be read", 0600 },
	{ "keys are open", "oauth issuer a audience b keys key\n", NULL,
	    0644 },
	{ "a password for a database is open", "backend postgresql b at "
	    "127.0.0.1 database d login l query q password-file key\n",
	    "is open to everybody", 0604 },
	{ "what makes salts is open", "backend sqlite b file f query q "
	    "scram-secret key\n", "is open to everybody", 0604 },
	{ "what makes salts", "backend sqlite b file f query q scram-secret "
	    "key\n", NULL, 0600 },
	{ "nobody vouches", "backend ldap b at 127.0.0.1 dn {user} tls a.b "
	    "ca-file no\n", "cannot be read", 0600 },
	{ "mailboxes are made", "domain a.b {\nusers file key\n"
	    "deliver maildir /nowhere/{user}\n}\n", NULL,
	    0600 },
};

static void
test_check_files(void **state)
{
	static char errors[4096];

	(void)state;
	write_file("cert", "x", 0644);
	for (size_t i = 0; i < COUNT(files); i++) {
		struct config *c = NULL;
		enum err e;

		write_file("key", "x", files[i].mode);
		write_file("main", files[i].text, 0644);
		e = load("main", &c, errors, sizeof errors);
		CHECK((e == ERR_OK) == (files[i].error == NULL), "%s: %s",
		    files[i].key_mode, errors);
		if (files[i].error != NULL)
			CHECK(strstr(errors, files[i].error) != NULL,
			    "%s: %s", files[i].key_mode, errors);
		config_free(c);
	}
}

static void
test_snapshot(void **state)
{
	struct config_report report = config_report_make();
	struct buf text = buf_make(CONFIG_PRINT_MAX);
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct config *c = NULL, *d = NULL;
	static char errors[4096];

	(void)state;
	write_file("main", "spool s\nlisten mx\nlimit mails 9\n", 0644);
	CHECK(load("main", &c, errors, sizeof errors) == ERR_OK, "%s", errors);
	CHECK(config_print(c, true, &text) == ERR_OK, "print");
	CHECK(write(fd, text.p, text.n) == (ssize_t)text.n, "write");
	CHECK(lseek(fd, 0, SEEK_SET) == 0, "seek");
	CHECK(config_load_fd(fd, &d, &report) == ERR_OK, "%.*s",
	    SPAN_FMT(buf_span(&report.text)));
	CHECK_STR(d->spool, c->spool, "spool");
	CHECK_STR(d->hostname, c->hostname, "hostname");
	CHECK_NUM(d->limits.mails, 9, "mails");
	CHECK_NUM(d->receivers, c->receivers, "receivers");
	CHECK(close(fd) == 0, "close");
	buf_free(&text);
	config_report_free(&report);
	config_free(c);
	config_free(d);
}

static const struct CMUnitTest tests[] = {
	TEST(test_load_includes, ""),
	TEST(test_load_what_is_no_file, "RLY-2"),
	TEST(test_check_files, "RLY-2 LOG-5"),
	TEST(test_snapshot, ""),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
