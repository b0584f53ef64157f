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
#define CONFIG_GRANTS_MAX	1000u
#define CONFIG_TLS_MAX		64u		/* certificates */
#define CONFIG_OAUTHS_MAX	4u
#define CONFIG_BACKENDS_MAX	20u
#define CONFIG_NETWORKS_MAX	64u		/* of one list */
#define CONFIG_RESOLVERS_MAX	4u
#define CONFIG_ERRORS_MAX	20u		/* reported of one reading */
#define CONFIG_PRINT_MAX	CONFIG_FILE_MAX

#define CONFIG_PATH_DEFAULT	"/etc/posthorse/posthorse.conf"

/* Where a value was said.  file 0: nowhere, it is the default. */
struct config_where {
	uint32_t	line;
	uint16_t	file;		/* config->files[file - 1] */
};
#define CONFIG_ROWS_MAX		192u	/* statements, and their options */
#define CONFIG_OPTIONS_MAX	16u	/* of one listen, domain, relay, tls */

enum config_listen_kind {
	CONFIG_LISTEN_MX,		/* mail from other servers */
	CONFIG_LISTEN_SUBMISSION,	/* from users, who authenticate */
	CONFIG_LISTEN_RELAY,		/* from the networks under `from` */
	CONFIG_LISTEN_LMTP,		/* RFC 2033: for our domains */
	CONFIG_LISTEN_CLOSED,		/* RFC 7504: no mail, for nobody */
	CONFIG_LISTEN_KIND_COUNT
};
enum config_tls {
	CONFIG_TLS_UNSET,	/* never after config_parse */
	CONFIG_TLS_NONE,
	CONFIG_TLS_STARTTLS,	/* offered */
	CONFIG_TLS_IMPLICIT,	/* from the first octet */
	CONFIG_TLS_COUNT
};
enum config_client_demand {
	CONFIG_CLIENT_NONE,	/* not asked for a certificate */
	CONFIG_CLIENT_OPTIONAL,
	CONFIG_CLIENT_REQUIRED
};
#define CONFIG_PRINT_OCTETS	32u	/* SHA-256 of a certificate */
#define CONFIG_PRINTS_MAX	32u	/* of one listener */
struct config_client {
	enum config_client_demand demand;
	const char	       *ca_file;	/* or "": fingerprints only */
	const uint8_t	      (*prints)[CONFIG_PRINT_OCTETS];
	size_t			nprints;
};
struct config_listen {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	enum config_listen_kind	kind;
	/* n == 0: every address of both families. */
	struct address		address;
	uint16_t		port;		/* never 0 */
	struct networks		from;		/* exempt from limits per address;
						 * relay: who may relay */
	struct networks		proxy;		/* begin with a PROXY header */
	struct networks		xclient;	/* may say XCLIENT, XFORWARD */
	struct networks		etrn;		/* may say ETRN */
	enum config_tls		tls;
	struct config_client	client;		/* whose certificate is known */
};

struct config_domain {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	const char	       *name;		/* lower case, A-labels */
	const char	       *users_file;
	const char	       *backend;	/* config_backend's name, or "" */
	/* Absolute; {domain} and {user} stand for themselves, {user} is there. */
	const char	       *maildir;
	const char	       *postmaster;	/* a key of users_file, or "":
						 * the first user there */
	const char	       *catch_all;	/* the same, or "": nobody */
	const char	       *separators;	/* CONFIG_SEPARATORS_NONE; "": + */
	const char	       *aliases_file;	/* "": none */
};
#define CONFIG_SEPARATORS_NONE	"none"
/* Each of them parts a user's name from what the user makes of it. */
struct span config_separators(const struct config_domain *d);

enum config_relay_tls {
	CONFIG_RELAY_OPPORTUNISTIC,	/* smtp://: STARTTLS when offered */
	CONFIG_RELAY_STARTTLS,		/* smtp://user@: required, verified */
	CONFIG_RELAY_IMPLICIT		/* smtps://: verified */
};
/*
 * Mail for domain (and not below it), or for all the rest, goes to host.  One
 * with a name and no domain gets only what rules send there.
 */
struct config_relay {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	const char	       *domain;		/* lower case; "": all the rest */
	const char	       *name;		/* of `route NAME`; "": none */
	const char	       *host;		/* name, or address without [] */
	uint16_t		port;		/* 25; with user 587; smtps 465 */
	const char	       *user;		/* "": no authentication */
	const char	       *password_file;	/* one line; set when user is */
	enum config_relay_tls	tls;
};

/*
 * A user who may send in other names than their own.  senders: with commas
 * between them, each local@domain, @domain or *; lower case.
 */
struct config_grant {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	const char	       *user;		/* name@domain, lower case */
	const char	       *senders;
};


/* Where an outside system listens: an address, or (n == 0) a path. */
struct config_at {
	struct address		address;
	uint16_t		port;
	const char	       *path;		/* or "" */
};
/* Whose tokens are taken in place of passwords. */
struct config_oauth {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	const char	       *issuer;		/* claim iss */
	const char	       *audience;	/* one of claim aud */
	const char	       *user_claim;	/* names the user; "": email, or of
						 * an answer username */
	/* By its keys: JWT (RFC 7519), or "". */
	const char	       *keys_file;	/* JWKS (RFC 7517) */
	/* By asking it (RFC 7662), or "". */
	const char	       *introspect;	/* https:// */
	struct config_at	at;		/* where its host is */
	const char	       *client;		/* whom we are there */
	const char	       *secret_file;	/* one line */
	const char	       *ca_file;	/* "": the system's */
	const char	       *scope;		/* that it must have; "": any */
};

/*
 * An outside system that knows users who are in no users file.  Each is a
 * process of its own, of a program of its own (doc/design/backend.md).
 */
enum config_backend_kind {
	CONFIG_BACKEND_SQLITE,
	CONFIG_BACKEND_DOVECOT,
	CONFIG_BACKEND_POSTGRESQL,
	CONFIG_BACKEND_LDAP,
	CONFIG_BACKEND_PAM,
	CONFIG_BACKEND_TOKEN,		/* of an `oauth` line */
	CONFIG_BACKEND_KIND_COUNT
};
struct config_backend {
	struct config_where	where[CONFIG_OPTIONS_MAX];
	enum config_backend_kind kind;
	const char	       *name;
	const char	       *run_as;		/* as config->user; "": `user
						 * backend` */
	const char	       *file;		/* the database, or a socket's path */
	/* $1 NAME@DOMAIN, $2 NAME, $3 DOMAIN; its one column: the secret. */
	const char	       *query;
	const char	       *scram_secret;	/* file; "": no SCRAM */
	struct config_at	at;
	/* Whom its certificate must name, and who vouches for it; "": no TLS. */
	const char	       *tls_name, *ca_file;
	const char	       *database;
	const char	       *login;		/* whom we are there */
	const char	       *password_file;	/* one line; or "" */
	/* {user}, {name} and {domain} in them: an entry's name, or what finds
	 * it below base. */
	const char	       *dn, *filter, *base;
	const char	       *service;	/* of PAM */
	const struct config_oauth *oauth;	/* TOKEN: whose file is the URL */
};
#define CONFIG_SOCKET_MAX	107u	/* octets; unix(7) */
#define CONFIG_NO_BACKEND	UINT32_MAX

struct config_server {
	struct address		address;
	uint16_t		port;
};

#define CONFIG_DNS_LISTS_MAX	16u
/* A DNS block list, or with a negative weight an allow list (RFC 5782). */
struct config_dns_list {
	const char     *zone;		/* lower case */
	int64_t		weight;
	struct network	reply;		/* IPv4: which replies mean "listed" */
};
enum config_reverse {
	CONFIG_REVERSE_NO,
	CONFIG_REVERSE_LOOK,		/* asked, shown, and left to rules */
	CONFIG_REVERSE_REFUSE		/* no name that leads back: no service */
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
	CONFIG_USER_KEYS,
	CONFIG_USER_STATE,
	CONFIG_USER_BACKEND,
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
	uint64_t	hold;			/* seconds (RFC 4865) */
	uint64_t	user_held_size;		/* octets; 0: no limit */
	uint64_t	user_messages;		/* an hour; 0: no limit */
	uint64_t	user_recipients;	/* an hour; 0: no limit */
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
	struct config_oauth    *oauths;		/* config->oauths[i]: row i */
	size_t			noauths;
	struct config_backend  *backends;	/* by kind: in each process so */
	size_t			nbackends;

	struct config_rules    *rules;		/* match.h; NULL: there is none */

	struct config_grant    *grants;
	size_t			ngrants;

	/* The first is shown to who names none of them. */
	struct config_tls_files {
		struct config_where	where[CONFIG_OPTIONS_MAX];
		const char	       *certificate, *key;
	}		       *tls;
	size_t			ntls;

	const char	       *no_mail;	/* domains, commas between them */
	const char	       *administrators;	/* users, the same */
	struct config_server   *resolvers;	/* none: see resolv.conf */
	size_t			nresolvers;
	const char	       *trust_anchor;	/* "": the system's */
	uint64_t		mx_port;	/* 25 but in tests */
	const char	       *ca_file;	/* "": the system's store */
	uint64_t		greylist;	/* s that a triplet waits; 0: off */
	const char	       *state;		/* directory */
	uint64_t		greeting_wait;	/* s, of clients of `listen mx` */
	enum config_reverse	reverse_dns;	/* of them */
	enum config_reverse	sender_domain;	/* at their MAIL */
	const struct config_dns_list *dns_lists;	/* that they are looked for in */
	size_t			ndns_lists;
	bool			is_private_target_allowed;
	bool			is_no_sandbox_allowed;
	bool			is_foreign_sender_allowed;
	bool			is_malformed_header_allowed;
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
/* The same for a role, which tells in its log where a rule was written. */
MUST_USE enum err config_print_snapshot(const struct config *c,
    struct buf *to);
/* posthorse.conf(5) in mdoc, made from the schema. */
MUST_USE enum err config_manual(struct buf *to);

/* Is this domain one of no-mail?  Whole: by its own name, not one above it. */
bool config_is_no_mail(const struct config *c, struct span domain,
    bool is_whole);
/* The relay for a domain: its own row, else the one for all the rest, or NULL. */
const struct config_relay *config_relay_for(const struct config *c,
    struct span domain);
/* The one that rules call so, or NULL. */
const struct config_relay *config_relay_named(const struct config *c,
    struct span name);
const struct config_domain *config_domain_find(const struct config *c,
    struct span name);
/* Index of a domain's back end, or CONFIG_NO_BACKEND. */
uint32_t config_backend_of(const struct config *c,
    const struct config_domain *d);
/* The first of this kind, or CONFIG_NO_BACKEND. */
uint32_t config_backend_first(const struct config *c,
    enum config_backend_kind kind);
/* Does it hand out what is stored, or say only whether a password is right? */
bool config_backend_has_secrets(const struct config_backend *b);
/* "mx", "submission", "relay" ... */
const char *config_listen_name(enum config_listen_kind kind);
/* "smtp", "lookup" ...: the word behind `user`. */
const char *config_user_name(enum config_user user);
/* "/etc/posthorse/posthorse.conf:12", or "default"; room of 64 and more. */
void config_where_print(const struct config *c, struct config_where where,
    char *to, size_t room);

#endif
