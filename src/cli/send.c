/*
 * send.c - `posthorse send`: what programs of this host hand in.
 */
#include "cli/rows.h"
#include "cli/send.h"
#include "cli/send_dialogue.h"
#include "cli/send_fields.h"
#include "mail/address.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define RECIPIENTS_MAX	(1000u * 256)	/* octets of all addresses */
#define WAIT_S		600		/* RFC 5321 4.5.3.2.6 */
#define SAID_MAX	512

struct job {
	const struct config	*c;
	const struct send_order	*order;
	struct buf		 list;	/* a NUL behind each */
	struct buf		 text, content;
};

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = WAIT_S };
	int fd;

	if (strlen(path) >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
	    connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static enum err
read_input(struct buf *to)
{
	for (;;) {
		enum err e = buf_room(to, 1);
		ssize_t n;

		if (e != ERR_OK)
			return e;
		n = read(STDIN_FILENO, buf_end(to), to->room - to->n);
		if (n < 0 && errno != EINTR)
			return ERR_IO;
		if (n == 0)
			return ERR_OK;
		if (n > 0)
			buf_grew(to, (size_t)n);
	}
}

/* A name alone is a user here: of the first domain, or of this host. */
static enum err
qualify(struct job *j)
{
	struct buf whole = buf_make(2 * RECIPIENTS_MAX);
	struct span rest = buf_span(&j->list);
	const char *domain = j->c->ndomains > 0 ? j->c->domains[0].name :
	    j->c->hostname;
	enum err e = ERR_OK;

	while (rest.n > 0 && e == ERR_OK) {
		struct span one = span_take(&rest, span_find(rest, '\0'));
		struct span local, host;

		rest = span_skip(rest, 1);
		e = buf_add(&whole, one);
		if (e == ERR_OK && !addr_split(one, &local, &host))
			e = buf_addf(&whole, "@%s", domain);
		if (e == ERR_OK)
			e = buf_addc(&whole, '\0');
	}
	buf_free(&j->list);
	j->list = whole;
	return e;
}

/* Addresses of the command line: no octet of theirs ends our command. */
static enum err
add_recipients(struct job *j)
{
	for (char **to = j->order->to; *to != NULL; to++) {
		struct span one = span_str(*to);

		if (one.n > 2 && one.p[0] == '<' && one.p[one.n - 1] == '>')
			one = span_of(one.p + 1, one.n - 2);
		for (size_t i = 0; i < one.n; i++)
			if (one.p[i] < ' ' || one.p[i] == 0x7f)
				return ERR_SYNTAX;
		if (buf_add(&j->list, one) != ERR_OK ||
		    buf_addc(&j->list, '\0') != ERR_OK)
			return ERR_FULL;
	}
	return ERR_OK;
}

static enum err
read_message(struct job *j)
{
	struct buf canonical = buf_make(j->text.limit);
	enum err e = read_input(&j->text);

	if (e == ERR_OK)
		e = send_canonical(buf_span(&j->text), j->order->from_fields ?
		    &canonical : &j->content);
	if (e == ERR_OK && j->order->from_fields)
		e = send_recipients(buf_span(&canonical), &j->list,
		    &j->content);
	buf_free(&canonical);
	if (e == ERR_OK)
		e = add_recipients(j);
	return e != ERR_OK ? e : qualify(j);
}

/* Login name and host name, unless -f said another: a name alone is of here. */
static void
own_address(const struct job *j, char *to, size_t room)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *from = j->order->from;
	struct span local, host;
	bool is_whole = from != NULL &&
	    addr_split(span_str(from), &local, &host);

	if (from != NULL && (from[0] == '\0' || strcmp(from, "<>") == 0))
		to[0] = '\0';
	else if (from != NULL)
		(void)snprintf(to, room, "%s%s%s", from, is_whole ? "" : "@",
		    is_whole ? "" : j->c->hostname);
	else if (pw != NULL)
		(void)snprintf(to, room, "%s@%s", pw->pw_name,
		    j->c->hostname);
	else
		(void)snprintf(to, room, "uid-%lu@%s",
		    (unsigned long)getuid(), j->c->hostname);
}

static int
hand_in(const struct job *j)
{
	char from[CONFIG_WORD_MAX], said[SAID_MAX];
	struct send_message m = {
		.hostname = span_str(j->c->hostname),
		.recipients = buf_span(&j->list),
		.content = buf_span(&j->content),
	};
	int fd = connect_to(j->c->submission_socket), status;

	if (fd < 0) {
		cli_complain("no server at %s: %s", j->c->submission_socket,
		    strerror(errno));
		return EX_TEMPFAIL;
	}
	own_address(j, from, sizeof from);
	m.reverse_path = span_str(from);
	if (span_find(m.reverse_path, '\n') < m.reverse_path.n ||
	    span_find(m.reverse_path, '\r') < m.reverse_path.n) {
		(void)close(fd);
		return cli_usage("send", "-f is not an address");
	}
	status = send_dialogue(fd, &m, said, sizeof said);
	(void)close(fd);
	if (status == EX_OK && j->order->is_json)
		row_print(json_pack("{s:s}", "reply", said));
	else if (status == EX_OK && !j->order->is_silent)
		(void)printf("%s\n", said);
	else if (status != EX_OK)
		cli_complain("not sent: %s", said);
	return status;
}

static int
run(struct job *j)
{
	enum err e;

	j->text = buf_make(j->c->limits.message_size);
	/* Each line may grow by one octet. */
	j->content = buf_make(2 * j->c->limits.message_size);
	j->list = buf_make(RECIPIENTS_MAX);
	e = read_message(j);
	if (e == ERR_FULL) {
		cli_complain("the message or its list of recipients is too "
		    "large");
		return EX_DATAERR;
	}
	if (e == ERR_SYNTAX)
		return cli_usage("send", "a recipient is not an address");
	if (e != ERR_OK) {
		cli_complain("standard input: %s", err_name(e));
		return EX_IOERR;
	}
	if (j->list.n == 0)
		return cli_usage("send", j->order->from_fields ?
		    "the message names no recipient" :
		    "to whom? name recipients, or say -t");
	return hand_in(j);
}

/* -i and -o... are taken and mean nothing: programs type them for sendmail. */
static int
options(struct send_order *o, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "-f") == 0 && i + 1 < argc)
			o->from = argv[++i];
		else if (strncmp(argv[i], "-f", 2) == 0 && argv[i][2] != '\0')
			o->from = argv[i] + 2;
		else if (strcmp(argv[i], "-t") == 0)
			o->from_fields = true;
		else if (strcmp(argv[i], "-i") != 0 &&
		    strncmp(argv[i], "-o", 2) != 0)
			return cli_usage("send", "send has no option \"%s\"",
			    argv[i]);
	}
	o->to = argv + i;
	return EX_OK;
}

int
send_order_run(const struct cli *cli, const struct send_order *order)
{
	struct job j = { .order = order };
	struct config *c = cli_config(cli);
	int status;

	if (c == NULL)
		return EX_CONFIG;
	j.c = c;
	status = run(&j);
	buf_free(&j.text);
	buf_free(&j.content);
	buf_free(&j.list);
	config_free(c);
	return status;
}

int
cli_send(const struct cli *cli, int argc, char **argv)
{
	struct send_order order = { .is_json = cli->is_json };
	int status = options(&order, argc, argv);

	return status == EX_OK ? send_order_run(cli, &order) : status;
}
