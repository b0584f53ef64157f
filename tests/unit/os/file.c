/*
 * file.c - opening without following, bounded reading, seals.
 */
#include "check.h"

#include "os/clock.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/posthorse-file-XXXXXX";
static int dir;

static int
make(const char *name, const char *text)
{
	int fd;

	assert_int_equal(file_open_at(dir, name, O_RDWR | O_CREAT | O_EXCL,
	    0600, &fd), ERR_OK);
	assert_int_equal(file_write_all(fd, span_str(text)), ERR_OK);
	return fd;
}

static void
test_open(void **state UNUSED)
{
	static const struct {
		const char	*name;
		enum err	 e;
	} cases[] = {
		{ "file", ERR_OK }, { "missing", ERR_NONE },
		{ "link", ERR_DENIED }, { "dangling", ERR_DENIED },
		{ "file/below", ERR_IO },
	};
	int fd;

	(void)close(make("file", "text"));
	assert_int_equal(symlinkat("file", dir, "link"), 0);
	assert_int_equal(symlinkat("nowhere", dir, "dangling"), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_NUM(file_open_at(dir, cases[i].name, O_RDONLY, 0, &fd),
		    cases[i].e, "%s", cases[i].name);
		if (cases[i].e != ERR_OK)
			continue;
		CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s", cases[i].name);
		(void)close(fd);
	}
	/* Nothing is made behind a dangling link. */
	CHECK_NUM(file_open_at(dir, "dangling", O_WRONLY | O_CREAT, 0600, &fd),
	    ERR_DENIED, "create");
	CHECK(faccessat(dir, "nowhere", F_OK, 0) != 0, "not made");
	for (const char *const *n = (const char *const[]){ "file", "link",
	    "dangling", NULL }; *n != NULL; n++)
		(void)unlinkat(dir, *n, 0);
}

static void
test_read_all(void **state UNUSED)
{
	static char text[5001];
	struct buf b = buf_make(5000);
	int pipes[2];
	int fd;

	memset(text, 'x', 5000);
	fd = make("file", text);
	/* Whatever the offset is, and again. */
	for (int i = 0; i < 2; i++) {
		buf_cut(&b, 0);
		CHECK_NUM(file_read_all(fd, &b), ERR_OK, "pass %d", i);
		CHECK_NUM(b.n, 5000, "pass %d", i);
	}
	assert_int_equal(file_write_all(fd, SPAN("y")), ERR_OK);
	buf_cut(&b, 0);
	CHECK_NUM(file_read_all(fd, &b), ERR_FULL, "one octet too many");
	(void)close(fd);
	(void)unlinkat(dir, "file", 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(file_write_all(pipes[1], SPAN("through")), ERR_OK);
	(void)close(pipes[1]);
	buf_cut(&b, 0);
	CHECK_NUM(file_read_all(pipes[0], &b), ERR_OK, "a pipe");
	CHECK(span_eq(buf_span(&b), SPAN("through")), "a pipe");
	(void)close(pipes[0]);
	buf_free(&b);
}

static void
test_copy(void **state UNUSED)
{
	static const struct {
		uint64_t	offset, size;
		enum err	e;
	} cases[] = {
		{ 0, 10, ERR_OK }, { 3, 4, ERR_OK }, { 10, 0, ERR_OK },
		{ 0, 11, ERR_SHORT }, { 11, 1, ERR_SHORT },
		{ UINT64_MAX, 1, ERR_SHORT }, { 1, UINT64_MAX, ERR_SHORT },
		{ INT64_MAX, 1, ERR_SHORT },
	};
	int from = make("from", "0123456789");

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b = buf_make(100);
		int to;

		assert_int_equal(file_memfd("copy", &to), ERR_OK);
		CHECK_NUM(file_copy(to, from, cases[i].offset, cases[i].size),
		    cases[i].e, "row %zu", i);
		assert_int_equal(file_read_all(to, &b), ERR_OK);
		if (cases[i].e == ERR_OK)
			CHECK(span_eq(buf_span(&b), span_of(
			    &"0123456789"[cases[i].offset], cases[i].size)),
			    "row %zu", i);
		buf_free(&b);
		(void)close(to);
	}
	(void)close(from);
	(void)unlinkat(dir, "from", 0);
}

static void
test_full_disk(void **state UNUSED)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip();
	CHECK_NUM(file_write_all(fd, SPAN("x")), ERR_FULL, "ENOSPC");
	(void)close(fd);
}

static void
test_seal(void **state UNUSED)
{
	int fd, other;

	assert_int_equal(file_memfd("test", &fd), ERR_OK);
	assert_int_equal(file_write_all(fd, SPAN("text")), ERR_OK);
	CHECK(!file_is_sealed(fd), "not yet");
	assert_int_equal(file_seal(fd), ERR_OK);
	CHECK(file_is_sealed(fd), "now");
	CHECK_NUM(write(fd, "x", 1), -1, "no writing");
	CHECK_NUM(ftruncate(fd, 0), -1, "no cutting");
	CHECK(file_seal(fd) != ERR_OK, "once");
	(void)close(fd);
	other = make("file", "");
	CHECK(!file_is_sealed(other), "an ordinary file never is");
	(void)close(other);
	(void)unlinkat(dir, "file", 0);
	CHECK(!file_is_sealed(-1), "no descriptor");
}

static void
test_clock(void **state UNUSED)
{
	uint64_t before = clock_mono_ms();
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	CHECK(clock_mono_ms() >= before, "never back");
	CHECK(clock_wall_ms() > 1600000000000u, "since 1970, in ms");
	clock_random(a, sizeof a);
	clock_random(b, sizeof b);
	CHECK(memcmp(a, b, sizeof a) != 0, "random");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_open, "SPL-16"),
		TEST(test_read_all, ""),
		TEST(test_copy, ""),
		TEST(test_full_disk, "SPL-9"),
		TEST(test_seal, ""),
		TEST(test_clock, ""),
	};
	int failed;

	if (mkdtemp(folder) == NULL ||
	    (dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	failed = RUN_TESTS(tests);
	(void)rmdir(folder);
	return failed;
}
