/*
 * schema.c - every setting as a row: parser, checks and manual come from it.
 */
#include "config/schema.h"
#include "config/match.h"
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

#define BACKEND(member)	offsetof(struct config_backend, member)
/* What every backend has, or each that is asked for what is stored. */
#define BACKEND_NAME(scope) \
	OPTION("", scope, value_word, BACKEND(name), SCHEMA_REQUIRED, \
	    "Its name, for domains and for the log.")
#define BACKEND_RUN_AS(scope) \
	OPTION("run-as", scope, value_user, BACKEND(run_as), 0, \
	    "Whom it runs as instead of user backend.")
#define BACKEND_AT(scope, sentence) \
	OPTION("at", scope, value_at, BACKEND(at), SCHEMA_REQUIRED, \
	    sentence), \
	OPTION("tls", scope, value_host, BACKEND(tls_name), 0, \
	    "The name that its certificate must have; TLS is used then, and " \
	    "must be where the address is not this host's."), \
	OPTION("ca-file", scope, value_path, BACKEND(ca_file), 0, \
	    "Who vouches for that certificate; goes with tls.")
#define BACKEND_PASSWORD(scope) \
	OPTION("password-file", scope, value_path, BACKEND(password_file), \
	    0, "Its first line is our password there.")
#define BACKEND_QUERY(scope) \
	OPTION("query", scope, value_text, BACKEND(query), SCHEMA_REQUIRED, \
	    "What to ask: $1 stands for NAME@DOMAIN, $2 for NAME, $3 for " \
	    "DOMAIN, all in lower case; they are parameters, never text."), \
	OPTION("scram-secret", scope, value_path, BACKEND(scram_secret), 0, \
	    "Each of its users has a verifier: offer SCRAM. The first line " \
	    "of FILE makes salts for who is not there.")

/* One table; a line a row reads better here than eighty columns. */
/* clang-format off */
const struct schema_row schema_rows[] = {
	{ "include", SCOPE_TOP, &value_include, 0, 0, 0, NULL,
	    "Go on in another file, then here again; FILE is relative to the "
	    "folder of this one.", SCHEMA_MANY, SCOPE_TOP },
	TOP("hostname", value_host, OF(hostname), 0, 0, NULL,
	    "The name of this host in greetings, Received fields and "
	    "bounces; without it the system's own."),
	OPENS("tls", SCOPE_TLS, SCHEMA_MANY,
	    "A certificate for clients: the one with the name that the "
	    "client asks for, else the first."),
	OPENS("listen", SCOPE_LISTEN, SCHEMA_MANY,
	    "Open a port; without any only the local submission socket "
	    "exists."),
	OPENS("domain", SCOPE_DOMAIN, SCHEMA_MANY,
	    "A domain whose mail ends here."),
	OPENS("relay", SCOPE_RELAY, SCHEMA_MANY,
	    "Give the mail for DOMAIN, or without one all that goes out, to "
	    "this server instead of asking DNS; it opens nothing to "
	    "strangers."),
	OPENS("oauth", SCOPE_OAUTH, SCHEMA_MANY,
	    "Take access tokens of this issuer in place of passwords: AUTH "
	    "OAUTHBEARER and XOAUTH2. Signed ones (JWT) are checked by keys, "
	    "others by introspect."),
	OPENS("backend sqlite", SCOPE_SQLITE, SCHEMA_MANY,
	    "Users of an SQLite database, for domains that name it. Its query "
	    "has one row for a user that is there, with one column: what would "
	    "stand behind the name in a users file."),
	OPENS("backend dovecot", SCOPE_DOVECOT, SCHEMA_MANY,
	    "Users whom Dovecot's auth server knows, for domains that name "
	    "it. It is asked for NAME@DOMAIN in lower case."),
	OPENS("backend postgresql", SCOPE_POSTGRESQL, SCHEMA_MANY,
	    "Users of a PostgreSQL database, as for sqlite."),
	OPENS("backend ldap", SCOPE_LDAP, SCHEMA_MANY,
	    "Users of a directory: a simple bind as the user's entry says "
	    "whether a password is right. The entry is named by dn, or found "
	    "below base by filter."),
	OPENS("backend pam", SCOPE_PAM, SCHEMA_MANY,
	    "Users of this host, by PAM, which is asked for NAME. With it, "
	    "programs that it runs may gain rights; without it, nothing that "
	    "the server starts can."),

	{ "match", SCOPE_TOP, &value_match, 0, 0, 0, NULL,
	    "A rule: when all of its conditions hold, do this. Rules are asked "
	    "from top to bottom, at the first stage at which all that they "
	    "speak of is known; the first that holds decides that stage. In "
	    "NAME, ADDRESS and PATTERN a * stands for any octets, a ? for one, and case does not "
	    "matter. A FILE holds an entry a line, without * and ?; it is read "
	    "again when it has changed, and while it cannot be read the answer "
	    "is 451. The log names the line of the rule.",
	    SCHEMA_MANY, SCOPE_TOP },

	TOP("administrators", value_mailboxes, OF(administrators), 0, 0, NULL,
	    "Users who may say EXPN, when they have logged in: it tells into "
	    "whose mailbox the mail of an address goes."),
	OPENS("grant", SCOPE_GRANT, SCHEMA_MANY,
	    "Let a user send in other names, too. A user's own are the "
	    "addresses whose mail comes to that user's mailbox."),

	TOP("no-mail", value_domains, OF(no_mail), 0, 0, NULL,
	    "Domains that take no mail, .DOMAIN for all below one: their "
	    "recipients are answered 556 5.1.10, whoever asks."),

	TOP("resolver", value_servers, 0, 0, 0, NULL,
	    "Forward DNS questions to these servers; without it to those of "
	    "/etc/resolv.conf. Answers are validated here either way. Servers "
	    "of /etc/resolv.conf that strip DNSSEC are passed over: the root "
	    "is asked. One named here is not; the log says so and mail "
	    "waits."),
	TOP("trust-anchor", value_path, OF(trust_anchor), 0, 0, NULL,
	    "DNSSEC anchors instead of the system's."),
	TOP("greeting-wait", value_seconds, OF(greeting_wait), 0, 30, "0",
	    "How long a client of listen mx is left without a greeting, to see "
	    "whether it talks first, which ends it (554); without a wait only "
	    "who has talked already is caught."),
	TOP("reverse-dns", value_reverse, OF(reverse_dns), 0, 0, "no",
	    "Has the address of a client of listen mx a name that leads back "
	    "to it: look asks before the greeting and shows the result, "
	    "refuse turns away (554 5.7.25) who has none; an answer that does "
	    "not come within 5 s says nothing."),
	TOP("sender-domain", value_reverse, OF(sender_domain), 0, 0, "no",
	    "Does the domain that a client of listen mx writes from take mail "
	    "at all, or has it a null MX (RFC 7505)? look asks at MAIL and "
	    "shows the result, refuse answers 550 5.7.27; an answer that does "
	    "not come says nothing."),
	TOP("dns-list", value_dns_lists, 0, 0, 0, NULL,
	    "DNS lists that clients of listen mx are looked for in before the "
	    "greeting (RFC 5782). The weights (by default 10) of those that "
	    "list a client are summed: from 10 on it is turned away (554 "
	    "5.7.1); at -10 and below no check does so. A list means its own "
	    "by its replies under ADDRESS/PREFIX (by default 127.0.0.0/8); one "
	    "that lists 127.0.0.1, too, is not believed."),
	TOP("greylist", value_seconds, OF(greylist), 0, DAY, "0",
	    "How long a client of listen mx is put off (451) that brings a "
	    "sender and a recipient for the first time: strangers who come "
	    "again after that are let in, and a network whose mail came again "
	    "five times is known. 0: not at all."),
	TOP("mx-port", value_port, OF(mx_port), 1, 65535, "25",
	    "Port of the servers found in DNS; another than 25 is for "
	    "tests."),
	TOP("ca-file", value_path, OF(ca_file), 0, 0, NULL,
	    "Certificate authorities for relays instead of the system's."),
	TOP("allow private targets", value_flag,
	    OF(is_private_target_allowed), 0, 0, "no",
	    "Deliver to private and loopback addresses that DNS names; "
	    "without a value it means yes."),
	TOP("allow foreign senders", value_flag,
	    OF(is_foreign_sender_allowed), 0, 0, "no",
	    "Let users send in any name, in MAIL FROM, From and Sender."),
	TOP("allow malformed headers", value_flag,
	    OF(is_malformed_header_allowed), 0, 0, "no",
	    "Take from users what RFC 5322 does not allow in a header; two "
	    "From fields, or one that cannot be read, are refused all the "
	    "same."),
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
	TOP("user keys", value_user, OF(user[CONFIG_USER_KEYS]), 0, 0,
	    "ph-keys", "Whom the keeper of the private keys runs as."),

	TOP("user state", value_user, OF(user[CONFIG_USER_STATE]), 0, 0,
	    "ph-state", "Who owns what greylisting remembers."),
	TOP("user backend", value_user, OF(user[CONFIG_USER_BACKEND]), 0, 0,
	    "ph-backend", "Whom the backends run as that do not say."),
	TOP("state directory", value_path, OF(state), 0, 0,
	    "/var/lib/posthorse/state",
	    "What greylisting remembers."),

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
	    "10000", "Sessions in all; the last twentieth is for submission alone."),
	TOP("limit sessions-per-address", value_count,
	    LIMIT(sessions_per_address), 1, 1000000, "30",
	    "Sessions from one IPv4 address or IPv6 /64."),
	TOP("limit sessions-per-network", value_count,
	    LIMIT(sessions_per_network), 1, 1000000, "200",
	    "Sessions from one IPv4 /24 or IPv6 /48."),
	TOP("limit connections-per-minute", value_count,
	    LIMIT(connections_per_minute), 1, 1000000, "120",
	    "New connections from one address; from a /24 or /48 eight times "
	    "as many."),
	TOP("limit handshakes", value_count, LIMIT(handshakes), 1, 1000000,
	    "1000", "Unfinished TLS handshakes in all."),
	TOP("limit handshakes-per-minute", value_count,
	    LIMIT(handshakes_per_minute), 1, 1000000, "60",
	    "TLS handshakes from one address; from a /24 or /48 eight times "
	    "as many."),
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
	TOP("limit hold", value_seconds, LIMIT(hold), 0, 365 * DAY, "30d",
	    "How far into the future users may set the release of a message "
	    "(FUTURERELEASE)."),
	TOP("limit user-held-size", value_octets, LIMIT(user_held_size), 0,
	    1024 * 1024 * MIB, "256M", "How much mail of one user may wait for "
	    "its release (FUTURERELEASE), each message counted as 4 KiB at "
	    "least; then 552 5.7.16. 0 is no limit."),
	TOP("limit user-messages", value_count, LIMIT(user_messages), 0,
	    1000000, "500", "Messages of one user within an hour, then 450 "
	    "4.7.1; of one address four times as many. 0 is no limit."),
	TOP("limit user-recipients", value_count, LIMIT(user_recipients), 0,
	    10000000, "2000", "The same for recipients. Who tries four times "
	    "as many is stopped, until an operator lifts that."),
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
	    "the networks under from; lmtp takes mail for our domains from "
	    "another mail server, with a reply for each recipient; closed tells "
	    "everybody that this host accepts no mail (521)."),
	OPTION("on", SCOPE_LISTEN, value_listen_on, 0, 0,
	    "Where; without it every address, at port 25 for mx and relay, "
	    "587 for submission, 465 for submission with tls implicit, 24 for "
	    "lmtp."),
	OPTION("from", SCOPE_LISTEN, value_networks,
	    offsetof(struct config_listen, from), 0,
	    "Networks without a limit of sessions per address; for relay "
	    "the networks that may send mail anywhere."),
	OPTION("proxy", SCOPE_LISTEN, value_networks,
	    offsetof(struct config_listen, proxy), 0,
	    "Proxies: who connects from these networks must begin with a "
	    "PROXY header (version 1 or 2) within 5 s, and the client that "
	    "it names counts everywhere."),
	OPTION("etrn", SCOPE_LISTEN, value_networks,
	    offsetof(struct config_listen, etrn), 0,
	    "Peers that may say ETRN: what waits for a domain is then tried "
	    "at once."),
	OPTION("xclient", SCOPE_LISTEN, value_networks,
	    offsetof(struct config_listen, xclient), 0,
	    "Peers that may say XCLIENT and XFORWARD: who speaks from these "
	    "networks may become any other client, user names included."),
	OPTION("tls", SCOPE_LISTEN, value_tls,
	    offsetof(struct config_listen, tls), 0,
	    "Whether clients get TLS: by default starttls where there is a "
	    "certificate."),
	OPTION("client certificate", SCOPE_LISTEN, value_client,
	    offsetof(struct config_listen, client), 0,
	    "Ask clients for a certificate, and know those that an authority "
	    "of FILE vouches for, or whose SHA-256 fingerprint is named; "
	    "required: nobody else may shake hands. For relay they may send "
	    "mail anywhere, as the networks under from; for submission a "
	    "mailbox that the certificate names logs in by AUTH EXTERNAL."),

	OPTION("", SCOPE_DOMAIN, value_host,
	    offsetof(struct config_domain, name), SCHEMA_REQUIRED,
	    "Its name."),
	OPTION("users file", SCOPE_DOMAIN, value_path,
	    offsetof(struct config_domain, users_file), SCHEMA_REQUIRED,
	    "Who has a mailbox, made by posthorse-user(1)."),
	OPTION("users backend", SCOPE_DOMAIN, value_word,
	    offsetof(struct config_domain, backend), 0,
	    "Who else logs in: users of the backend of that name who are not "
	    "in the users file, or stand there without a password. What is in "
	    "the file needs no backend, so its users log in while that is "
	    "away."),
	OPTION("deliver maildir", SCOPE_DOMAIN, value_template,
	    offsetof(struct config_domain, maildir), SCHEMA_REQUIRED,
	    "Where the mailboxes are; {user} stands for the name in the "
	    "users file, {domain} for the domain."),
	OPTION("postmaster", SCOPE_DOMAIN, value_word,
	    offsetof(struct config_domain, postmaster), 0,
	    "Who gets the mail for postmaster; by default the first user in "
	    "the file."),
	OPTION("separator", SCOPE_DOMAIN, value_separators,
	    offsetof(struct config_domain, separators), 0,
	    "What parts a user's name from a detail of the user's own, by "
	    "default +: ann+lists is ann, unless a user has that very name. "
	    "Each of several; none: there are no details."),
	OPTION("catch-all", SCOPE_DOMAIN, value_word,
	    offsetof(struct config_domain, catch_all), 0,
	    "Who gets the mail for names that nobody has, also for those that "
	    "spammers make up; by default they are refused (550). A user who "
	    "is not in the users file gets nothing."),
	OPTION("aliases", SCOPE_DOMAIN, value_path,
	    offsetof(struct config_domain, aliases_file), 0,
	    "A file of names that stand for others: name: anna, "
	    "bob@example.net. A name there goes before a user of that name, "
	    "and may stand for other names there, ten deep and 1000 in all. "
	    "It is read again when it changes."),

	OPTION("", SCOPE_RELAY, value_host,
	    offsetof(struct config_relay, domain), 0,
	    "The domain; without it, and without a name, all that has no relay "
	    "of its own."),
	OPTION("named", SCOPE_RELAY, value_name,
	    offsetof(struct config_relay, name), 0,
	    "What a rule calls it that says route NAME: at most 32 of a-z, "
	    "0-9 and -. With a name and no DOMAIN it gets no other mail."),
	OPTION("via", SCOPE_RELAY, value_relay_via, 0, SCHEMA_REQUIRED,
	    "The server: smtp:// uses TLS when offered, with a user always "
	    "(port 587); smtps:// from the first octet (port 465)."),
	OPTION("password-file", SCOPE_RELAY, value_path,
	    offsetof(struct config_relay, password_file), 0,
	    "Its first line is the user's password."),

	OPTION("issuer", SCOPE_OAUTH, value_text,
	    offsetof(struct config_oauth, issuer), SCHEMA_REQUIRED,
	    "The claim iss of its tokens, octet for octet."),
	OPTION("audience", SCOPE_OAUTH, value_text,
	    offsetof(struct config_oauth, audience), SCHEMA_REQUIRED,
	    "What the claim aud must hold: tokens for others are none for "
	    "us."),
	OPTION("keys", SCOPE_OAUTH, value_path,
	    offsetof(struct config_oauth, keys_file), 0,
	    "Its public keys as a JWK set (RFC 7517): RSA, P-256 and Ed25519; "
	    "read again when it changes."),
	OPTION("user-claim", SCOPE_OAUTH, value_text,
	    offsetof(struct config_oauth, user_claim), 0,
	    "The claim that names a user of a users file; by default email, "
	    "and username where the issuer is asked."),
	OPTION("introspect", SCOPE_OAUTH, value_text,
	    offsetof(struct config_oauth, introspect), 0,
	    "In place of keys: ask the issuer about each token, at this "
	    "https:// URL (RFC 7662). A yes is kept for a minute."),
	OPTION("at", SCOPE_OAUTH, value_at, offsetof(struct config_oauth, at),
	    0, "The address of the URL's host."),
	OPTION("client", SCOPE_OAUTH, value_text,
	    offsetof(struct config_oauth, client), 0,
	    "The name that we have there."),
	OPTION("secret-file", SCOPE_OAUTH, value_path,
	    offsetof(struct config_oauth, secret_file), 0,
	    "Its first line is our password there."),
	OPTION("ca-file", SCOPE_OAUTH, value_path,
	    offsetof(struct config_oauth, ca_file), 0,
	    "Who vouches for its certificate, instead of the system's."),
	OPTION("scope", SCOPE_OAUTH, value_text,
	    offsetof(struct config_oauth, scope), 0,
	    "A word that the answer's scope must have."),

	OPTION("certificate", SCOPE_TLS, value_path,
	    offsetof(struct config_tls_files, certificate), SCHEMA_REQUIRED,
	    "The chain in PEM, our own first."),
	OPTION("key", SCOPE_TLS, value_path,
	    offsetof(struct config_tls_files, key), SCHEMA_REQUIRED,
	    "Its private key in PEM."),

	OPTION("", SCOPE_GRANT, value_mailbox,
	    offsetof(struct config_grant, user), SCHEMA_REQUIRED,
	    "The user."),
	OPTION("sender", SCOPE_GRANT, value_senders,
	    offsetof(struct config_grant, senders), SCHEMA_REQUIRED,
	    "Further addresses; @DOMAIN is every address of a domain, * any "
	    "address."),

	BACKEND_NAME(SCOPE_SQLITE),
	OPTION("file", SCOPE_SQLITE, value_path, BACKEND(file),
	    SCHEMA_REQUIRED, "The database. It is only read."),
	BACKEND_QUERY(SCOPE_SQLITE),
	BACKEND_RUN_AS(SCOPE_SQLITE),

	BACKEND_NAME(SCOPE_DOVECOT),
	OPTION("socket", SCOPE_DOVECOT, value_path, BACKEND(file),
	    SCHEMA_REQUIRED, "Its socket for clients, auth-client in most "
	    "cases; whoever the backend runs as must be let in."),
	BACKEND_RUN_AS(SCOPE_DOVECOT),

	BACKEND_NAME(SCOPE_POSTGRESQL),
	BACKEND_AT(SCOPE_POSTGRESQL, "Its address, port 5432 by default; or "
	    "the folder of its socket."),
	OPTION("database", SCOPE_POSTGRESQL, value_text, BACKEND(database),
	    SCHEMA_REQUIRED, "Its name."),
	OPTION("login", SCOPE_POSTGRESQL, value_text, BACKEND(login),
	    SCHEMA_REQUIRED, "The database's user that we are; let it read "
	    "what the query needs."),
	BACKEND_PASSWORD(SCOPE_POSTGRESQL),
	BACKEND_QUERY(SCOPE_POSTGRESQL),
	BACKEND_RUN_AS(SCOPE_POSTGRESQL),

	BACKEND_NAME(SCOPE_LDAP),
	BACKEND_AT(SCOPE_LDAP, "Its address, port 389 by default and 636 with "
	    "tls; or the path of its socket."),
	OPTION("dn", SCOPE_LDAP, value_ldap, BACKEND(dn), 0,
	    "The entry's name; {user} stands for NAME@DOMAIN, {name} and "
	    "{domain} for its parts, escaped as values."),
	OPTION("base", SCOPE_LDAP, value_text, BACKEND(base), 0,
	    "Where entries are looked for, at any depth."),
	OPTION("filter", SCOPE_LDAP, value_ldap, BACKEND(filter), 0,
	    "What finds a user's entry, and no other; as dn."),
	OPTION("login", SCOPE_LDAP, value_text, BACKEND(login), 0,
	    "Whose name we look for it in; without it nobody's."),
	BACKEND_PASSWORD(SCOPE_LDAP),
	BACKEND_RUN_AS(SCOPE_LDAP),

	BACKEND_NAME(SCOPE_PAM),
	OPTION("service", SCOPE_PAM, value_word, BACKEND(service),
	    SCHEMA_REQUIRED, "The file below /etc/pam.d; without one PAM "
	    "takes that of other."),
	BACKEND_RUN_AS(SCOPE_PAM),
};
/* clang-format on */
const size_t schema_nrows = COUNT(schema_rows);
/* Below a hundred statements; with the options of objects and back ends. */
_Static_assert(COUNT(schema_rows) < 192, "a setting must argue its way in");
_Static_assert(COUNT(schema_rows) <= CONFIG_ROWS_MAX, "each has its origin");

#define ARRAY(member)	OF(member), OF(n##member)
#define BACKENDS(name, which) \
	{ name, false, sizeof(struct config_backend), CONFIG_BACKENDS_MAX, \
	    ARRAY(backends), BACKEND(kind), CONFIG_BACKEND_##which }
const struct schema_object schema_objects[SCOPE_COUNT] = {
	[SCOPE_TOP] = { "" },
	[SCOPE_LISTEN] = { "listen", false, sizeof(struct config_listen),
	    CONFIG_LISTENS_MAX, ARRAY(listens) },
	[SCOPE_DOMAIN] = { "domain", true, sizeof(struct config_domain),
	    CONFIG_DOMAINS_MAX, ARRAY(domains) },
	[SCOPE_RELAY] = { "relay", false, sizeof(struct config_relay),
	    CONFIG_RELAYS_MAX, ARRAY(relays) },
	[SCOPE_OAUTH] = { "oauth", false, sizeof(struct config_oauth),
	    CONFIG_OAUTHS_MAX, ARRAY(oauths) },
	[SCOPE_GRANT] = { "grant", false, sizeof(struct config_grant),
	    CONFIG_GRANTS_MAX, ARRAY(grants) },
	[SCOPE_TLS] = { "tls", false, sizeof(struct config_tls_files),
	    CONFIG_TLS_MAX, ARRAY(tls) },
	[SCOPE_SQLITE] = BACKENDS("backend sqlite", SQLITE),
	[SCOPE_DOVECOT] = BACKENDS("backend dovecot", DOVECOT),
	[SCOPE_POSTGRESQL] = BACKENDS("backend postgresql", POSTGRESQL),
	[SCOPE_LDAP] = BACKENDS("backend ldap", LDAP),
	[SCOPE_PAM] = BACKENDS("backend pam", PAM),
};
