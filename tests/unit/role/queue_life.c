/*
 * queue_life.c - the program itself, in its sandbox, through a letter's life.
 */
#include "queue_stage.h"

#include "os/clock.h"
#include "spool/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTICES_AN_HOUR	500u	/* doc/design/limits.md */

#define TEXT	"Subject: x\r\n\r\nhello\r\n"
static const char *const ann[] = { "ann@example.org" };
static const char *const bob[] = { "bob@example.net" };
static const char *const three[] = { "ann@example.org", "bob@example.net",
	"cat@example.org" };

static void
finish(struct stage *s)
{
	int status = stage_stop(s);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "orderly end, status %#x; %.*s", (unsigned int)status,
	    SPAN_FMT(s->log));
	stage_end(s);
}

static void
test_to_a_mailbox(void **state UNUSED)
{
	struct stage s = { 0 };

	stage_begin(&s);
	for (int i = 0; i < 5; i++)
		(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 5);
	CHECK(span_starts(buf_span(&s.contents),
	    SPAN("Received: by mx.example.org; then\r\n" TEXT)),
	    "the fields, then the content: %.*s", SPAN_FMT(s.contents));
	CHECK(s.njobs <= 4, "in batches: %u jobs", s.njobs);
	stage_until_logged(&s, "delivered");
	stage_serve(&s, 100);
	finish(&s);
}

/* SPL-7: what is durably finished is not tried again, whoever dies. */
static void
test_not_twice(void **state UNUSED)
{
	struct stage s = { 0 };

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "delivered");
	stage_serve(&s, 300);	/* the group's sync */
	(void)stage_kill(&s);
	s.nmessages = 0;
	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	stage_serve(&s, 200);
	CHECK_NUM(s.nmessages, 1, "the new one only");
	finish(&s);
}

/* Accepted, not delivered, killed: there again. */
static void
test_recovered(void **state UNUSED)
{
	struct stage s = { 0 };
	struct msg_id id;

	s.answer[IPC_ROLE_LOCAL].is_silent = true;
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	(void)stage_kill(&s);
	s.nmessages = 0;
	s.answer[IPC_ROLE_LOCAL].is_silent = false;
	stage_begin(&s);
	stage_until(&s, &s.nmessages, 1);
	CHECK(msg_id_eq(&id, &s.job_id), "the same letter");
	finish(&s);
}

/*
 * Each question whether its loop turns is answered; while a spool is read it
 * does not turn, and that is said unasked.
 */
static void
test_alive(void **state UNUSED)
{
	struct control_ping ping = { 0 };
	struct stage s = { 0 };

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		stage_send(s.control, &ipc_control_ping, &ping, -1);
		stage_until(&s, &s.nanswers, i);
	}
	(void)stage_kill(&s);
	s.nworking = 0;
	stage_begin(&s);
	stage_until(&s, &s.nworking, 1);
	stage_until(&s, &s.nsyncing, 1);
	CHECK_NUM(s.nanswers, 3, "that is no answer");
	finish(&s);
}

/* A receiver synced, and died before it could say so. */
static void
test_receiver_died_in_silence(void **state UNUSED)
{
	struct stage s = { 0 };
	struct control_ended ended = { .role = IPC_ROLE_RECEIVER };

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, false);
	stage_serve(&s, 100);
	CHECK_NUM(s.nmessages, 0, "behind a live writer nothing is read");
	ended.instance = s.instance[IPC_ROLE_RECEIVER];
	(void)close(s.peers[IPC_ROLE_RECEIVER]);
	s.peers[IPC_ROLE_RECEIVER] = -1;
	stage_send(s.control, &ipc_control_ended, &ended, -1);
	stage_until(&s, &s.nmessages, 1);
	finish(&s);
}

/*
 * A receiver that closed its channel to a new queue may still write: what it
 * holds is not read, let alone given away, before its process has ended.
 */
static void
test_receiver_hangs_up_on_a_new_queue(void **state UNUSED)
{
	struct stage s = { 0 };
	struct control_ended ended = { .role = IPC_ROLE_RECEIVER };

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, false);
	(void)stage_kill(&s);
	s.is_mute = true;
	stage_begin(&s);
	(void)close(s.peers[IPC_ROLE_RECEIVER]);
	s.peers[IPC_ROLE_RECEIVER] = -1;
	ended.instance = 99;
	stage_send(s.control, &ipc_control_ended, &ended, -1);
	stage_serve(&s, 200);
	CHECK_NUM(s.nmessages, 0, "somebody else's end says nothing of it");
	ended.instance = s.instance[IPC_ROLE_RECEIVER];
	stage_send(s.control, &ipc_control_ended, &ended, -1);
	stage_until(&s, &s.nmessages, 1);
	finish(&s);
}

/*
 * It died while the new queue was being born: that was told before the queue
 * served, and will not be told again.
 */
static void
test_receiver_died_while_we_were_born(void **state UNUSED)
{
	struct stage s = { 0 };

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, false);
	(void)stage_kill(&s);
	s.is_mute = s.is_receiver_gone = true;
	stage_begin(&s);
	stage_until(&s, &s.nmessages, 1);
	finish(&s);
}

/* The head of the first message in each segment does not hold any more. */
static void
heads_rot(const struct stage *s)
{
	DIR *d = opendir(s->spool);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		int fd = strncmp(e->d_name, "segment-", 8) == 0
		    ? openat(dirfd(d), e->d_name, O_WRONLY | O_CLOEXEC) : -1;

		if (fd < 0)
			continue;
		/* Behind the batch's head, where the id stands. */
		CHECK_NUM(pwrite(fd, "rot", 3,
		    SPOOL_FIRST + SPOOL_RECORD_HEAD + 48), 3, "%s", e->d_name);
		(void)close(fd);
	}
	(void)closedir(d);
}

/* It is found rotten while a job carries it: who asks then is answered. */
static void
test_lost_while_a_job_has_it(void **state UNUSED)
{
	static const enum steer_verb verbs[] = { STEER_QUEUE_SHOW,
		STEER_QUEUE_LIST, STEER_QUEUE_RETRY, STEER_QUEUE_DELETE,
		STEER_STATUS };
	char text[MSG_ID_LETTERS + 1];
	struct stage s = { 0 };
	struct msg_id id;

	s.answer[IPC_ROLE_LOCAL].is_silent = true;
	stage_begin(&s);
	id = stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	heads_rot(&s);
	msg_id_print(&id, text);
	for (size_t i = 0; i < COUNT(verbs); i++) {
		bool has_id = verbs[i] == STEER_QUEUE_SHOW ||
		    verbs[i] == STEER_QUEUE_DELETE;

		stage_order(&s, verbs[i], has_id ? text : "");
		if (verbs[i] != STEER_STATUS)
			CHECK_NUM(s.end.count, 0, "verb %zu", i);
	}
	stage_until_logged(&s, "lost");
	finish(&s);
}

static void
test_to_another_server(void **state UNUSED)
{
	struct stage s = { 0 };

	stage_begin(&s);
	(void)stage_write(&s, "ann@example.org", three, 3, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 2);	/* local, and the sender */
	stage_until_logged(&s, "to=bob@example.net");
	CHECK_NUM(s.nresolves, 1, "one domain, one question");
	stage_serve(&s, 100);
	CHECK_NUM(s.nmessages, 2, "two mailboxes in one message");
	finish(&s);
}

static void
test_bounce(void **state UNUSED)
{
	struct stage s = { 0 };

	s.answer[IPC_ROLE_SENDER] = (struct stage_answer){
		.fate = DELIVER_FAILED, .code = 550, .status = "5.1.1",
		.text = "no such user here",
	};
	stage_begin(&s);
	(void)stage_write(&s, "ann@example.org", bob, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 2);
	CHECK_NUM(s.nlookups, 1, "where the reverse-path lives");
	CHECK(span_eq(buf_span(&s.reverse_paths),
	    SPAN("<ann@example.org><>")), "%.*s", SPAN_FMT(s.reverse_paths));
	CHECK(span_find_span(buf_span(&s.contents), SPAN("bob@example.net")) <
	    s.contents.n, "it names the recipient");
	stage_until_logged(&s, "bounced");
	finish(&s);
}

/*
 * RLY-4: so many notices an hour go to one domain, and one more does not.  A
 * report of delay that fell under that is made when there is room again.
 */
static void
test_notices_an_hour(void **state UNUSED)
{
	struct stage s = {
		.config = "retry first 1s\nretry cap 1s\nretry jitter 0%\n",
	};

	s.answer[IPC_ROLE_SENDER] = (struct stage_answer){
		.fate = DELIVER_FAILED, .code = 550, .status = "5.1.1",
		.text = "no such user here",
	};
	s.answer[IPC_ROLE_LOCAL] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.2.1",
		.text = "not now",
	};
	stage_begin(&s);
	for (uint32_t i = 0; i < NOTICES_AN_HOUR; i++)
		(void)stage_write(&s, "eve@example.com", bob, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, NOTICES_AN_HOUR);
	stage_serve(&s, 1000);
	CHECK(!stage_has_logged(&s, "no-bounce"), "at the limit");
	(void)stage_write(&s, "one@example.com", bob, 1, TEXT);
	s.by_ms = clock_wall_ms() - 1000;
	(void)stage_write(&s, "late@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "no-bounce to=one@example.com");
	stage_until_logged(&s, "no-bounce to=late@example.com");
	CHECK(!stage_has_logged(&s, "bounced to=late@example.com"), "told");
	(void)stage_stop(&s);
	stage_begin(&s);	/* and with it another hour */
	stage_until_logged(&s, "bounced to=late@example.com");
	CHECK(!stage_has_logged(&s, "bounced to=one@example.com"), "done with");
	finish(&s);
}

/* RLY-4, RFC 5321 6.1: nobody is told about a letter from nobody. */
static void
test_no_bounce_for_the_null_path(void **state UNUSED)
{
	struct stage s = { 0 };

	s.answer[IPC_ROLE_SENDER] = (struct stage_answer){
		.fate = DELIVER_FAILED, .code = 550, .status = "5.1.1",
		.text = "no such user here",
	};
	stage_begin(&s);
	(void)stage_write(&s, "", bob, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "no-bounce");
	stage_serve(&s, 200);
	CHECK_NUM(s.nmessages, 1, "the letter itself");
	CHECK_NUM(s.nlookups, 0, "nobody was asked for");
	stage_order(&s, STEER_QUEUE_LIST, "");
	CHECK_NUM(s.rows.n, 0, "nothing is left: %.*s", SPAN_FMT(s.rows));
	finish(&s);
}

static void
test_no_such_domain(void **state UNUSED)
{
	struct stage s = { .resolve_status = RESOLVE_NULL_MX };

	stage_begin(&s);
	(void)stage_write(&s, "ann@example.org", bob, 1, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	CHECK(span_eq(buf_span(&s.reverse_paths), SPAN("<>")),
	    "only the bounce: %.*s", SPAN_FMT(s.reverse_paths));
	stage_until_logged(&s, "5.1.10");	/* RFC 7505 */
	finish(&s);
}

static void
test_deferred_listed_retried_removed(void **state UNUSED)
{
	struct stage s = { 0 };
	char id[MSG_ID_LETTERS + 1];
	struct msg_id first;

	s.answer[IPC_ROLE_SENDER] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.7.1",
		.text = "greylisted \"for\" now\n",
	};
	stage_begin(&s);
	first = stage_write(&s, "ann@example.org", bob, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "deferred");
	stage_order(&s, STEER_QUEUE_LIST, "");
	CHECK(s.end.is_ok && s.end.count == 1, "one row");
	CHECK(span_find_span(buf_span(&s.rows),
	    SPAN("\"to\":[\"bob@example.net\"]")) < s.rows.n, "%.*s",
	    SPAN_FMT(s.rows));
	CHECK(span_find_span(buf_span(&s.rows),
	    SPAN("greylisted \\\"for\\\" now\\u000a")) < s.rows.n, "%.*s",
	    SPAN_FMT(s.rows));
	msg_id_print(&first, id);
	stage_order(&s, STEER_QUEUE_SHOW, id);
	CHECK(span_find_span(buf_span(&s.rows),
	    SPAN("\"state\":\"deferred\"")) < s.rows.n, "%.*s",
	    SPAN_FMT(s.rows));
	stage_order(&s, STEER_QUEUE_RETRY, "");
	CHECK_NUM(s.end.count, 1, "tried again");
	stage_until(&s, &s.nmessages, 2);
	stage_serve(&s, 50);
	stage_order(&s, STEER_QUEUE_DELETE, "00000000000000000000000000");
	CHECK(!s.end.is_ok, "no such message");
	stage_order(&s, STEER_QUEUE_DELETE, "x");
	CHECK(!s.end.is_ok, "no id");
	stage_order(&s, STEER_QUEUE_DELETE, id);
	CHECK(s.end.is_ok && s.end.count == 1, "removed: %.*s",
	    SPAN_FMT(s.end.why));
	stage_until_logged(&s, "removed");
	stage_order(&s, STEER_QUEUE_LIST, "");
	CHECK_NUM(s.end.count, 0, "nothing left");
	stage_order(&s, STEER_STATUS, "");
	CHECK(span_find_span(buf_span(&s.rows), SPAN("\"messages\":0")) <
	    s.rows.n, "%.*s", SPAN_FMT(s.rows));
	finish(&s);
}

/* What a dead worker answered counts; the rest is tried again. */
static void
test_worker_died(void **state UNUSED)
{
	struct stage s = { 0 };
	static const char *const both[] = { "ann@example.org",
		"cat@example.org" };
	struct deliver_result done = { .fate = DELIVER_DONE, .slot = 1,
		.status = SPAN("2.0.0") };

	s.answer[IPC_ROLE_LOCAL].is_silent = true;
	stage_begin(&s);
	done.id = stage_write(&s, "eve@example.com", both, 2, TEXT);
	stage_sync(&s, true);
	stage_until(&s, &s.nmessages, 1);
	done.job = s.job;
	stage_send(s.peers[IPC_ROLE_LOCAL], &ipc_deliver_result, &done, -1);
	stage_until_logged(&s, "to=cat@example.org");
	s.answer[IPC_ROLE_LOCAL].is_silent = false;
	stage_connect(&s, IPC_ROLE_LOCAL);
	stage_serve(&s, 100);
	stage_order(&s, STEER_QUEUE_LIST, "");
	CHECK(span_find_span(buf_span(&s.rows),
	    SPAN("\"to\":[\"ann@example.org\"]")) < s.rows.n, "%.*s",
	    SPAN_FMT(s.rows));
	stage_order(&s, STEER_QUEUE_RETRY, "");
	stage_until_logged(&s, "to=ann@example.org");
	finish(&s);
}

/* Refused for the time being until its life is over: then one bounce. */
static void
test_expired(void **state UNUSED)
{
	struct stage s = { .config = "retry first 1s\nretry lifetime 1s\n" };

	s.answer[IPC_ROLE_SENDER] = (struct stage_answer){
		.fate = DELIVER_RETRY, .code = 451, .status = "4.7.1",
		.text = "later",
	};
	stage_begin(&s);
	(void)stage_write(&s, "ann@example.org", bob, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "expired");
	stage_until_logged(&s, "bounced");
	stage_until(&s, &s.nmessages, 3);	/* two attempts, the bounce */
	stage_until_logged(&s, "delivered");
	CHECK(span_find_span(buf_span(&s.contents), SPAN("5.4.7")) <
	    s.contents.n, "delivery time expired: %.*s",
	    SPAN_FMT(s.contents));
	stage_order(&s, STEER_QUEUE_LIST, "");
	CHECK_NUM(s.end.count, 0, "nothing left");
	finish(&s);
}

static void
test_held(void **state UNUSED)
{
	struct stage s = { .config = "hold deliveries yes\n" };

	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
	stage_sync(&s, true);
	stage_until_logged(&s, "queued");
	stage_serve(&s, 200);
	CHECK_NUM(s.njobs, 0, "kept");
	finish(&s);
}

/* Contents of open jobs lie in memory: beyond the bound the next one waits. */
static void
test_octets_in_flight(void **state UNUSED)
{
	struct stage s = { .config = "limit message-size 64k\n" };
	static char large[200 * 1024];

	memset(large, 'x', sizeof large - 3);
	memcpy(large + sizeof large - 3, "\r\n", 3);
	s.answer[IPC_ROLE_LOCAL].is_silent = true;
	stage_begin(&s);
	(void)stage_write(&s, "eve@example.com", ann, 1, large);
	stage_sync(&s, true);
	stage_until(&s, &s.njobs, 1);
	(void)stage_write(&s, "eve@example.com", ann, 1, large);
	stage_sync(&s, true);
	stage_serve(&s, 1500);
	CHECK_NUM(s.njobs, 1, "the second waits");
	s.answer[IPC_ROLE_LOCAL].is_silent = false;
	stage_connect(&s, IPC_ROLE_LOCAL);
	stage_until(&s, &s.njobs, 2);		/* the first has ended */
	finish(&s);
}

/* --- PRV-3: whoever lies is cut off, and nothing changes --------------- */

static void
lie_accepted(struct stage *s)
{
	const struct intake_accepted m = { 1, 99, 4096 };

	stage_send(s->peers[IPC_ROLE_RECEIVER], &ipc_intake_accepted, &m, -1);
}
static void
lie_beyond_the_end(struct stage *s)
{
	const struct intake_accepted m = { 1, 1, UINT64_MAX };

	stage_send(s->peers[IPC_ROLE_RECEIVER], &ipc_intake_accepted, &m, -1);
}
static void
lie_sealed(struct stage *s)
{
	const struct intake_sealed m = { 12345, 1, 4096, 1 };

	stage_send(s->peers[IPC_ROLE_RECEIVER], &ipc_intake_sealed, &m, -1);
}
static void
lie_large(struct stage *s)
{
	const struct intake_large_used m = { 12345, 0 };

	stage_send(s->peers[IPC_ROLE_RECEIVER], &ipc_intake_large_used, &m,
	    -1);
}
static void
lie_announced_again(struct stage *s)
{
	stage_announce(s);
}
static void
lie_receiver_delivers(struct stage *s)
{
	const struct deliver_end m = { .job = s->job };

	stage_send(s->peers[IPC_ROLE_RECEIVER], &ipc_deliver_end, &m, -1);
}
static void
lie_other_job(struct stage *s)
{
	const struct deliver_result m = { .job = s->job + 1,
		.id = s->job_id, .fate = DELIVER_DONE };

	stage_send(s->peers[IPC_ROLE_LOCAL], &ipc_deliver_result, &m, -1);
}
static void
lie_other_message(struct stage *s)
{
	const struct deliver_result m = { .job = s->job,
		.fate = DELIVER_DONE };

	stage_send(s->peers[IPC_ROLE_LOCAL], &ipc_deliver_result, &m, -1);
}
static void
lie_other_slot(struct stage *s)
{
	const struct deliver_result m = { .job = s->job, .id = s->job_id,
		.slot = 1, .fate = DELIVER_DONE };

	stage_send(s->peers[IPC_ROLE_LOCAL], &ipc_deliver_result, &m, -1);
}
static void
lie_other_worker(struct stage *s)
{
	const struct deliver_result m = { .job = s->job, .id = s->job_id,
		.fate = DELIVER_DONE };

	stage_send(s->peers[IPC_ROLE_SENDER], &ipc_deliver_result, &m, -1);
}
static void
lie_end_of_other(struct stage *s)
{
	const struct deliver_end m = { .job = s->job };

	stage_send(s->peers[IPC_ROLE_SENDER], &ipc_deliver_end, &m, -1);
}
static void
lie_octets(struct stage *s)
{
	assert_int_equal(send(s->peers[IPC_ROLE_LOCAL], "\1\4\xff\xff\xff\xff",
	    6, 0), 6);
}

/* Answered, refused and over in one packet: three ends for one channel. */
static void
lie_three_at_once(struct stage *s)
{
	/* intake-announced, its length, no segment and no large file */
	static const uint8_t announced[] = { 3, 3, 2, 0, 0, 0, 0, 0 };
	uint8_t packet[3 * sizeof announced];

	for (size_t i = 0; i < 3; i++)
		memcpy(packet + i * sizeof announced, announced,
		    sizeof announced);
	stage_connect(s, IPC_ROLE_RECEIVER);
	assert_int_equal(send(s->peers[IPC_ROLE_RECEIVER], packet,
	    sizeof packet, 0), (ssize_t)sizeof packet);
}

static const struct {
	const char	*name;
	void	       (*tell)(struct stage *s);
	enum ipc_role	 who;
} lies[] = {
	{ "a wrong generation", lie_accepted, IPC_ROLE_RECEIVER },
	{ "beyond the end", lie_beyond_the_end, IPC_ROLE_RECEIVER },
	{ "nobody's segment", lie_sealed, IPC_ROLE_RECEIVER },
	{ "nobody's large file", lie_large, IPC_ROLE_RECEIVER },
	{ "announced twice", lie_announced_again, IPC_ROLE_RECEIVER },
	{ "a receiver that delivers", lie_receiver_delivers,
	    IPC_ROLE_RECEIVER },
	{ "another job", lie_other_job, IPC_ROLE_LOCAL },
	{ "another message", lie_other_message, IPC_ROLE_LOCAL },
	{ "another recipient", lie_other_slot, IPC_ROLE_LOCAL },
	{ "another's job", lie_other_worker, IPC_ROLE_SENDER },
	{ "the end of another's job", lie_end_of_other, IPC_ROLE_SENDER },
	{ "no message at all", lie_octets, IPC_ROLE_LOCAL },
	{ "three announcements at once", lie_three_at_once,
	    IPC_ROLE_RECEIVER },
};

static void
test_liars(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(lies); i++) {
		struct stage s = { 0 };

		s.answer[IPC_ROLE_LOCAL].is_silent = true;
		stage_begin(&s);
		(void)stage_write(&s, "eve@example.com", ann, 1, TEXT);
		stage_sync(&s, true);
		stage_until(&s, &s.nmessages, 1);
		lies[i].tell(&s);
		stage_until_cut(&s, lies[i].who);
		stage_serve(&s, 20);
		CHECK_NUM(s.cut.role, lies[i].who, "%s", lies[i].name);
		CHECK_NUM(s.cut.instance, s.instance[lies[i].who], "%s",
		    lies[i].name);
		CHECK(!stage_has_logged(&s, "delivered"), "%s",
		    lies[i].name);
		s.answer[IPC_ROLE_LOCAL].is_silent = false;
		stage_connect(&s, IPC_ROLE_LOCAL);
		stage_serve(&s, 50);
		stage_order(&s, STEER_QUEUE_RETRY, "");
		stage_until_logged(&s, "delivered");
		finish(&s);
	}
}

static const struct CMUnitTest tests[] = {
	TEST(test_to_a_mailbox, "DLV-1"),
	TEST(test_not_twice, "SPL-7 DLV-1"),
	TEST(test_recovered, "SPL-1"),
	TEST(test_alive, "OPS-6"),
	TEST(test_receiver_died_in_silence, "SPL-1"),
	TEST(test_receiver_died_while_we_were_born, "SPL-1"),
	TEST(test_lost_while_a_job_has_it, "SPL-5"),
	TEST(test_receiver_hangs_up_on_a_new_queue, "PRV-3"),
	TEST(test_to_another_server, ""),
	TEST(test_bounce, ""),
	TEST(test_notices_an_hour, "RLY-4"),
	TEST(test_no_bounce_for_the_null_path, "RLY-4"),
	TEST(test_no_such_domain, "DLV-6"),
	TEST(test_deferred_listed_retried_removed, "DLV-6 LOG-1"),
	TEST(test_worker_died, "SPL-7 DLV-1"),
	TEST(test_expired, "DLV-6"),
	TEST(test_octets_in_flight, "OPS-1"),
	TEST(test_held, ""),
	TEST(test_liars, "PRV-3 PRV-4"),
};

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
