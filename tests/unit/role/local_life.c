/*
 * local_life.c - the program itself, in its sandbox, with a supervisor and a
 * queue that are played here.
 */
#include "program.h"

#include "config/config.h"
#include "io/channel.h"
#include "ipc/control.h"
#include "ipc/deliver.h"
#include "os/file.h"
#include "os/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS	10000
#define NOBODY		65534u

struct stage {
	char	mail[64];	/* the fixed part of the template */
	pid_t	pid;
	int	control;
	int	queue;
};

static void
send_msg(int to, const struct ipc_type *type, const void *msg, int fd)
{
	assert_true(program_say(to, type, msg, fd));
}

/* A packet within our patience; 0 octets: the peer has closed. */
static struct span
receive(int from)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	struct pollfd p = { .fd = from, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	n = recv(from, packet, sizeof packet, MSG_DONTWAIT);
	if (n < 0)
		assert_int_equal(errno, ECONNRESET);
	return span_of(packet, n > 0 ? (size_t)n : 0);
}

static int
config_text(const struct stage *s)
{
	char text[512];

	(void)snprintf(text, sizeof text, "hostname mx.example.org\n"
	    "spool %s\n"
	    "domain example.org {\n\tusers file %s/users\n"
	    "\tdeliver maildir %s/{domain}/{user}\n}\n",
	    s->mail, s->mail, s->mail);
	return program_config(span_str(text));
}

static void
stage_begin(struct stage *s)
{
	struct control_start start = { .role = IPC_ROLE_LOCAL, .instance = 1,
	    .uid = UINT32_MAX, .gid = UINT32_MAX };
	struct control_channel channel = { .role = IPC_ROLE_QUEUE,
	    .instance = 2 };
	struct control_file file = { .purpose = SPAN("mail:0") };
	struct control_go go = { 0 };
	int fd, queue[2];

	*s = (struct stage){ .mail = "/tmp/posthorse-life-XXXXXX" };
	assert_non_null(mkdtemp(s->mail));
	if (geteuid() == 0) {
		start.uid = start.gid = NOBODY;
		assert_int_equal(chown(s->mail, NOBODY, NOBODY), 0);
	}
	s->pid = program_start(LOCAL_PROGRAM, &s->control);
	fd = config_text(s);
	send_msg(s->control, &ipc_control_start, &start, fd);
	(void)close(fd);
	fd = open(s->mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	send_msg(s->control, &ipc_control_file, &file, fd);
	(void)close(fd);
	assert_int_equal(channel_pair(queue), ERR_OK);
	send_msg(s->control, &ipc_control_channel, &channel, queue[1]);
	(void)close(queue[1]);
	s->queue = queue[0];
	send_msg(s->control, &ipc_control_go, &go, -1);
}

static int
stage_end(struct stage *s)
{
	char command[128];
	int status;

	(void)close(s->control);
	(void)close(s->queue);
	while (waitpid(s->pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", s->mail);
	assert_int_equal(system(command), 0);
	return status;
}

static void
expect_ready(struct stage *s)
{
	struct span packet = receive(s->control), payload;
	struct control_ready ready;
	uint16_t type;

	assert_int_equal(channel_frame_next(&packet, &type, &payload), ERR_OK);
	CHECK_NUM(type, ipc_control_ready.number, "READY");
	assert_int_equal(ipc_decode(&ipc_control_ready, payload, &ready),
	    ERR_OK);
	CHECK_NUM(ready.sandbox, SANDBOX_NEEDED, "Landlock and seccomp");
}

/* What the kernel says of the process. */
static void
expect_confined(const struct stage *s)
{
	static const char *const wanted[] = { "CapPrm:\t0000000000000000",
	    "CapEff:\t0000000000000000", "CapInh:\t0000000000000000",
	    "NoNewPrivs:\t1", "Seccomp:\t2", "Groups:\t \n" };
	struct buf text = buf_make(65536);
	char path[64];
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_read_all(fd, &text), ERR_OK);
	(void)close(fd);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (geteuid() == 0 || i + 1 < COUNT(wanted))
			CHECK(span_find_span(buf_span(&text),
			    span_str(wanted[i])) < text.n, "%s", wanted[i]);
	buf_free(&text);
}

/* A job of nmessages, each for three slots: ann twice, and bob. */
static int
job_make(unsigned int nmessages, struct span content, uint32_t *description)
{
	static const struct { const char *address, *key; } slots[] = {
		{ "ann@example.org", "ann" }, { "A.NN@example.org", "ann" },
		{ "bob@example.org", "bob" },
	};
	struct buf list = buf_make(1 << 20), rcpts = buf_make(65536);
	struct deliver_message m = { .size = content.n };
	int fd;

	for (uint32_t i = 0; i < COUNT(slots); i++) {
		struct deliver_recipient r = { .slot = i,
		    .address = span_str(slots[i].address),
		    .domain = SPAN("example.org"),
		    .key = span_str(slots[i].key) };

		assert_int_equal(ipc_list_add(&ipc_deliver_recipient, &r,
		    &rcpts), ERR_OK);
	}
	/* Offsets count from the memfd's start, so their size must be known:
	 * numbers have a fixed width, a first pass tells. */
	for (int pass = 0; pass < 2; pass++) {
		uint64_t offset = list.n;

		buf_cut(&list, 0);
		for (unsigned int i = 0; i < nmessages; i++) {
			m.id = (struct msg_id){ { [14] = (uint8_t)(i >> 8),
			    [15] = (uint8_t)i } };
			m.offset = offset;
			m.reverse_path = SPAN("eve@example.net");
			m.recipients = buf_span(&rcpts);
			assert_int_equal(ipc_list_add(&ipc_deliver_message, &m,
			    &list), ERR_OK);
		}
	}
	*description = (uint32_t)list.n;
	assert_int_equal(file_memfd("job", &fd), ERR_OK);
	assert_int_equal(file_write_all(fd, buf_span(&list)), ERR_OK);
	assert_int_equal(file_write_all(fd, content), ERR_OK);
	buf_free(&list);
	buf_free(&rcpts);
	return fd;
}

static void
job_send(const struct stage *s, uint64_t number, int fd, uint32_t description)
{
	struct deliver_job job = { .job = number, .description = description };

	send_msg(s->queue, &ipc_deliver_job, &job, fd);
	(void)close(fd);
}

/* All results up to the job's end, each DONE; returns how many. */
static unsigned int
results_done(struct stage *s, uint64_t number)
{
	unsigned int n = 0;

	for (;;) {
		struct span packet = receive(s->queue), payload;
		struct deliver_result r;
		uint16_t type;

		assert_true(packet.n > 0);
		while (channel_frame_next(&packet, &type, &payload) == ERR_OK) {
			if (type == ipc_deliver_end.number)
				return n;
			assert_int_equal(ipc_decode(&ipc_deliver_result,
			    payload, &r), ERR_OK);
			CHECK_NUM(r.job, number, "job");
			CHECK_NUM(r.fate, DELIVER_DONE, "slot %u: %.*s",
			    r.slot, SPAN_FMT(r.text));
			n++;
		}
	}
}

/* Files in a mailbox's new; the last one's octets. */
static unsigned int
mailbox_files(const struct stage *s, const char *user, struct buf *octets)
{
	unsigned int n = 0;
	char path[160];
	struct dirent *e;
	DIR *d;
	int fd;

	(void)snprintf(path, sizeof path, "%s/example.org/%s/new", s->mail,
	    user);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		buf_cut(octets, 0);
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
		assert_int_equal(file_read_all(fd, octets), ERR_OK);
		(void)close(fd);
	}
	(void)closedir(d);
	return n;
}

static void
stop(const struct stage *s)
{
	struct control_stop m = { .within_ms = 5000 };

	send_msg(s->control, &ipc_control_stop, &m, -1);
}

static void
test_life(void **state UNUSED)
{
	static const struct span content =
	    { (const uint8_t *)"Subject: x\r\n\r\n.dot\r\n\377\r\n", 23 };
	static const char stored[] = "Return-Path: <eve@example.net>\n"
	    "Delivered-To: ann@example.org\nSubject: x\n\n.dot\n\377\n";
	struct buf octets = buf_make(65536);
	uint32_t description;
	struct stage s;
	int fd, status;

	stage_begin(&s);
	expect_ready(&s);
	expect_confined(&s);
	for (unsigned int n = 1; n <= 64; n *= 8) {
		fd = job_make(n, content, &description);
		assert_int_equal(file_seal(fd), ERR_OK);
		job_send(&s, n, fd, description);
		CHECK_NUM(results_done(&s, n), 3 * n, "one a slot");
	}
	CHECK_NUM(mailbox_files(&s, "ann", &octets), 64,
	    "one copy of each, and the same id the same file");
	CHECK(span_eq(buf_span(&octets), SPAN(stored)), "%.*s",
	    SPAN_FMT(octets));
	CHECK_NUM(mailbox_files(&s, "bob", &octets), 64, "bob, too");
	buf_free(&octets);
	stop(&s);
	status = stage_end(&s);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "orderly end, status %#x", (unsigned int)status);
}

#define JOBS	100u	/* more than threads and waiting places together */

/* Ends of jobs in what is received next; every result there is DONE. */
static unsigned int
ends_next(struct stage *s)
{
	struct span packet = receive(s->queue), payload;
	struct deliver_result r;
	unsigned int n = 0;
	uint16_t type;

	assert_true(packet.n > 0);
	while (channel_frame_next(&packet, &type, &payload) == ERR_OK) {
		if (type == ipc_deliver_end.number) {
			n++;
			continue;
		}
		assert_int_equal(ipc_decode(&ipc_deliver_result, payload, &r),
		    ERR_OK);
		CHECK_NUM(r.fate, DELIVER_DONE, "job %u: %.*s",
		    (unsigned int)r.job, SPAN_FMT(r.text));
	}
	return n;
}

/* Jobs that find no place end unanswered: soon again, not as a refusal. */
static void
test_more_jobs_than_places(void **state UNUSED)
{
	unsigned int ends = 0;
	uint32_t description;
	struct stage s;
	int fd, status;

	stage_begin(&s);
	expect_ready(&s);
	assert_int_equal(kill(s.pid, SIGSTOP), 0);
	for (uint64_t i = 1; i <= JOBS; i++) {
		fd = job_make(1, SPAN("a\r\n"), &description);
		assert_int_equal(file_seal(fd), ERR_OK);
		job_send(&s, i, fd, description);
	}
	assert_int_equal(kill(s.pid, SIGCONT), 0);
	while (ends < JOBS)
		ends += ends_next(&s);
	stop(&s);
	status = stage_end(&s);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "orderly end, status %#x", (unsigned int)status);
}

/* PRV-4, PRS-6: a queue gone mad is cut off; the process stays. */
static void
test_hostile_queue(void **state UNUSED)
{
	static const struct {
		const char	*name;
		uint32_t	 more;		/* octets of description */
		bool		 is_sealed;
	} cases[] = {
		{ "not sealed", 0, false },
		{ "description cut", (uint32_t)-1, true },
		{ "description too long", 1, true },
		{ "description beyond the end", 1u << 20, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint32_t description;
		struct stage s;
		int fd, status;

		stage_begin(&s);
		expect_ready(&s);
		fd = job_make(1, SPAN("a\r\n"), &description);
		if (cases[i].is_sealed)
			assert_int_equal(file_seal(fd), ERR_OK);
		job_send(&s, 1, fd, description + cases[i].more);
		CHECK_NUM(receive(s.queue).n, 0, "%s: cut off", cases[i].name);
		CHECK(receive(s.control).n > 0, "%s: the supervisor is told",
		    cases[i].name);
		stop(&s);
		status = stage_end(&s);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    "%s: status %#x", cases[i].name, (unsigned int)status);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_life, "PRV-1 DLV-3"),
		TEST(test_more_jobs_than_places, "DLV-1"),
		TEST(test_hostile_queue, "PRV-4 PRS-6"),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
