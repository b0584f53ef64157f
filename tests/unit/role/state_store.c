/*
 * The store of greylisting: what is remembered over batches, closings and
 * crashes, and what a damaged or full file does.
 */
#include "check.h"

#include "role/state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME	"greylist.db"
#define DELAY	300u
#define START	UINT64_C(1800000000000)

/* A folder of its own for each test, and our working directory. */
static int
enter_folder(void **state)
{
	static char path[64];

	(void)snprintf(path, sizeof path, "/tmp/state-store-XXXXXX");
	assert_non_null(mkdtemp(path));
	assert_int_equal(chdir(path), 0);
	*state = path;
	return 0;
}

static int
leave_folder(void **state)
{
	static const char *const names[] = { NAME, NAME "-wal",
		NAME "-journal", NAME ".bad" };

	for (size_t i = 0; i < COUNT(names); i++)
		(void)unlink(names[i]);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(*state), 0);
	return 0;
}

static struct store *
opened(void)
{
	struct store *s = NULL;

	assert_int_equal(store_open(NAME, &s), ERR_OK);
	return s;
}

static enum greylist_word
ask(struct store *s, uint64_t at_s, const char *net, const char *sender,
    const char *recipient)
{
	struct store_triplet t = { span_str(net), span_str(sender),
		span_str(recipient) };
	struct greylist_verdict v = { GREYLIST_LATER, 0 };

	CHECK_NUM(store_ask(s, START + 1000 * at_s, DELAY, &t, &v), ERR_OK,
	    "%s", store_why(s));
	return v.word;
}

static void
test_remembers(void **state UNUSED)
{
	struct store *s = opened();

	CHECK_NUM(ask(s, 0, "n", "a@b", "c@d"), GREYLIST_WAIT, "new");
	CHECK_NUM(ask(s, 1, "n", "", "c@d"), GREYLIST_WAIT, "null sender");
	assert_int_equal(store_end(s), ERR_OK);
	assert_int_equal(store_end(s), ERR_OK);	/* no batch */
	CHECK_NUM(ask(s, DELAY, "n", "a@b", "c@d"), GREYLIST_PASS, "again");
	CHECK_NUM(ask(s, DELAY, "n", "a@b", "e@d"), GREYLIST_WAIT,
	    "another recipient");
	CHECK_NUM(ask(s, DELAY, "m", "a@b", "c@d"), GREYLIST_WAIT,
	    "another client");
	assert_int_equal(store_end(s), ERR_OK);
	store_close(s);
	s = opened();
	CHECK_NUM(ask(s, DELAY + 1, "n", "a@b", "c@d"), GREYLIST_PASS,
	    "kept over a close");
	CHECK_NUM(ask(s, DELAY + 1, "n", "", "c@d"), GREYLIST_PASS, "too");
	store_close(s);
}

/* What was not ended is forgotten, and no more than that. */
static void
test_batch_without_an_end(void **state UNUSED)
{
	struct store *s = opened();

	(void)ask(s, 0, "n", "a", "b");
	assert_int_equal(store_end(s), ERR_OK);
	(void)ask(s, 0, "n", "c", "d");
	store_close(s);
	s = opened();
	CHECK_NUM(ask(s, DELAY, "n", "a", "b"), GREYLIST_PASS, "ended");
	CHECK_NUM(ask(s, DELAY, "n", "c", "d"), GREYLIST_WAIT, "not ended");
	store_close(s);
}

static void
test_killed(void **state UNUSED)
{
	struct store *s;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		s = opened();
		(void)ask(s, 0, "n", "a", "b");
		(void)!store_end(s);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	s = opened();
	CHECK_NUM(ask(s, DELAY, "n", "a", "b"), GREYLIST_PASS, "kept");
	store_close(s);
}

static void
test_learns_clients(void **state UNUSED)
{
	struct store *s = opened();
	char sender[16];

	for (unsigned int round = 0; round < 2; round++)
		for (unsigned int i = 0; i < GREYLIST_KNOWN; i++) {
			(void)snprintf(sender, sizeof sender, "s%u", i);
			(void)ask(s, round * DELAY, "n", sender, "r");
		}
	CHECK_NUM(ask(s, DELAY, "n", "new", "r"), GREYLIST_KNOWN_CLIENT,
	    "known");
	CHECK_NUM(ask(s, DELAY, "m", "new", "r"), GREYLIST_WAIT, "another");
	assert_int_equal(store_end(s), ERR_OK);
	store_close(s);
}

/* Octets of a stranger are values, never a query (AUTH-8 is the same rule). */
static void
test_any_octets(void **state UNUSED)
{
	struct store *s = opened();
	static const char *const words[] = {
		"'; DROP TABLE triplet; --", "\"", "%", "a\\", "\x01\xff\xfe",
		"?1", "\n",
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		CHECK_NUM(ask(s, 0, "n", words[i], words[i]), GREYLIST_WAIT,
		    "word %zu", i);
		CHECK_NUM(ask(s, DELAY, "o", words[i], words[i]),
		    GREYLIST_WAIT, "word %zu", i);
	}
	assert_int_equal(store_end(s), ERR_OK);
	store_close(s);
}

static void
write_file(const char *text, size_t n)
{
	int fd = open(NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

/* No file of ours: aside with it, and a new one works. */
static void
test_damaged_file(void **state UNUSED)
{
	static const char *const texts[] = { "no database",
		"SQLite format 3" };
	struct store *s;
	struct stat st;

	for (size_t i = 0; i < COUNT(texts); i++) {
		write_file(texts[i], 1000);
		s = opened();
		CHECK_NUM(ask(s, 0, "n", "a", "b"), GREYLIST_WAIT, "%s",
		    texts[i]);
		CHECK_NUM(stat(NAME ".bad", &st), 0, "kept aside");
		assert_int_equal(store_end(s), ERR_OK);
		store_close(s);
		(void)unlink(NAME);
	}
}

/* RLY-7: a disk that takes nothing gives no verdict, and what was is kept. */
static void
test_full_disk(void **state UNUSED)
{
	struct rlimit was, none;
	struct store *s = opened();
	struct store_triplet t = { SPAN("n"), SPAN("c"), SPAN("d") };
	struct greylist_verdict v;
	unsigned int failures = 0;

	(void)ask(s, 0, "n", "a", "b");
	assert_int_equal(store_end(s), ERR_OK);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = was;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	for (unsigned int i = 0; i < 3; i++) {
		enum err e = store_ask(s, START, DELAY, &t, &v);

		if (e == ERR_OK)
			e = store_end(s);
		else
			(void)!store_end(s);
		failures += e == ERR_IO;
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	CHECK_NUM(failures, 3, "each of them");
	CHECK(store_why(s)[0] != '\0', "and why");
	CHECK_NUM(ask(s, DELAY, "n", "a", "b"), GREYLIST_PASS, "kept");
	CHECK_NUM(ask(s, DELAY, "n", "c", "d"), GREYLIST_WAIT, "not learned");
	assert_int_equal(store_end(s), ERR_OK);
	store_close(s);
}

static void
test_sweep(void **state UNUSED)
{
	struct store *s = opened();
	char sender[16];

	for (unsigned int i = 0; i < 1500; i++) {
		(void)snprintf(sender, sizeof sender, "s%u", i);
		(void)ask(s, 0, "n", sender, "r");
	}
	(void)ask(s, 0, "m", "passed", "r");
	(void)ask(s, DELAY, "m", "passed", "r");
	assert_int_equal(store_end(s), ERR_OK);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(store_sweep(s, START + UINT64_C(1000) *
		    (GREYLIST_RETRY_S + 1)), ERR_OK);
	CHECK_NUM(ask(s, DELAY, "m", "passed", "r"), GREYLIST_PASS, "kept");
	/* Forgotten: else it would come too late, and wait all the same. */
	CHECK_NUM(ask(s, DELAY, "n", "s1", "r"), GREYLIST_WAIT, "new");
	assert_int_equal(store_end(s), ERR_OK);
	store_close(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_remembers, ""),
		TEST(test_batch_without_an_end, ""),
		TEST(test_killed, ""),
		TEST(test_learns_clients, ""),
		TEST(test_any_octets, ""),
		TEST(test_damaged_file, ""),
		TEST(test_full_disk, "RLY-7"),
		TEST(test_sweep, ""),
	};
	struct CMUnitTest in_folder[COUNT(tests)];

	memcpy(in_folder, tests, sizeof tests);
	for (size_t i = 0; i < COUNT(tests); i++) {
		in_folder[i].setup_func = enter_folder;
		in_folder[i].teardown_func = leave_folder;
	}
	return RUN_TESTS(in_folder);
}
