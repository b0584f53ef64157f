/*
 * config.h - the configuration: what it holds, how it is read and shown.
 *
 * Read once and never changed.  The supervisor reads the file; every other
 * role gets config_print()'s text in a descriptor and reads that with the same
 * parser, so all see the same values (config_print then config_parse gives an
 * equal configuration).
 *
 * The language: one statement a line, made of words and "quoted words" (\" and
 * \\ inside); a word that ends in a comma goes on in the next one, also over
 * the line's end; `#` at the start of a word begins a comment; a block stands
 * between the words `{` and `}`; `include FILE` is relative to its own file.
 * Numbers take k M G (octets, powers of 1024) or s m h d (durations).  Every
 * statement, value, bound and default is one row of schema.c.
 *
 * All text is UTF-8 without control octets, ends in NUL, is owned by the
 * config, and is "" where nothing was set, never NULL.  Paths are absolute.
 */
#ifndef POSTHORSE_CONFIG_CONFIG_H
#define POSTHORSE_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/network.h"

#define CONFIG_FILE_MAX		(1024u * 1024)	/* octets of one file */
#define CONFIG_STATEMENTS_MAX	10000u		/* in all files */
#define CONFIG_WORDS_MAX	64u		/* in one statement */
#define CONFIG_WORD_MAX		1024u		/* octets */
#define CONFIG_INCLUDES_MAX	10u		/* files open at a time */
#define CONFIG_FILES_MAX	256u		/* files in all */
#define CONFIG_LISTENS_MAX	64u
#define CONFIG_DOMAINS_MAX	1000u
#define CONFIG_RELAYS_MAX	256u
#define CONFIG_NETWORKS_MAX	64u		/* of one `from` */
#define CONFIG_RESOLVERS_MAX	4u
#define CONFIG_ERRORS_MAX	20u		/* reported of one reading */
#define CONFIG_PRINT_MAX	CONFIG_FILE_MAX

#define CONFIG_PATH_DEFAULT	"/etc/posthorse/posthorse.conf"

/* Where a value was said.  file 0: nowhere, it is the default. */
struct config_where {
	uint32_t	line;
	uint16_t	file;		/* config->files[file - 1] */
};
#define CONFIG_ROWS_MAX		100u	/* settings at the top */
#define CONFIG_OPTIONS_MAX	5u	/* of one listen, domain, relay, tls */

enum config_listen_kind {
	CONFIG_LISTEN_MX,		/* mail from other servers */
	CONFIG_LISTEN_SUBMISSION,	/* from users, who authenticate */
	CONFIG_LISTEN_RELAY,		/* from the networks under `from` */
	CONFIG_LISTEN_KIND_COUNT
};
enum config_tls {
	CONFIG_TLS_UNSET,	/* never after config_parse */
	CONFIG_TLS_NONE,
	CONFIG_TLS_STARTTLS,	/* offered */
	CONFIG_TLS_IMPLICIT,	/* from the first octet */
	CONFIG_TLS_COUNT
};
struct config_listen {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	enum config_listen_kind	kind;
	/* n == 0: every address of both families. */
	struct address		address;
	uint16_t		port;		/* never 0 */
	const struct network   *from;		/* exempt from limits per address;
						 * relay: who may relay */
	size_t			nfrom;
	enum config_tls		tls;
};

struct config_domain {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	const char	       *name;		/* lower case, A-labels */
	const char	       *users_file;
	/* Absolute; {domain} and {user} stand for themselves, {user} is there. */
	const char	       *maildir;
	const char	       *postmaster;	/* a key of users_file, or "":
						 * the first user there */
};

enum config_relay_tls {
	CONFIG_RELAY_OPPORTUNISTIC,	/* smtp://: STARTTLS when offered */
	CONFIG_RELAY_STARTTLS,		/* smtp://user@: required, verified */
	CONFIG_RELAY_IMPLICIT		/* smtps://: verified */
};
/* Mail for domain (and not below it), or for all the rest, goes to host. */
struct config_relay {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	const char	       *domain;		/* lower case; "": all the rest */
	const char	       *host;		/* name, or address without [] */
	uint16_t		port;		/* 25; with user 587; smtps 465 */
	const char	       *user;		/* "": no authentication */
	const char	       *password_file;	/* one line; set when user is */
	enum config_relay_tls	tls;
};

struct config_server {
	struct address		address;
	uint16_t		port;
};

/* Where syslog listens unless the setting names another socket. */
#define CONFIG_SYSLOG_SOCKET	"/dev/log"

enum config_log_to {
	CONFIG_LOG_STDOUT,
	CONFIG_LOG_FILE,
	CONFIG_LOG_SYSLOG
};
/* Whose ids: one per profile of SECURITY-REQUIREMENTS 11. */
enum config_user {
	CONFIG_USER_SMTP,		/* receiver */
	CONFIG_USER_LOOKUP,
	CONFIG_USER_DNS,		/* resolver */
	CONFIG_USER_QUEUE,
	CONFIG_USER_SEND,		/* sender */
	CONFIG_USER_MAIL,		/* local */
	CONFIG_USER_ADMIN,
	CONFIG_USER_COUNT
};

/* Section 19 of the requirements; a duration is in seconds. */
struct config_limits {
	uint64_t	message_size;		/* octets of content */
	uint64_t	recipients;		/* of one message */
	uint64_t	sessions;		/* over all receivers */
	uint64_t	sessions_per_address;	/* IPv4 /32, IPv6 /64 */
	uint64_t	sessions_per_network;	/* IPv4 /24, IPv6 /48 */
	uint64_t	connections_per_minute;	/* from one address */
	uint64_t	handshakes;		/* unfinished TLS, all receivers */
	uint64_t	handshakes_per_minute;	/* from one address */
	uint64_t	errors_soft;		/* then each reply waits 1 s */
	uint64_t	errors;			/* then 421 */
	uint64_t	commands;		/* between mails that are no mail */
	uint64_t	mails;			/* of one session */
	uint64_t	bad_recipients;		/* of one session */
	uint64_t	body_line;		/* octets of a line of content */
	uint64_t	idle;			/* s without a command */
	uint64_t	idle_busy;		/* at 75 % of the sessions */
	uint64_t	idle_full;		/* at 90 % */
	uint64_t	data_idle;		/* s without an octet of content */
	uint64_t	data_rate;		/* octets/s, at least */
	uint64_t	data_rate_window;	/* s over which it is measured */
	uint64_t	session_without_mail;	/* s */
	uint64_t	session;		/* s in all */
	uint64_t	final_reply;		/* s from the final dot to a reply */
	uint64_t	auth_per_session;	/* attempts */
	uint64_t	auth_per_minute;	/* from one address */
	uint64_t	auth_per_day;		/* from one address */
	uint64_t	auth_per_account;	/* failures in 15 minutes */
	uint64_t	hops;			/* Received fields */
	uint64_t	hops_own;		/* of them ours */
	uint64_t	bounce_copy;		/* octets of the original */
	uint64_t	concurrency_start;	/* connections to one site */
	uint64_t	concurrency;		/* at most */
	uint64_t	disk_refuse_new;	/* percent free: 452 at MAIL */
	uint64_t	disk_refuse_all;	/* percent free */
	uint64_t	memory_shed;		/* percent of the group's limit */
	uint64_t	memory_hard;
};
/* As a client, in seconds (RFC 5321 4.5.3.2). */
struct config_timeouts {
	uint64_t	connect, reply, data, block, final, quit;
};
struct config_retry {
	uint64_t	first;			/* s */
	uint64_t	growth;			/* hundredths: 150 is x1.5 */
	uint64_t	jitter;			/* percent, either way */
	uint64_t	cap;			/* s */
	uint64_t	lifetime;		/* s */
	uint64_t	bounce_lifetime;	/* s, null reverse-path */
};

struct config {
	const char	       *hostname;	/* lower case */

	struct config_listen   *listens;
	size_t			nlistens;
	struct config_domain   *domains;
	size_t			ndomains;
	struct config_relay    *relays;		/* config->relays[i]: row i */
	size_t			nrelays;

	/* Both "" or both set. */
	struct config_tls_files {
		struct config_where	where[CONFIG_OPTIONS_MAX];
		const char	       *certificate, *key;
	} tls;

	struct config_server   *resolvers;	/* none: see resolv.conf */
	size_t			nresolvers;
	const char	       *trust_anchor;	/* "": the system's */
	uint64_t		mx_port;	/* 25 but in tests */
	const char	       *ca_file;	/* "": the system's store */
	bool			is_private_target_allowed;
	bool			is_no_sandbox_allowed;
	bool			is_delivery_held;

	const char	       *spool;		/* directory */
	uint64_t		segment_size;	/* octets, a multiple of 4096 */
	const char	       *control_socket;
	const char	       *control_group;	/* "": only root and ourselves */
	const char	       *submission_socket;

	/* NAME, NUMBER, NAME:GROUP or NUMBER:NUMBER; without a group a name's
	 * primary group, or the same number. */
	const char	       *user[CONFIG_USER_COUNT];
	uint64_t		receivers, senders;

	struct config_limits	limits;
	struct config_timeouts	timeouts;
	struct config_retry	retry;

	enum config_log_to	log_to;
	const char	       *log_file;	/* or syslog's socket; "": stdout */
	uint64_t		log_level;	/* enum log_level: up to this */
	const char	       *history;	/* directory */
	uint64_t		history_keep;	/* s */
	uint64_t		history_size;	/* octets */

	struct config_where	where[CONFIG_ROWS_MAX];	/* of schema row i */
	const char	      **files;		/* what was read, first the main */
	size_t			nfiles;
	struct arena		memory;		/* owns all of the above */
};

/* What the machine adds to an empty file. */
struct config_host {
	const char     *hostname;	/* gethostname(); may be unusable */
	unsigned int	cores;		/* 1 or more */
};

/* How `include` reaches other files; config_load_file has its own. */
struct config_source {
	/*
	 * The whole text of path (absolute), which lives until config_parse
	 * returns.  False: *why is a few words ("no such file").
	 */
	bool (*open)(void *ctx, const char *path, struct span *text,
	    const char **why);
	void *ctx;
};

/* Errors, each `file:line:column: sentence`, ended by a newline. */
struct config_report {
	size_t		nerrors;	/* all, the untold ones too */
	struct buf	text;		/* of the first CONFIG_ERRORS_MAX */
};
struct config_report config_report_make(void);
void config_report_free(struct config_report *r);

/*
 * Read a configuration from text.
 *
 * file		its absolute path: relative paths start at its folder
 * source	NULL: `include` is an error
 * *c		the caller frees it with config_free
 * ERR_SYNTAX: the report says what and where (all errors, not the first one).
 * ERR_NOMEM.
 * No file is looked at: whether named files exist is config_check_files's.
 */
MUST_USE enum err config_parse(struct span text, const char *file,
    const struct config_source *source, const struct config_host *host,
    struct config **c, struct config_report *report);
void config_free(struct config *c);

/* Read a file and what it includes; an unreadable one is an error too. */
MUST_USE enum err config_load_file(const char *path, struct config **c,
    struct config_report *report);
/* From a descriptor that holds config_print's text (a role's snapshot). */
MUST_USE enum err config_load_fd(int fd, struct config **c,
    struct config_report *report);
/*
 * Do the files that it names exist, can they be read, are secrets closed to
 * the world (LOG-5)?  One line a trouble in report; ERR_SYNTAX when there is
 * one.
 */
MUST_USE enum err config_check_files(const struct config *c,
    struct config_report *report);

/*
 * The effective configuration as text that config_parse reads back to an equal
 * one.  with_origin: each line says `# file:line` or `# default`.
 * ERR_FULL beyond to's limit (CONFIG_PRINT_MAX is enough for any), ERR_NOMEM.
 */
MUST_USE enum err config_print(const struct config *c, bool with_origin,
    struct buf *to);
/* posthorse.conf(5) in mdoc, made from the schema. */
MUST_USE enum err config_manual(struct buf *to);

/* The relay for a domain: its own row, else the one for all the rest, or NULL. */
const struct config_relay *config_relay_for(const struct config *c,
    struct span domain);
const struct config_domain *config_domain_find(const struct config *c,
    struct span name);
/* "mx", "submission", "relay". */
const char *config_listen_name(enum config_listen_kind kind);
/* "smtp", "lookup" ...: the word behind `user`. */
const char *config_user_name(enum config_user user);
/* "/etc/posthorse/posthorse.conf:12", or "default"; room of 64 and more. */
void config_where_print(const struct config *c, struct config_where where,
    char *to, size_t room);

#endif
