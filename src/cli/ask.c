/*
 * ask.c - one question, one answer: blocking, for a person waits for it.
 */
#include "cli/ask.h"

#include "io/channel.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
complain_connect(const char *path)
{
	if (errno == ENOENT || errno == ECONNREFUSED) {
		cli_complain("the server does not run: nobody answers at %s",
		    path);
		return EX_UNAVAILABLE;
	}
	if (errno == EACCES || errno == EPERM) {
		cli_complain("you may not use %s: root may, the user that the "
		    "server runs as, and the control group", path);
		return EX_NOPERM;
	}
	cli_complain("cannot reach %s: %s", path, strerror(errno));
	return EX_OSERR;
}

static int
connect_control(const char *path, int *out)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, status;

	if (strlen(path) >= sizeof to.sun_path) {
		cli_complain("%s is too long for a socket", path);
		return EX_CONFIG;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) {
		*out = fd;
		return EX_OK;
	}
	status = complain_connect(path);
	if (fd >= 0)
		(void)close(fd);
	return status;
}

static bool
send_ask(int fd, const struct cli_ask *ask)
{
	struct steer_ask m = ask->filter;
	struct buf payload = buf_make(IPC_PAYLOAD_MAX);
	struct buf packet = buf_make(CHANNEL_PACKET_MAX);
	struct pack w = { .to = &packet };
	bool is_sent = false;

	m.tag = 1;
	m.verb = (uint8_t)ask->verb;
	m.argument = ask->argument != NULL ? span_str(ask->argument) :
	    SPAN("");
	if (ipc_encode(&ipc_steer_ask, &m, &payload) == ERR_OK) {
		pack_u16(&w, ipc_steer_ask.number);
		pack_octets(&w, buf_span(&payload));
		is_sent = w.error == ERR_OK &&
		    send(fd, packet.p, packet.n, MSG_NOSIGNAL) ==
		    (ssize_t)packet.n;
	}
	buf_free(&payload);
	buf_free(&packet);
	return is_sent;
}

/* ERR_AGAIN: more is to come; ERR_NONE: refused; ERR_SYNTAX: nonsense. */
static enum err
take_frame(struct cli_ask *ask, uint16_t type, struct span payload)
{
	struct steer_row row;
	struct steer_end end;

	if (type == ipc_steer_row.number) {
		if (ipc_decode(&ipc_steer_row, payload, &row) != ERR_OK)
			return ERR_SYNTAX;
		if (ask->row != NULL)
			ask->row(ask->ctx, row.json);
		return ERR_AGAIN;
	}
	if (type != ipc_steer_end.number ||
	    ipc_decode(&ipc_steer_end, payload, &end) != ERR_OK)
		return ERR_SYNTAX;
	ask->count = end.count;
	ask->busy = end.busy;
	if (end.is_ok)
		return ERR_OK;
	cli_complain("%.*s", SPAN_FMT(end.why));
	return ERR_NONE;
}

static enum err
take_packet(struct cli_ask *ask, struct span packet)
{
	enum err e = ERR_AGAIN;
	struct span payload;
	uint16_t type;

	while (e == ERR_AGAIN && packet.n > 0) {
		if (channel_frame_next(&packet, &type, &payload) != ERR_OK)
			return ERR_SYNTAX;
		e = take_frame(ask, type, payload);
	}
	return e;
}

static enum err
take_answer(int fd, struct cli_ask *ask)
{
	struct buf b = buf_make(CHANNEL_PACKET_MAX);
	enum err e = buf_room(&b, CHANNEL_PACKET_MAX);

	if (e == ERR_OK)
		e = ERR_AGAIN;
	while (e == ERR_AGAIN) {
		ssize_t n = recv(fd, b.p, CHANNEL_PACKET_MAX, 0);

		if (n < 0 && errno == EINTR)
			continue;
		e = n <= 0 ? ERR_CLOSED :
		    take_packet(ask, span_of(b.p, (size_t)n));
		(void)fflush(stdout);
	}
	buf_free(&b);
	return e;
}

static int
status_of(enum err e)
{
	if (e == ERR_OK)
		return EX_OK;
	if (e == ERR_CLOSED)
		cli_complain("the server ended the conversation");
	else if (e != ERR_NONE)
		cli_complain("the server's answer makes no sense: %s",
		    err_name(e));
	return e == ERR_NONE ? 1 : EX_PROTOCOL;
}

static void
wait_for_end(int fd)
{
	uint8_t octet;

	while (recv(fd, &octet, 1, 0) > 0)
		continue;
}

static int
ask_and_maybe_wait(const struct cli *cli, struct cli_ask *ask, bool is_end)
{
	struct config *c = cli_config(cli);
	int fd, status;

	if (c == NULL)
		return EX_CONFIG;
	status = connect_control(c->control_socket, &fd);
	config_free(c);
	if (status != EX_OK)
		return status;
	status = send_ask(fd, ask) ? status_of(take_answer(fd, ask)) :
	    status_of(ERR_CLOSED);
	if (is_end && status == EX_OK)
		wait_for_end(fd);
	(void)close(fd);
	return status;
}

int
cli_ask(const struct cli *cli, struct cli_ask *ask)
{
	return ask_and_maybe_wait(cli, ask, false);
}

int
cli_ask_end(const struct cli *cli, struct cli_ask *ask)
{
	return ask_and_maybe_wait(cli, ask, true);
}

void
cli_row_print(void *ctx UNUSED, struct span json)
{
	(void)fwrite(json.p, 1, json.n, stdout);
	(void)fputc('\n', stdout);
}
