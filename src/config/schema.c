/*
 * schema.c - every setting as a row: parser, checks and manual come from it.
 */
#include "config/schema.h"
#include "config/suggest.h"
#include "config/value.h"

#define OF(member)	offsetof(struct config, member)
#define LIMIT(member)	offsetof(struct config, limits.member)

#define KIB	(UINT64_C(1) << 10)
#define MIB	(UINT64_C(1) << 20)
#define GIB	(UINT64_C(1) << 30)
#define MINUTE	UINT64_C(60)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* NAME, TYPE, OFFSET, MIN, MAX, DEFAULT, SENTENCE */
#define TOP(name, type, offset, min, max, fallback, sentence) \
	{ name, SCOPE_TOP, &type, offset, min, max, fallback, sentence, 0, \
	  SCOPE_TOP }
#define OPENS(name, scope, flags, sentence) \
	{ name, SCOPE_TOP, &value_object, 0, 0, 0, NULL, sentence, flags, \
	  scope }
#define OPTION(name, scope, type, offset, flags, sentence) \
	{ name, scope, &type, offset, 0, 0, NULL, sentence, flags, SCOPE_TOP }

/* One table; a line a row reads better here than eighty columns. */
/* clang-format off */
const struct schema_row schema_rows[] = {
	{ "include", SCOPE_TOP, &value_include, 0, 0, 0, NULL,
	    "Go on in another file, then here again; FILE is relative to the "
	    "folder of this one.", SCHEMA_MANY, SCOPE_TOP },
	TOP("hostname", value_host, OF(hostname), 0, 0, NULL,
	    "The name of this host in greetings, Received fields and "
	    "bounces; without it the system's own."),
	OPENS("tls", SCOPE_TLS, 0,
	    "The certificate that is shown to clients."),
	OPENS("listen", SCOPE_LISTEN, SCHEMA_MANY,
	    "Open a port; without any only the local submission socket "
	    "exists."),
	OPENS("domain", SCOPE_DOMAIN, SCHEMA_MANY,
	    "A domain whose mail ends here."),
	OPENS("relay", SCOPE_RELAY, SCHEMA_MANY,
	    "Give the mail for DOMAIN, or without one all that goes out, to "
	    "this server instead of asking DNS; it opens nothing to "
	    "strangers."),

	TOP("resolver", value_servers, 0, 0, 0, NULL,
	    "Forward DNS questions to these servers; without it to those of "
	    "/etc/resolv.conf. Answers are validated here either way. Servers "
	    "of /etc/resolv.conf that strip DNSSEC are passed over: the root "
	    "is asked. One named here is not; the log says so and mail "
	    "waits."),
	TOP("trust-anchor", value_path, OF(trust_anchor), 0, 0, NULL,
	    "DNSSEC anchors instead of the system's."),
	TOP("mx-port", value_port, OF(mx_port), 1, 65535, "25",
	    "Port of the servers found in DNS; another than 25 is for "
	    "tests."),
	TOP("ca-file", value_path, OF(ca_file), 0, 0, NULL,
	    "Certificate authorities for relays instead of the system's."),
	TOP("allow private targets", value_flag,
	    OF(is_private_target_allowed), 0, 0, "no",
	    "Deliver to private and loopback addresses that DNS names; "
	    "without a value it means yes."),
	TOP("hold deliveries", value_flag,
	    OF(is_delivery_held), 0, 0, "no",
	    "Take mail in and keep it: nothing is delivered."),
	TOP("allow no sandbox", value_flag, OF(is_no_sandbox_allowed),
	    0, 0, "no",
	    "Start although this kernel has no Landlock or no seccomp."),

	TOP("spool", value_path, OF(spool), 0, 0, "/var/spool/posthorse",
	    "Folder of the mail that is on its way."),
	TOP("segment-size", value_octets, OF(segment_size), MIB, GIB, "64M",
	    "Size of one spool file, a multiple of 4096."),
	TOP("control socket", value_path, OF(control_socket), 0, 0,
	    "/run/posthorse/control",
	    "Where queue, trace, log and stop reach the server."),
	TOP("control group", value_word, OF(control_group), 0, 0, NULL,
	    "Group that may read through the control socket."),
	TOP("submission socket", value_path, OF(submission_socket), 0, 0,
	    "/run/posthorse/submission",
	    "Where programs of this host hand in mail."),

	TOP("receivers", value_count, OF(receivers), 1, 64, NULL,
	    "Processes that talk with clients; without it one a core."),
	TOP("senders", value_count, OF(senders), 1, 64, "1",
	    "Processes that talk with other servers."),
	TOP("user smtp", value_user, OF(user[CONFIG_USER_SMTP]), 0, 0,
	    "ph-smtp", "Whom the receivers run as."),
	TOP("user lookup", value_user, OF(user[CONFIG_USER_LOOKUP]), 0, 0,
	    "ph-lookup", "Whom the password checks run as."),
	TOP("user dns", value_user, OF(user[CONFIG_USER_DNS]), 0, 0,
	    "ph-dns", "Whom the resolver runs as."),
	TOP("user queue", value_user, OF(user[CONFIG_USER_QUEUE]), 0, 0,
	    "ph-queue", "Who owns the spool."),
	TOP("user send", value_user, OF(user[CONFIG_USER_SEND]), 0, 0,
	    "ph-send", "Whom the senders run as."),
	TOP("user mail", value_user, OF(user[CONFIG_USER_MAIL]), 0, 0,
	    "ph-mail", "Who owns the mailboxes."),
	TOP("user admin", value_user, OF(user[CONFIG_USER_ADMIN]), 0, 0,
	    "ph-admin", "Who owns logs and history."),

	TOP("log to", value_log_to, 0, 0, 0, "stdout",
	    "Where log lines go; SIGHUP opens a file or syslog's socket anew."),
	TOP("log level", value_log_level, OF(log_level), 0, 0, "info",
	    "The least important lines that are kept."),
	TOP("history directory", value_path, OF(history), 0, 0,
	    "/var/lib/posthorse/history",
	    "What trace and log look in."),
	TOP("history keep", value_seconds, OF(history_keep), DAY, 3650 * DAY,
	    "30d", "How long events are kept."),
	TOP("history size", value_octets, OF(history_size), MIB, 1024 * GIB,
	    "1G", "How much of them; the oldest go first."),

	TOP("retry first", value_seconds, OF(retry.first), 1, DAY, "300s",
	    "From a failed attempt to the second."),
	TOP("retry growth", value_factor, OF(retry.growth), 100, 1000, "1.5",
	    "How much longer each next wait is."),
	TOP("retry jitter", value_percent, OF(retry.jitter), 0, 50, "20%",
	    "How far a wait is moved at random, either way."),
	TOP("retry cap", value_seconds, OF(retry.cap), 1, 7 * DAY, "2h",
	    "The longest wait."),
	TOP("retry lifetime", value_seconds, OF(retry.lifetime), 1,
	    365 * DAY, "5d", "When to give up and return the message."),
	TOP("retry bounce-lifetime", value_seconds,
	    OF(retry.bounce_lifetime), 1, 365 * DAY, "2d",
	    "When to give up a message with the null reverse-path."),

	TOP("limit message-size", value_octets, LIMIT(message_size),
	    64 * KIB, GIB, "50M", "The largest message taken."),
	TOP("limit recipients", value_count, LIMIT(recipients), 100, 1000,
	    "1000", "Recipients of one message, then 452."),
	TOP("limit sessions", value_count, LIMIT(sessions), 1, 1000000,
	    "10000", "Sessions in all."),
	TOP("limit sessions-per-address", value_count,
	    LIMIT(sessions_per_address), 1, 1000000, "30",
	    "Sessions from one IPv4 address or IPv6 /64."),
	TOP("limit sessions-per-network", value_count,
	    LIMIT(sessions_per_network), 1, 1000000, "200",
	    "Sessions from one IPv4 /24 or IPv6 /48."),
	TOP("limit connections-per-minute", value_count,
	    LIMIT(connections_per_minute), 1, 1000000, "120",
	    "New connections from one address."),
	TOP("limit handshakes", value_count, LIMIT(handshakes), 1, 1000000,
	    "1000", "Unfinished TLS handshakes in all."),
	TOP("limit handshakes-per-minute", value_count,
	    LIMIT(handshakes_per_minute), 1, 1000000, "60",
	    "TLS handshakes from one address."),
	TOP("limit errors-soft", value_count, LIMIT(errors_soft), 1, 1000,
	    "5", "Errors of a session before replies are delayed by 1 s."),
	TOP("limit errors", value_count, LIMIT(errors), 1, 1000, "10",
	    "Errors of a session before it is ended with 421."),
	TOP("limit commands", value_count, LIMIT(commands), 1, 100000, "50",
	    "Commands between two mails that bring no mail."),
	TOP("limit mails", value_count, LIMIT(mails), 1, 1000000, "1000",
	    "Mails of one session, then 421."),
	TOP("limit bad-recipients", value_count, LIMIT(bad_recipients), 1,
	    1000, "20", "Refused recipients of a session, then 421."),
	TOP("limit body-line", value_octets, LIMIT(body_line), 998, MIB,
	    "64k", "The longest line of content."),
	TOP("limit idle", value_seconds, LIMIT(idle), 1, HOUR, "300s",
	    "How long a client may be silent."),
	TOP("limit idle-busy", value_seconds, LIMIT(idle_busy), 1, HOUR,
	    "60s", "The same while 75 % of the sessions are in use."),
	TOP("limit idle-full", value_seconds, LIMIT(idle_full), 1, HOUR,
	    "10s", "The same at 90 %; then 2 errors and 10 commands without "
	    "mail end a session, too."),
	TOP("limit data-idle", value_seconds, LIMIT(data_idle), 1, HOUR,
	    "180s", "How long it may be silent while content is sent."),
	TOP("limit data-rate", value_octets, LIMIT(data_rate), 0, MIB,
	    "500", "Octets of content a second, at least."),
	TOP("limit data-rate-window", value_seconds,
	    LIMIT(data_rate_window), 1, HOUR, "60s",
	    "The time over which that is measured."),
	TOP("limit session-without-mail", value_seconds,
	    LIMIT(session_without_mail), 1, DAY, "10m",
	    "How long a session may last that has brought no mail."),
	TOP("limit session", value_seconds, LIMIT(session), 1, 7 * DAY, "2h",
	    "How long any session may last."),
	TOP("limit final-reply", value_seconds, LIMIT(final_reply), 1, 600,
	    "60s", "How long a client waits behind the final dot, then 451."),
	TOP("limit auth-per-session", value_count, LIMIT(auth_per_session),
	    1, 100, "3", "Attempts to authenticate in one session."),
	TOP("limit auth-per-minute", value_count, LIMIT(auth_per_minute), 1,
	    100000, "10", "Failed attempts from one address in a minute."),
	TOP("limit auth-per-day", value_count, LIMIT(auth_per_day), 1,
	    1000000, "50", "Failed attempts from one address in a day."),
	TOP("limit auth-per-account", value_count, LIMIT(auth_per_account),
	    1, 100000, "10", "Failed attempts at one account in 15 minutes."),
	TOP("limit hops", value_count, LIMIT(hops), 30, 1000, "100",
	    "Received fields of a message, then 554 5.4.6."),
	TOP("limit hops-own", value_count, LIMIT(hops_own), 1, 100, "10",
	    "Received fields of this host, then 554 5.4.6."),
	TOP("limit bounce-copy", value_octets, LIMIT(bounce_copy), 0, MIB,
	    "50000", "How much of the original a bounce carries."),
	TOP("limit concurrency-start", value_count,
	    LIMIT(concurrency_start), 1, 1000, "5",
	    "Connections to one site at first."),
	TOP("limit concurrency", value_count, LIMIT(concurrency), 1, 1000,
	    "20", "Connections to one site at most."),
	TOP("limit disk-refuse-new", value_percent, LIMIT(disk_refuse_new),
	    0, 90, "10%", "Free disk below which MAIL is answered 452."),
	TOP("limit disk-refuse-all", value_percent, LIMIT(disk_refuse_all),
	    0, 90, "5%", "Free disk below which nothing is taken."),

	TOP("limit memory-shed", value_percent, LIMIT(memory_shed), 1, 100,
	    "75%", "Memory in use, of what the control group allows, above "
	    "which new sessions of strangers get 421."),
	TOP("limit memory-hard", value_percent, LIMIT(memory_hard), 1, 100,
	    "90%", "The same for all new sessions; MAIL is answered 452."),

	TOP("timeout connect", value_seconds, OF(timeouts.connect), 1, 600,
	    "30s", "Until another server takes a connection."),
	TOP("timeout reply", value_seconds, OF(timeouts.reply), 1, HOUR,
	    "300s", "Until it greets, or answers EHLO, MAIL or RCPT."),
	TOP("timeout data", value_seconds, OF(timeouts.data), 1, HOUR,
	    "120s", "Until it answers DATA."),
	TOP("timeout block", value_seconds, OF(timeouts.block), 1, HOUR,
	    "180s", "Until it takes more content."),
	TOP("timeout final", value_seconds, OF(timeouts.final), 1, 2 * HOUR,
	    "600s", "Until it answers the final dot."),
	TOP("timeout quit", value_seconds, OF(timeouts.quit), 1, 300, "5s",
	    "Until it answers QUIT."),

	OPTION("", SCOPE_LISTEN, value_listen_kind,
	    offsetof(struct config_listen, kind), SCHEMA_REQUIRED,
	    "For whom: mx takes mail for our domains from anybody, "
	    "submission takes mail from users who authenticate, relay from "
	    "the networks under from."),
	OPTION("on", SCOPE_LISTEN, value_listen_on, 0, 0,
	    "Where; without it every address, at port 25 for mx and relay, "
	    "587 for submission, 465 for submission with tls implicit."),
	OPTION("from", SCOPE_LISTEN, value_networks, 0, 0,
	    "Networks without a limit of sessions per address; for relay "
	    "the networks that may send mail anywhere."),
	OPTION("tls", SCOPE_LISTEN, value_tls,
	    offsetof(struct config_listen, tls), 0,
	    "Whether clients get TLS: by default starttls where there is a "
	    "certificate."),

	OPTION("", SCOPE_DOMAIN, value_host,
	    offsetof(struct config_domain, name), SCHEMA_REQUIRED,
	    "Its name."),
	OPTION("users file", SCOPE_DOMAIN, value_path,
	    offsetof(struct config_domain, users_file), SCHEMA_REQUIRED,
	    "Who has a mailbox, made by posthorse-user(1)."),
	OPTION("deliver maildir", SCOPE_DOMAIN, value_template,
	    offsetof(struct config_domain, maildir), SCHEMA_REQUIRED,
	    "Where the mailboxes are; {user} stands for the name in the "
	    "users file, {domain} for the domain."),
	OPTION("postmaster", SCOPE_DOMAIN, value_word,
	    offsetof(struct config_domain, postmaster), 0,
	    "Who gets the mail for postmaster; by default the first user in "
	    "the file."),

	OPTION("", SCOPE_RELAY, value_host,
	    offsetof(struct config_relay, domain), 0,
	    "The domain; without it all that has no relay of its own."),
	OPTION("via", SCOPE_RELAY, value_relay_via, 0, SCHEMA_REQUIRED,
	    "The server: smtp:// uses TLS when offered, with a user always "
	    "(port 587); smtps:// from the first octet (port 465)."),
	OPTION("password-file", SCOPE_RELAY, value_path,
	    offsetof(struct config_relay, password_file), 0,
	    "Its first line is the user's password."),

	OPTION("certificate", SCOPE_TLS, value_path,
	    offsetof(struct config_tls_files, certificate), SCHEMA_REQUIRED,
	    "The chain in PEM, our own first."),
	OPTION("key", SCOPE_TLS, value_path,
	    offsetof(struct config_tls_files, key), SCHEMA_REQUIRED,
	    "Its private key in PEM."),
};
/* clang-format on */
const size_t schema_nrows = COUNT(schema_rows);
_Static_assert(COUNT(schema_rows) < 100, "a setting must argue its way in");
_Static_assert(COUNT(schema_rows) <= CONFIG_ROWS_MAX, "each has its origin");

#define ARRAY(member)	OF(member), OF(n##member)
const struct schema_object schema_objects[SCOPE_COUNT] = {
	[SCOPE_TOP] = { "" },
	[SCOPE_LISTEN] = { "listen", false, sizeof(struct config_listen),
	    CONFIG_LISTENS_MAX, ARRAY(listens) },
	[SCOPE_DOMAIN] = { "domain", true, sizeof(struct config_domain),
	    CONFIG_DOMAINS_MAX, ARRAY(domains) },
	[SCOPE_RELAY] = { "relay", false, sizeof(struct config_relay),
	    CONFIG_RELAYS_MAX, ARRAY(relays) },
	[SCOPE_TLS] = { "tls", false, sizeof(struct config_tls_files), 1,
	    OF(tls), 0 },
};

const struct schema_row *
schema_scope_rows(enum schema_scope scope, size_t *count)
{
	size_t first = 0, n = 0;

	while (schema_rows[first].scope != scope)
		first++;
	while (first + n < schema_nrows &&
	    schema_rows[first + n].scope == scope)
		n++;
	*count = n;
	return &schema_rows[first];
}

size_t
schema_row_index(const struct schema_row *row)
{
	size_t n;

	return (size_t)(row - schema_scope_rows(row->scope, &n));
}

/* Take the next word off a row's name; empty at its end. */
static struct span
name_word(struct span *name)
{
	size_t space = span_find(*name, ' ');
	struct span word = span_take(name, space);

	if (name->n > 0)
		*name = span_skip(*name, 1);
	return word;
}

/* How many of the row's words stand at the front; *is_whole: all of them. */
static size_t
match_row(const struct schema_row *row, const struct word *words,
    size_t nwords, bool *is_whole)
{
	struct span name = span_str(row->name);
	size_t i = 0;

	while (name.n > 0 && i < nwords && !words[i].is_quoted) {
		struct span left = name;

		if (!span_eq(name_word(&left), words[i].text))
			break;
		name = left;
		i++;
	}
	*is_whole = i > 0 && name.n == 0;
	return i;
}

const struct schema_row *
schema_match(enum schema_scope scope, const struct word *words,
    size_t nwords, size_t *used)
{
	const struct schema_row *best = NULL;
	size_t n, furthest = 0, best_used = 0;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	for (size_t i = 0; i < n; i++) {
		bool is_whole;
		size_t got = match_row(&rows[i], words, nwords, &is_whole);

		furthest = MAX(furthest, got);
		if (is_whole && got > best_used) {
			best = &rows[i];
			best_used = got;
		}
	}
	*used = best != NULL ? best_used : furthest;
	return best;
}

struct span
schema_meant(enum schema_scope scope, const struct word *words, size_t used)
{
	struct span meant = { 0 };
	size_t n, nearest = SIZE_MAX;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	for (size_t i = 0; i < n; i++) {
		struct span name = span_str(rows[i].name), word = { 0 };
		bool is_whole;
		size_t distance;

		if (match_row(&rows[i], words, used, &is_whole) < used)
			continue;
		for (size_t k = 0; k <= used; k++)
			word = name_word(&name);
		if (word.n == 0)
			continue;
		distance = suggest_distance(words[used].text, word);
		if (distance < nearest) {
			nearest = distance;
			meant = word;
		}
	}
	return suggest_is_near(words[used].text, nearest) ? meant :
	    (struct span){ 0 };
}
