/*
 * queue_stage.c - supervisor, receiver, resolver, lookup, sender, local and
 * admin for one queue.
 */
#include "queue_stage.h"
#include "program.h"

#include "io/channel.h"
#include "mail/content.h"
#include "os/clock.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY	65534u

void
stage_send(int to, const struct ipc_type *type, const void *msg, int fd)
{
	/* Somebody who has cut us off hears nothing. */
	(void)program_say(to, type, msg, fd);
}

/* --- workers ------------------------------------------------------------- */

static void
answer_recipients(struct stage *s, enum ipc_role role, uint64_t job,
    const struct deliver_message *m)
{
	const struct stage_answer *a = &s->answer[role];
	struct deliver_recipient r;
	struct span list = m->recipients;

	while (ipc_list_next(&ipc_deliver_recipient, &list, &r) == ERR_OK) {
		const struct deliver_result result = {
			.job = job, .id = m->id, .slot = r.slot,
			.fate = a->fate, .code = a->code,
			.status = span_str(a->status ? a->status : "2.0.0"),
			.remote = SPAN("mx.example.net"),
			.text = span_str(a->text ? a->text : "ok"),
		};

		stage_send(s->peers[role], &ipc_deliver_result, &result, -1);
	}
}

static void
see_message(struct stage *s, int fd, const struct deliver_message *m)
{
	uint8_t *p = malloc(m->size + 1);

	assert_non_null(p);
	assert_int_equal(pread(fd, p, m->size, (off_t)m->offset),
	    (ssize_t)m->size);
	assert_int_equal(buf_add(&s->contents, span_of(p, m->size)), ERR_OK);
	assert_int_equal(buf_addf(&s->reverse_paths, "<%.*s>",
	    SPAN_FMT(m->reverse_path)), ERR_OK);
	free(p);
	s->nmessages++;
}

static void
see_job(struct stage *s, enum ipc_role role, struct span payload, int fd)
{
	struct deliver_end end = { .is_kept = 0 };
	struct deliver_message m;
	struct deliver_job job;
	struct span list;
	uint8_t *p;

	assert_int_equal(ipc_decode(&ipc_deliver_job, payload, &job), ERR_OK);
	CHECK(file_is_sealed(fd), "nobody can change it");
	p = malloc(job.description);
	assert_non_null(p);
	assert_int_equal(pread(fd, p, job.description, 0),
	    (ssize_t)job.description);
	list = span_of(p, job.description);
	s->job = end.job = job.job;
	for (uint32_t i = 0; ipc_list_next(&ipc_deliver_message, &list, &m) ==
	    ERR_OK; i++) {
		if (i == 0)
			s->job_id = m.id;
		see_message(s, fd, &m);
		if (!s->answer[role].is_silent)
			answer_recipients(s, role, job.job, &m);
	}
	CHECK_NUM(list.n, 0, "the whole description");
	free(p);
	s->njobs++;
	end.is_site_bad = s->answer[role].is_site_bad;
	if (!s->answer[role].is_silent)
		stage_send(s->peers[role], &ipc_deliver_end, &end, -1);
}

/* --- resolver, lookup, admin, receiver ------------------------------------ */

static void
see_question(struct stage *s, struct span payload)
{
	struct buf addresses = buf_make(256), hosts = buf_make(1024);
	struct resolve_address a = { .address = SPAN("\xc0\x00\x02\x01") };
	struct resolve_host host = { .name = SPAN("mx.example.net"),
		.port = 25 };
	struct resolve_route_answer answer = { .status = s->resolve_status,
		.ttl_s = 300 };
	struct resolve_route m;

	s->nresolves++;
	assert_int_equal(ipc_decode(&ipc_resolve_route, payload, &m), ERR_OK);
	assert_int_equal(ipc_list_add(&ipc_resolve_address, &a, &addresses),
	    ERR_OK);
	host.addresses = buf_span(&addresses);
	assert_int_equal(ipc_list_add(&ipc_resolve_host, &host, &hosts),
	    ERR_OK);
	answer.tag = m.tag;
	answer.hosts = buf_span(&hosts);
	stage_send(s->peers[IPC_ROLE_RESOLVER], &ipc_resolve_route_answer,
	    &answer, -1);
	buf_free(&addresses);
	buf_free(&hosts);
}

static void
see_lookup(struct stage *s, struct span payload)
{
	struct lookup_rcpt_answer answer = { .route = s->lookup_route,
		.domain = SPAN("example.org"), .key = SPAN("ann") };
	struct lookup_rcpt m;

	s->nlookups++;
	assert_int_equal(ipc_decode(&ipc_lookup_rcpt, payload, &m), ERR_OK);
	answer.tag = m.tag;
	stage_send(s->peers[IPC_ROLE_LOOKUP], &ipc_lookup_rcpt_answer, &answer,
	    -1);
}

static void
see_admin(struct stage *s, uint16_t type, struct span payload)
{
	struct event_line line;
	struct steer_row row;

	if (type == ipc_event_line.number &&
	    ipc_decode(&ipc_event_line, payload, &line) == ERR_OK) {
		assert_int_equal(buf_add(&s->log, line.text), ERR_OK);
		assert_int_equal(buf_addc(&s->log, '\n'), ERR_OK);
	} else if (type == ipc_steer_row.number &&
	    ipc_decode(&ipc_steer_row, payload, &row) == ERR_OK) {
		assert_int_equal(buf_add(&s->rows, row.json), ERR_OK);
		assert_int_equal(buf_addc(&s->rows, '\n'), ERR_OK);
	} else if (type == ipc_steer_end.number) {
		assert_int_equal(ipc_decode(&ipc_steer_end, payload, &s->end),
		    ERR_OK);
		/* The packet's place is the next one's, too. */
		buf_cut(&s->why, 0);
		assert_int_equal(buf_add(&s->why, s->end.why), ERR_OK);
		s->end.why = buf_span(&s->why);
		s->has_ended = true;
	}
}

static void
see_intake(struct stage *s, uint16_t type, struct span payload, int fd)
{
	struct intake_segment segment;
	struct intake_large large;
	struct intake_state state;

	if (type == ipc_intake_segment.number) {
		assert_int_equal(ipc_decode(&ipc_intake_segment, payload,
		    &segment), ERR_OK);
		const struct spool_grant g = { segment.segment,
			segment.generation, segment.offset, segment.size,
			dup(fd) };

		assert_int_equal(spool_writer_adopt(s->writer, &g), ERR_OK);
	} else if (type == ipc_intake_large.number) {
		assert_int_equal(ipc_decode(&ipc_intake_large, payload,
		    &large), ERR_OK);
		assert_int_equal(spool_writer_adopt_large(s->writer,
		    large.large, dup(fd)), ERR_OK);
	} else if (type == ipc_intake_state.number) {
		assert_int_equal(ipc_decode(&ipc_intake_state, payload,
		    &state), ERR_OK);
		s->mode = state.mode;
	}
}

static void
see_alive(struct stage *s, struct span payload)
{
	struct control_alive m;

	assert_int_equal(ipc_decode(&ipc_control_alive, payload, &m), ERR_OK);
	if (m.word == CONTROL_ANSWERS)
		s->nanswers++;
	else if (m.word == CONTROL_SYNCS)
		s->nsyncing++;
	else
		s->nworking++;
}

static void
see_frame(struct stage *s, enum ipc_role role, uint16_t type,
    struct span payload, int fd)
{
	switch (role) {
	case IPC_ROLE_SUPERVISOR:
		s->is_ready |= type == ipc_control_ready.number;
		if (type == ipc_control_cut.number)
			assert_int_equal(ipc_decode(&ipc_control_cut, payload,
			    &s->cut), ERR_OK);
		if (type == ipc_control_alive.number)
			see_alive(s, payload);
		break;
	case IPC_ROLE_ADMIN:
		see_admin(s, type, payload);
		break;
	case IPC_ROLE_RECEIVER:
		see_intake(s, type, payload, fd);
		break;
	case IPC_ROLE_RESOLVER:
		see_question(s, payload);
		break;
	case IPC_ROLE_LOOKUP:
		see_lookup(s, payload);
		break;
	default:
		see_job(s, role, payload, fd);
		break;
	}
}

/* One packet; false: the other end has gone. */
static bool
see_packet(struct stage *s, enum ipc_role role, int from)
{
	static uint8_t packet[CHANNEL_PACKET_MAX];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec iov = { packet, sizeof packet };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(from, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct span rest, payload;
	struct cmsghdr *h;
	uint16_t type;
	int fd = -1;

	if (n <= 0)
		return false;
	h = CMSG_FIRSTHDR(&m);
	if (h != NULL)
		memcpy(&fd, CMSG_DATA(h), sizeof fd);
	rest = span_of(packet, (size_t)n);
	while (channel_frame_next(&rest, &type, &payload) == ERR_OK)
		see_frame(s, role, type, payload, fd);
	if (fd >= 0)
		(void)close(fd);
	return true;
}

static void
serve_once(struct stage *s, int ms)
{
	struct pollfd p[IPC_ROLE_COUNT];

	s->peers[IPC_ROLE_SUPERVISOR] = s->control;
	for (size_t i = 0; i < IPC_ROLE_COUNT; i++)
		p[i] = (struct pollfd){ s->peers[i], POLLIN, 0 };
	(void)poll(p, IPC_ROLE_COUNT, ms);
	for (size_t i = 0; i < IPC_ROLE_COUNT; i++)
		if (p[i].revents != 0 &&
		    !see_packet(s, (enum ipc_role)i, s->peers[i])) {
			(void)close(s->peers[i]);
			s->peers[i] = -1;
			if (i == IPC_ROLE_SUPERVISOR)
				s->control = -1;
		}
}

static uint64_t
deadline(int ms)
{
	return clock_mono_ms() + (uint64_t)ms;
}

static void
fail_with_log(const struct stage *s, const char *what)
{
	print_error("waited in vain for %s; the log:\n%.*s\n", what,
	    SPAN_FMT(s->log));
	fail();
}

void
stage_until(struct stage *s, const uint32_t *what, uint32_t n)
{
	uint64_t end = deadline(PATIENCE_MS);

	while (*what < n && clock_mono_ms() < end)
		serve_once(s, 50);
	if (*what < n)
		fail_with_log(s, "a count");
}

void
stage_until_true(struct stage *s, const bool *what)
{
	uint64_t end = deadline(PATIENCE_MS);

	while (!*what && clock_mono_ms() < end)
		serve_once(s, 50);
	if (!*what)
		fail_with_log(s, "a sign");
}

void
stage_serve(struct stage *s, int ms)
{
	uint64_t end = deadline(ms);

	while (clock_mono_ms() < end)
		serve_once(s, 20);
}

void
stage_until_cut(struct stage *s, enum ipc_role role)
{
	uint64_t end = deadline(PATIENCE_MS);

	while (s->peers[role] != -1 && clock_mono_ms() < end)
		serve_once(s, 50);
	if (s->peers[role] != -1)
		fail_with_log(s, "being cut off");
}

bool
stage_has_logged(const struct stage *s, const char *words)
{
	return span_find_span(buf_span(&s->log), span_str(words)) < s->log.n;
}

void
stage_until_logged(struct stage *s, const char *words)
{
	uint64_t end = deadline(PATIENCE_MS);

	while (!stage_has_logged(s, words) && clock_mono_ms() < end)
		serve_once(s, 50);
	if (!stage_has_logged(s, words))
		fail_with_log(s, words);
}

/* --- the program ------------------------------------------------------- */

static int
config_text(const struct stage *s)
{
	struct buf text = buf_make(4096);
	int fd;

	assert_int_equal(buf_addf(&text, "hostname mx.example.org\n"
	    "spool %s\nsegment-size 1M\n%s"
	    "domain example.org {\n\tusers file %s/users\n"
	    "\tdeliver maildir %s/{domain}/{user}\n}\n", s->spool,
	    s->config != NULL ? s->config : "", s->spool, s->spool), ERR_OK);
	fd = program_config(buf_span(&text));
	buf_free(&text);
	return fd;
}

void
stage_connect(struct stage *s, enum ipc_role role)
{
	struct control_channel m = { .role = (uint8_t)role,
		.instance = ++s->instances };
	int pair[2];

	assert_int_equal(channel_pair(pair), ERR_OK);
	if (s->peers[role] != -1)
		(void)close(s->peers[role]);
	s->peers[role] = pair[0];
	s->instance[role] = m.instance;
	stage_send(s->control, &ipc_control_channel, &m, pair[1]);
	(void)close(pair[1]);
}

static void
make_spool(struct stage *s, struct control_start *start)
{
	if (s->spool[0] == '\0') {
		(void)strcpy(s->spool, "/tmp/posthorse-queue-XXXXXX");
		assert_non_null(mkdtemp(s->spool));
	}
	if (geteuid() != 0)
		return;
	start->uid = start->gid = NOBODY;
	assert_int_equal(chown(s->spool, NOBODY, NOBODY), 0);
}

void
stage_announce(struct stage *s)
{
	struct intake_announced m = {
		.segments = (uint8_t)(2 - spool_writer_wants(s->writer)),
	};

	stage_send(s->peers[IPC_ROLE_RECEIVER], &ipc_intake_announced, &m, -1);
}

void
stage_begin(struct stage *s)
{
	static const enum ipc_role roles[] = { IPC_ROLE_ADMIN, IPC_ROLE_LOOKUP,
		IPC_ROLE_RESOLVER, IPC_ROLE_LOCAL, IPC_ROLE_SENDER,
		IPC_ROLE_RECEIVER };
	struct control_start start = { .role = IPC_ROLE_QUEUE,
		.uid = UINT32_MAX, .gid = UINT32_MAX,
		.is_sandbox_optional = 0 };
	struct control_file file = { .purpose = SPAN("spool") };
	struct control_ended ended = { .role = IPC_ROLE_RECEIVER };
	struct control_go go = { 0 };
	int fd;

	for (size_t i = 0; i < IPC_ROLE_COUNT; i++)
		s->peers[i] = -1;
	if (s->log.limit == 0) {
		s->log = buf_make(16u << 20);
		s->rows = buf_make(1u << 20);
		s->why = buf_make(1u << 12);
		s->contents = buf_make(128u << 20);
		s->reverse_paths = buf_make(1u << 20);
		s->files = spool_files_posix();
		s->lookup_route = LOOKUP_LOCAL;
	}
	start.instance = ++s->instances;
	make_spool(s, &start);
	if (s->writer == NULL)
		assert_int_equal(spool_writer_new(&s->files, &s->writer),
		    ERR_OK);
	s->is_ready = false;
	s->pid = program_start(QUEUE_PROGRAM, &s->control);
	fd = config_text(s);
	stage_send(s->control, &ipc_control_start, &start, fd);
	(void)close(fd);
	fd = open(s->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stage_send(s->control, &ipc_control_file, &file, fd);
	(void)close(fd);
	for (size_t i = 0; i < COUNT(roles); i++)
		stage_connect(s, roles[i]);
	if (s->is_receiver_gone) {
		ended.instance = s->instance[IPC_ROLE_RECEIVER];
		stage_send(s->control, &ipc_control_ended, &ended, -1);
	}
	stage_send(s->control, &ipc_control_go, &go, -1);
	stage_until_true(s, &s->is_ready);
	if (!s->is_mute)
		stage_announce(s);
	stage_until_logged(s, "queue-open");
}

static int
wait_for(struct stage *s)
{
	uint64_t end = deadline(PATIENCE_MS);
	int status = 0;
	pid_t got;

	/* It may want to say something yet. */
	while ((got = waitpid(s->pid, &status, WNOHANG)) == 0 &&
	    clock_mono_ms() < end)
		serve_once(s, 10);
	if (got == 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
	}
	for (size_t i = 0; i < IPC_ROLE_COUNT; i++)
		if (s->peers[i] != -1 && i != IPC_ROLE_SUPERVISOR)
			(void)close(s->peers[i]);
	if (s->control != -1)
		(void)close(s->control);
	return status;
}

int
stage_kill(struct stage *s)
{
	(void)kill(s->pid, SIGKILL);
	return wait_for(s);
}

int
stage_stop(struct stage *s)
{
	const struct control_stop m = { .within_ms = 5000 };

	stage_send(s->control, &ipc_control_stop, &m, -1);
	return wait_for(s);
}

void
stage_end(struct stage *s)
{
	char command[128];

	spool_writer_free(s->writer);
	buf_free(&s->log);
	buf_free(&s->rows);
	buf_free(&s->why);
	buf_free(&s->contents);
	buf_free(&s->reverse_paths);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", s->spool);
	assert_int_equal(system(command), 0);
}

/* --- mail -------------------------------------------------------------- */

static void
envelope_of(struct buf *to, struct buf *list, const struct msg_id *id,
    const char *from, const char *const *rcpts, size_t n,
    const struct stage *s)
{
	struct envelope e = { .id = *id, .arrived_ms = clock_wall_ms(),
		.flags = s->flags, .hold_ms = s->hold_ms,
		.by_ms = s->by_ms, .by_mode = s->by_mode,
		.reverse_path = span_str(from), .client = SPAN("192.0.2.9"),
		.nrecipients = (uint32_t)n };

	for (size_t i = 0; i < n; i++) {
		struct envelope_recipient r = { .address = span_str(rcpts[i]),
			.route = ENVELOPE_REMOTE };

		if (span_ends_nocase(r.address, SPAN("@example.org"))) {
			r.route = ENVELOPE_LOCAL;
			r.domain = SPAN("example.org");
			r.key = span_of(rcpts[i], r.address.n - 12);
		}
		assert_int_equal(envelope_add_recipient(list, &r), ERR_OK);
	}
	e.recipients = buf_span(list);
	assert_int_equal(envelope_encode(&e, to), ERR_OK);
}

/* Content that does not go into a segment; the queue gives us files for it. */
static void
write_large(struct stage *s, struct spool_large *large, struct span text)
{
	for (int i = 0; spool_large_begin(s->writer, large) != ERR_OK; i++) {
		assert_true(i < 200);
		serve_once(s, 50);
	}
	assert_int_equal(spool_large_add(s->writer, large, text), ERR_OK);
}

struct msg_id
stage_write(struct stage *s, const char *from, const char *const *to,
    size_t nto, const char *content)
{
	struct buf envelope = buf_make(ENVELOPE_MAX);
	struct buf list = buf_make(ENVELOPE_MAX);
	struct span text = span_str(content);
	struct content_facts facts;
	struct content_scan scan;
	struct spool_large large;
	uint8_t random[10];
	uint64_t ticket;
	struct msg_id id;

	clock_random(random, sizeof random);
	id = msg_id_make(clock_wall_ms(), random);
	envelope_of(&envelope, &list, &id, from, to, nto, s);
	content_scan_begin(&scan, SPAN("mx.example.org"));
	content_scan_feed(&scan, text);
	facts = content_scan_end(&scan);
	struct spool_message m = { .id = &id,
		.envelope = buf_span(&envelope),
		.added = SPAN("Received: by mx.example.org; then\r\n"),
		.content = &text, .ncontent = 1, .facts = &facts };

	for (int i = 0; spool_writer_wants(s->writer) == 2 && i < 200; i++)
		serve_once(s, 50);
	if (text.n > SPOOL_INLINE_MAX) {
		write_large(s, &large, text);
		m.large = &large;
		m.ncontent = 0;
	}
	assert_int_equal(spool_append(s->writer, &m, &ticket), ERR_OK);
	buf_free(&envelope);
	buf_free(&list);
	return id;
}

void
stage_sync(struct stage *s, bool is_told)
{
	struct spool_note note;
	struct spool_job job;

	assert_true(spool_writer_wants_sync(s->writer));
	spool_writer_begin_sync(s->writer, &job);
	spool_job_run(&job);
	(void)spool_writer_end_sync(s->writer, &job);
	while (spool_writer_next_note(s->writer, &note)) {
		const struct intake_accepted m = { note.number,
			note.generation, note.durable };

		if (note.kind == SPOOL_NOTE_DURABLE && is_told)
			stage_send(s->peers[IPC_ROLE_RECEIVER],
			    &ipc_intake_accepted, &m, -1);
		if (note.kind == SPOOL_NOTE_LARGE && is_told)
			stage_send(s->peers[IPC_ROLE_RECEIVER],
			    &ipc_intake_large_used,
			    &(struct intake_large_used){ note.number,
				note.is_bad }, -1);
	}
}

void
stage_order(struct stage *s, enum steer_verb verb, const char *argument)
{
	const struct steer_ask m = { .tag = 7, .verb = (uint8_t)verb,
		.argument = span_str(argument) };

	buf_cut(&s->rows, 0);
	s->has_ended = false;
	stage_send(s->peers[IPC_ROLE_ADMIN], &ipc_steer_ask, &m, -1);
	stage_until_true(s, &s->has_ended);
}
