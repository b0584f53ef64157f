/*
 * Mailboxes: no name leads outside, no link is followed, no failed call is
 * taken for a delivery.
 */
#include "check.h"
#include "role/local/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct place {
	char	path[64];
	int	fd;
};

static struct place
place_make(void)
{
	struct place p = { .path = "/tmp/posthorse-local-XXXXXX" };

	assert_non_null(mkdtemp(p.path));
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY);
	assert_true(p.fd >= 0);
	return p;
}

static void
place_free(struct place *p)
{
	char command[128];

	(void)close(p->fd);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", p->path);
	assert_int_equal(system(command), 0);
}

static const struct span template = { (const uint8_t *)"/v/{domain}/{user}", 18 };

static enum err
open_box(const struct place *p, struct span key, struct mailbox *box)
{
	const char *why;

	return mailbox_open(&mailbox_system, p->fd, template, SPAN("a.example"),
	    key, box, &why);
}

static void
test_names(void **state)
{
	static const struct {
		const char	*name;
		size_t		 n;
		bool		 is_good;
	} rows[] = {
		{ "alice", 5, true },
		{ "a.b", 3, true },
		{ "...", 3, true },
		{ "-rf", 3, true },
		{ ".", 1, false },
		{ "..", 2, false },
		{ "", 0, false },
		{ "a/b", 3, false },
		{ "/", 1, false },
		{ "../x", 4, false },
		{ "a\0b", 3, false },
		{ "\0", 1, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct place p = place_make();
		struct span key = span_of(rows[i].name, rows[i].n);
		struct mailbox box = { -1, -1, -1 };

		CHECK(mailbox_is_name(key) == rows[i].is_good, "row %zu", i);
		CHECK((open_box(&p, key, &box) == ERR_OK) == rows[i].is_good,
		    "row %zu", i);
		mailbox_close(&mailbox_system, &box);
		place_free(&p);
	}
}

static void
test_base(void **state)
{
	static const struct {
		const char	*template;
		size_t		 n;
	} rows[] = {
		{ "/var/mail/{domain}/{user}", 10 },
		{ "/home/mail-{user}", 6 },
		{ "/{user}", 1 },
		{ "/srv/mail/{user}/Maildir", 10 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_NUM(mailbox_base(span_str(rows[i].template)), rows[i].n,
		    "%s", rows[i].template);
}

/* What somebody else may have put in the way, at each step of the path. */
static void
test_planted(void **state)
{
	static const char *const steps[] = {
		"a.example", "a.example/bob", "a.example/bob/tmp",
		"a.example/bob/new", "a.example/bob/cur",
	};
	static const char *const plants[] = {
		"ln -s /tmp %s", "mkfifo %s", "touch %s",
		"mkdir %s && chmod 0777 %s", "mkdir %s && chown 12345 %s",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++)
		for (size_t k = 0; k < COUNT(plants); k++) {
			struct place p = place_make();
			struct mailbox box = { -1, -1, -1 };
			char at[128], command[1024], plant[384];

			if (k == 4 && geteuid() != 0)
				continue;	/* only root can give away */
			(void)snprintf(at, sizeof at, "%s/%s", p.path, steps[i]);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(plant, sizeof plant, plants[k], at, at);
#pragma GCC diagnostic pop
			(void)snprintf(command, sizeof command,
			    "umask 022; mkdir -p $(dirname %s) && %s", at, plant);
			assert_int_equal(system(command), 0);
			CHECK_NUM(open_box(&p, SPAN("bob"), &box), ERR_DENIED,
			    "%s with %s", steps[i], plants[k]);
			place_free(&p);
		}
}

static const struct maildir_mail mail = {
	.id = { { 1, 2, 3 } },
	.reverse_path = { (const uint8_t *)"s@b.example", 11 },
	.address = { (const uint8_t *)"bob@a.example", 13 },
	.content = { (const uint8_t *)"A: b\r\n\r\n.x\ry\r\n", 15 },
	.hostname = { (const uint8_t *)"mx", 2 },
};
static const char wanted[] =
    "Return-Path: <s@b.example>\nDelivered-To: bob@a.example\nA: b\n\n.x\ry\n";

static size_t
read_only_file(const char *dir, char *to, size_t room, unsigned int *count)
{
	char path[512];
	struct dirent *e;
	size_t n = 0;
	DIR *d = opendir(dir);

	*count = 0;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		(*count)++;
		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		f = fopen(path, "r");
		assert_non_null(f);
		n = fread(to, 1, room, f);
		(void)fclose(f);
	}
	(void)closedir(d);
	return n;
}

static struct maildir_batch *
batch_make(const struct mailbox_system *sys)
{
	struct maildir_batch *b = calloc(1, sizeof *b);

	assert_non_null(b);
	b->sys = sys;
	return b;
}

/* Twice the same message: one file, however often it is delivered. */
static void
test_deliver(void **state)
{
	struct place p = place_make();
	struct maildir_batch *b = batch_make(&mailbox_system);
	char got[512], dir[128];
	unsigned int count;
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mailbox box;

		assert_int_equal(open_box(&p, SPAN("bob"), &box), ERR_OK);
		b->n = 0;
		(void)maildir_write(b, &box, &mail);
		maildir_commit(b);
		CHECK_NUM(b->files[0].error, ERR_OK, "round %d", i);
	}
	(void)snprintf(dir, sizeof dir, "%s/a.example/bob/new", p.path);
	n = read_only_file(dir, got, sizeof got - 1, &count);
	got[n] = '\0';
	CHECK_NUM(count, 1, "files in new");
	CHECK_STR(got, wanted, "content");
	(void)snprintf(dir, sizeof dir, "%s/a.example/bob/tmp", p.path);
	(void)read_only_file(dir, got, sizeof got, &count);
	CHECK_NUM(count, 0, "files in tmp");
	free(b);
	place_free(&p);
}

/*
 * A queue that was replaced sends again what another thread is still writing:
 * neither takes the other's file, and one whole file is left.
 */
static void
test_twice_at_once(void **state)
{
	struct place p = place_make();
	struct maildir_batch *b[2];
	char got[512], dir[128];
	unsigned int count;
	size_t n;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mailbox box;

		b[i] = batch_make(&mailbox_system);
		assert_int_equal(open_box(&p, SPAN("bob"), &box), ERR_OK);
		(void)maildir_write(b[i], &box, &mail);
	}
	for (size_t i = 0; i < 2; i++) {
		maildir_commit(b[i]);
		CHECK_NUM(b[i]->files[0].error, ERR_OK, "thread %zu", i);
		free(b[i]);
	}
	(void)snprintf(dir, sizeof dir, "%s/a.example/bob/new", p.path);
	n = read_only_file(dir, got, sizeof got - 1, &count);
	got[n] = '\0';
	CHECK_NUM(count, 1, "files in new");
	CHECK_STR(got, wanted, "content");
	(void)snprintf(dir, sizeof dir, "%s/a.example/bob/tmp", p.path);
	(void)read_only_file(dir, got, sizeof got, &count);
	CHECK_NUM(count, 0, "files in tmp");
	place_free(&p);
}

/* The n-th call fails: then that mail is not delivered, and says so. */
static struct {
	int	left;		/* calls until one fails; -1: never */
	int	number;		/* errno of it */
} fault;

static bool
is_due(void)
{
	if (fault.left < 0 || fault.left-- > 0)
		return false;
	errno = fault.number;
	return true;
}
static int
f_open(int dir, const char *name, int flags, mode_t mode)
{
	return is_due() ? -1 : openat(dir, name, flags, mode);
}
static int
f_mkdir(int dir, const char *name, mode_t mode)
{
	return is_due() ? -1 : mkdirat(dir, name, mode);
}
static int
f_stat(int fd, struct stat *st)
{
	return is_due() ? -1 : fstat(fd, st);
}
static ssize_t
f_writev(int fd, const struct iovec *parts, int n)
{
	struct iovec one = { parts->iov_base, MIN(parts->iov_len, (size_t)7) };

	(void)n;
	return is_due() ? -1 : writev(fd, &one, 1);	/* always short */
}
static int
f_sync(int fd)
{
	/* Nobody pulls the plug: an open descriptor is all that matters. */
	return is_due() || fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}
static int
f_sync_all(int fd)
{
	(void)fd;
	return is_due() ? -1 : 0;
}
static int
f_rename(int from, const char *a, int to, const char *b)
{
	return is_due() ? -1 : renameat(from, a, to, b);
}
static const struct mailbox_system faulty = {
	f_open, f_mkdir, f_stat, f_writev, f_sync, f_sync_all, f_rename,
	unlinkat, close,
};

static bool
deliver_some(const struct place *p, unsigned int mails, unsigned int *good)
{
	struct maildir_batch *b = batch_make(&faulty);
	bool is_open = true;

	*good = 0;
	for (unsigned int i = 0; i < mails && is_open; i++) {
		struct maildir_mail m = mail;
		struct mailbox box;
		const char *why;

		m.id.octets[15] = (uint8_t)i;
		is_open = mailbox_open(&faulty, p->fd, template,
			      SPAN("a.example"), SPAN("bob"), &box,
			      &why) == ERR_OK;
		if (is_open)
			(void)maildir_write(b, &box, &m);
	}
	maildir_commit(b);
	for (size_t i = 0; i < b->n; i++)
		*good += b->files[i].error == ERR_OK;
	free(b);
	return is_open;
}

static void
test_nth_call_fails(void **state)
{
	static const unsigned int mails[] = { 1, 4 };

	(void)state;
	for (size_t k = 0; k < COUNT(mails); k++)
		for (int nth = 0;; nth++) {
			struct place p = place_make();
			unsigned int good, count;
			char dir[128], got[512];

			fault.left = nth;
			fault.number = nth % 2 == 0 ? ENOSPC : EIO;
			bool is_open = deliver_some(&p, mails[k], &good);
			bool is_over = fault.left >= 0;

			CHECK(is_over || !is_open || good < mails[k],
			    "call %d failed and nobody noticed", nth);
			(void)snprintf(dir, sizeof dir, "%s/a.example/bob/new",
			    p.path);
			if (access(dir, F_OK) == 0) {
				(void)read_only_file(dir, got, sizeof got,
				    &count);
				CHECK(count >= good, "call %d: %u said, %u there",
				    nth, good, count);
			}
			place_free(&p);
			if (is_over) {
				CHECK_NUM(good, mails[k], "nothing failed");
				break;
			}
			assert_true(nth < 500);
		}
	fault.left = -1;
}

static void
test_loop(void **state)
{
	static const struct {
		const char	*content;
		bool		 was_here;
	} rows[] = {
		{ "Delivered-To: bob@a.example\r\n\r\n", true },
		{ "X: y\r\ndelivered-to:\tBOB@a.example \r\n\r\n", true },
		{ "X: y\r\n\r\nDelivered-To: bob@a.example\r\n", false },
		{ "Delivered-To: bob@a.example.net\r\n\r\n", false },
		{ "X: Delivered-To: bob@a.example\r\n\r\n", false },
		{ " Delivered-To: bob@a.example\r\n\r\n", false },
		{ "", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK(maildir_was_here(span_str(rows[i].content),
			  mail.address) == rows[i].was_here, "row %zu", i);
}

static void
test_sweep(void **state)
{
	struct place p = place_make();
	struct mailbox box;
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	int fd;

	(void)state;
	assert_int_equal(open_box(&p, SPAN("bob"), &box), ERR_OK);
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "old" : "young";

		fd = openat(box.tmp, name, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		if (i == 0)
			assert_int_equal(futimens(fd, old), 0);
		(void)close(fd);
	}
	CHECK_NUM(mailbox_sweep(&box, (int64_t)time(NULL)), 1, "one is old");
	CHECK_NUM(faccessat(box.tmp, "young", F_OK, 0), 0, "the young stays");
	mailbox_close(&mailbox_system, &box);
	place_free(&p);
}

/* A directory that turns into something else and back while mail comes. */
struct racer {
	char		path[2][128];
	char		target[128];	/* a directory of the victim's */
	char		file[160];	/* and a file of it */
	bool	      (*plant)(const struct racer *r);
	_Atomic bool	is_over;
};

static bool
plant_symlink(const struct racer *r)
{
	return symlink(r->target, r->path[0]) == 0;
}

static bool
plant_symlink_to_file(const struct racer *r)
{
	return symlink(r->file, r->path[0]) == 0;
}

static bool
plant_hard_link(const struct racer *r)
{
	return link(r->file, r->path[0]) == 0;
}

/* Who opens it without care waits for a reader, for ever. */
static bool
plant_fifo(const struct racer *r)
{
	return mkfifo(r->path[0], 0600) == 0;
}

static void *
race(void *p)
{
	struct racer *r = p;

	while (!r->is_over) {
		(void)rename(r->path[0], r->path[1]);
		if (r->plant(r))
			(void)unlink(r->path[0]);
		(void)rename(r->path[1], r->path[0]);
	}
	return NULL;
}

/* Durability is not what is raced for here. */
static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

/* A place that would take the mail, were a link to it followed anywhere. */
static struct place
victim_make(void)
{
	static const char *const dirs[] = { "tmp", "new", "cur", "bob",
	    "bob/tmp", "bob/new", "bob/cur" };
	struct place v = place_make();

	for (size_t i = 0; i < COUNT(dirs); i++)
		assert_int_equal(mkdirat(v.fd, dirs[i], 0700), 0);
	return v;
}

static unsigned int
files_below(const char *path)
{
	unsigned int n = 0;
	struct dirent *e;
	char below[1024];
	DIR *d = opendir(path);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		n += e->d_type == DT_DIR ? files_below(below) : 1;
	}
	(void)closedir(d);
	return n;
}

/* Deliver while one step of the path is swapped; how often it went well. */
static int
deliver_racing(const struct place *p, struct racer *r, int rounds)
{
	struct mailbox_system sys = mailbox_system;
	struct maildir_batch *b = batch_make(&sys);
	struct mailbox box;
	pthread_t thread;
	int done = 0;

	sys.sync_file = no_sync;
	sys.sync_all = no_sync;
	assert_int_equal(pthread_create(&thread, NULL, race, r), 0);
	for (int i = 0; i < rounds; i++) {
		if (open_box(p, SPAN("bob"), &box) != ERR_OK)
			continue;
		b->n = 0;
		(void)maildir_write(b, &box, &mail);
		maildir_commit(b);
		done += b->files[0].error == ERR_OK;
	}
	r->is_over = true;
	(void)pthread_join(thread, NULL);
	free(b);
	return done;
}

/* The victim's file is what it was. */
static void
check_untouched(const char *path, const char *what)
{
	struct stat st;
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 1 &&
	    read(fd, text, sizeof text - 1) == 6 &&
	    strcmp(text, "secret") == 0, "%s: the file was touched", what);
	(void)close(fd);
}

static void
race_at(const char *step, const char *name,
    bool (*plant)(const struct racer *), int rounds)
{
	struct place p = place_make(), v = victim_make();
	struct racer r = { .plant = plant };
	struct mailbox box;
	int fd;

	assert_int_equal(open_box(&p, SPAN("bob"), &box), ERR_OK);
	mailbox_close(&mailbox_system, &box);
	(void)snprintf(r.path[0], 128, "%s/%s", p.path, step);
	(void)snprintf(r.path[1], 128, "%s/away", p.path);
	(void)snprintf(r.target, 128, "%s", v.path);
	(void)snprintf(r.file, 160, "%s/file", v.path);
	fd = open(r.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "secret", 6), 6);
	(void)close(fd);
	(void)deliver_racing(&p, &r, rounds);
	CHECK_NUM(files_below(v.path), 1, "%s, %s: written outside", step,
	    name);
	check_untouched(r.file, name);
	place_free(&p);
	place_free(&v);
}

static void
test_swap_race(void **state)
{
	static const char *const steps[] = { "a.example", "a.example/bob",
	    "a.example/bob/tmp", "a.example/bob/new" };
	static const struct {
		const char *name;
		bool (*plant)(const struct racer *r);
	} plants[] = {
		{ "symbolic link", plant_symlink },
		{ "symbolic link to a file", plant_symlink_to_file },
		{ "hard link", plant_hard_link },
		{ "fifo", plant_fifo },
	};
	int rounds = getenv("POSTHORSE_LONG") != NULL ? 6250 : 125;

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++)
		for (size_t k = 0; k < COUNT(plants); k++)
			race_at(steps[i], plants[k].name, plants[k].plant,
			    rounds);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_names, "DLV-3 DLV-4"),
		TEST(test_base, ""),
		TEST(test_planted, "DLV-3"),
		TEST(test_deliver, "DLV-1 DLV-3"),
		TEST(test_twice_at_once, "DLV-1"),
		TEST(test_nth_call_fails, "DLV-1 DLV-3"),
		TEST(test_loop, "SMTP-13"),
		TEST(test_sweep, ""),
		TEST(test_swap_race, "DLV-3"),
	};

	return RUN_TESTS(tests);
}
