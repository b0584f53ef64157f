#include "read.h"

#define D	"domain a.org {\nusers file u\ndeliver maildir m/{user}\n}\n"
#define TLS	"tls certificate c key k\n"
#define B	"domain a.org {\nusers file u\nusers backend b\n" \
	"deliver maildir m/{user}\n}\n"

/* What is wrong, and the whole of what is said about it. */
static const struct {
	const char *text, *errors;
} wrong[] = {
	/* words */
	{ "hostnam a.org\n",
	    "/etc/x:1:1: unknown word \"hostnam\", did you mean "
	    "\"hostname\"?\n" },
	{ "\n  lsiten mx\n",
	    "/etc/x:2:3: unknown word \"lsiten\", did you mean "
	    "\"listen\"?\n" },
	{ "limit mesage-size 5M\n",
	    "/etc/x:1:7: unknown word \"mesage-size\", did you mean "
	    "\"message-size\"?\n" },
	{ "xyzzy\n", "/etc/x:1:1: unknown word \"xyzzy\"\n" },
	{ "limit\n",
	    "/etc/x:1:6: \"limit\" alone says nothing, a word is missing "
	    "behind it\n" },
	{ "\"hostname\" a.org\n",
	    "/etc/x:1:1: unknown word \"hostname\", did you mean "
	    "\"hostname\"?\n" },
	{ "users file x\n",
	    "/etc/x:1:1: \"users\" belongs in the block of a domain\n" },
	{ "domain a.org {\nhostname b\nusers file u\n"
	    "deliver maildir {user}\n}\n",
	    "/etc/x:2:1: \"hostname\" cannot stand in a block of domain\n" },
	{ "domain a.org {\nuser file u\nusers file u\n"
	    "deliver maildir {user}\n}\n",
	    "/etc/x:2:1: unknown word \"user\", did you mean \"users\"?\n" },
	{ "hostname a.org b\n",
	    "/etc/x:1:16: \"b\" is one word too many\n" },
	{ "hostname\n",
	    "/etc/x:1:9: a value is missing: hostname NAME\n" },
	/* the octets */
	{ "spool \"/a\n",
	    "/etc/x:1:7: this quote is not closed on its line\n" },
	{ "spool \"/a\\n\"\n",
	    "/etc/x:1:10: after a backslash comes \" or \\\n" },
	{ "spool \"/a\"b\n",
	    "/etc/x:1:11: a space is missing after the closing quote\n" },
	{ "spool /a\"b\"\n",
	    "/etc/x:1:9: a quote inside a word; quote the whole word\n" },
	{ "spool /a\x01" "b\n", "/etc/x:1:9: a control character\n" },
	{ "spool \"/a\x7f\"\n", "/etc/x:1:10: a control character\n" },
	{ "domain a.org {users file x}\n",
	    "/etc/x:1:14: a loose brace in a word: a block's brace stands "
	    "alone, with space on both sides\n" },
	/* blocks */
	{ "}\n", "/etc/x:1:1: this brace closes nothing\n" },
	{ "{\nspool /x\n}\n",
	    "/etc/x:1:1: a block needs a statement in front of it\n" },
	{ "hostname a.org {\nxyzzy\n}\n",
	    "/etc/x:1:16: hostname takes no block\n" },
	{ "xyzzy {\nfoo\nbar {\n}\n}\nspol /x\n",
	    "/etc/x:1:1: unknown word \"xyzzy\"\n"
	    "/etc/x:6:1: unknown word \"spol\", did you mean \"spool\"?\n" },
	{ "domain a.org {\nusers file u\ndeliver maildir /m/{user}\n",
	    "/etc/x:1:1: a block is not closed at the end of the file\n" },
	{ "xyzzy {\n", "/etc/x:1:1: unknown word \"xyzzy\"\n"
	    "/etc/x:2:1: a block is not closed at the end of the file\n" },
	{ "domain a.org\n",
	    "/etc/x:1:13: domain needs a block: { ... }\n" },
	{ "domain a.org {\n}\n",
	    "/etc/x:1:1: domain needs \"users file FILE\"\n"
	    "/etc/x:1:1: domain needs \"deliver maildir PATH\"\n" },
	/* values */
	{ "limit message-size 50X\n",
	    "/etc/x:1:20: \"50X\" is not a size: digits, and k, M or G "
	    "behind them\n" },
	{ "limit message-size 2G\n",
	    "/etc/x:1:20: limit message-size is 64k to 1G, not 2G\n" },
	{ "limit idle 5w\n",
	    "/etc/x:1:12: \"5w\" is not a duration: digits, and s, m, h or d "
	    "behind them\n" },
	{ "limit idle s\n",
	    "/etc/x:1:12: \"s\" is not a duration: digits, and s, m, h or d "
	    "behind them\n" },
	{ "limit mails -1\n",
	    "/etc/x:1:13: \"-1\" is not a whole number\n" },
	{ "limit mails 18446744073709551616\n",
	    "/etc/x:1:13: \"18446744073709551616\" is not a whole number\n" },
	{ "limit message-size 18014398509481985k\n",
	    "/etc/x:1:20: \"18014398509481985k\" is not a size: digits, and "
	    "k, M or G behind them\n" },
	{ "retry growth 1.555\n",
	    "/etc/x:1:14: \"1.555\" is not a factor such as 1.5\n" },
	{ "retry growth 0.9\n",
	    "/etc/x:1:14: retry growth is 1 to 10, not 0.9\n" },
	{ "allow no sandbox yess\n",
	    "/etc/x:1:18: \"yess\" is not known here, did you mean "
	    "\"yes\"?\n" },
	{ "log level verbose\n",
	    "/etc/x:1:11: \"verbose\" is not known here; log level takes "
	    "alarm | warn | info | debug\n" },
	{ "log to file\n",
	    "/etc/x:1:12: a value is missing: log to stdout | file FILE | "
	    "syslog [SOCKET]\n" },
	{ "hostname a_b.org\n",
	    "/etc/x:1:10: \"a_b.org\" is not a DNS name; letters, digits, "
	    "hyphens and dots (and A-labels, xn--, for others) make one\n" },
	{ "user smtp root\n",
	    "/etc/x:1:11: \"root\" is not a user (never root) or user:group, "
	    "by name or number\n" },
	{ "user smtp 0\n",
	    "/etc/x:1:11: \"0\" is not a user (never root) or user:group, "
	    "by name or number\n" },
	{ "resolver 192.0.2.53@0\n",
	    "/etc/x:1:10: \"192.0.2.53@0\" is not a resolver such as "
	    "192.0.2.53 or ::1@5353\n" },
	{ "domain a.org {\nusers file u\ndeliver maildir /m/{usr}\n}\n",
	    "/etc/x:3:17: \"/m/{usr}\" is not a path with {user}, and perhaps "
	    "{domain}, in it\n" },
	{ "domain a.org {\nusers file u\nseparator ++\n"
	    "deliver maildir /m/{user}\n}\n",
	    "/etc/x:3:11: \"++\" is not none, or some of + - _ = . ~, each "
	    "once\n" },
	{ "domain a.org {\nusers file u\nseparator +@\n"
	    "deliver maildir /m/{user}\n}\n",
	    "/etc/x:3:11: \"+@\" is not none, or some of + - _ = . ~, each "
	    "once\n" },
	{ "domain a.org {\nusers file u\ncatch-all bob@a.org\n"
	    "deliver maildir /m/{user}\n}\n",
	    "/etc/x:3:11: \"bob@a.org\" is not a name of letters, digits, - _ "
	    "and .\n" },
	/* listen, relay, tls */
	{ "listen\n", "/etc/x:1:7: a value is missing: listen mx | "
	    "submission | relay\n" },
	{ "listen submision\n",
	    "/etc/x:1:8: \"submision\" is not known here, did you mean "
	    "\"submission\"?\n" },
	{ "listen mx frm 192.0.2.0/24\n",
	    "/etc/x:1:11: \"frm\" is no option of listen, did you mean "
	    "\"from\"?\n" },
	{ "listen mx on 192.0.2.1:0\n",
	    "/etc/x:1:14: \"192.0.2.1:0\" is not an address and port such as "
	    "192.0.2.1:25, [2001:db8::1]:25 or *:25\n" },
	{ "listen mx from 192.0.2.1/24\n",
	    "/etc/x:1:16: \"192.0.2.1/24\" is not a network such as "
	    "192.0.2.0/24 or 2001:db8::/32 (with no bit set behind its "
	    "prefix)\n" },
	{ "listen mx from 192.0.2.0/24,\n",
	    "/etc/x:1:29: a value is missing: from NETWORK,...\n" },
	{ "listen mx on *:25 on *:26\n",
	    "/etc/x:1:19: on was set already at /etc/x:1\n" },
	{ "listen relay\n",
	    "/etc/x:1:1: listen relay needs \"from NETWORKS\", or the whole "
	    "world could relay\n" },
	{ "listen submission\n",
	    "/etc/x:1:1: TLS needs a certificate: say \"tls certificate FILE "
	    "key FILE\"\n" },
	{ TLS "listen submission tls none\n",
	    "/etc/x:2:1: users' passwords need TLS: listen submission cannot "
	    "have \"tls none\"\n" },
	{ "listen mx\nlisten mx on 192.0.2.1\n",
	    "/etc/x:2:1: port 25 is opened on line 1 already\n" },
	{ "tls certificate c\n", "/etc/x:1:1: tls needs \"key FILE\"\n" },
	{ TLS TLS, "/etc/x:2:1: certificate /etc/c was there on line 1 "
	    "already\n" },
	{ TLS "listen mx client certificate\n",
	    "/etc/x:2:29: a value is missing: client certificate optional | "
	    "required ca FILE fingerprint SHA256 ...\n" },
	{ TLS "listen mx client certificate maybe\n",
	    "/etc/x:2:30: \"maybe\" is not optional or required\n" },
	{ TLS "listen mx client certificate optional\n",
	    "/etc/x:2:30: whose certificates? say \"ca FILE\" or "
	    "\"fingerprint SHA256,...\"\n" },
	{ TLS "listen mx client certificate optional fingerprint 00:11\n",
	    "/etc/x:2:51: \"00:11\" is not a fingerprint: SHA-256, 64 "
	    "hexadecimal digits (at most 32 of them)\n" },
	{ TLS "listen mx client certificate optional fingerprint\n",
	    "/etc/x:2:50: a value is missing: client certificate optional | "
	    "required ca FILE fingerprint SHA256 ...\n" },
	{ TLS "listen mx tls none client certificate required ca f\n",
	    "/etc/x:2:1: a client certificate needs TLS: this listener has "
	    "none\n" },
	{ "relay via http://a.org\n",
	    "/etc/x:1:11: \"http://a.org\" is not a server such as "
	    "smtp://mx.example.net:25 or smtps://user@smtp.example.net\n" },
	{ "relay vai smtp://a.org\n",
	    "/etc/x:1:7: \"vai\" is no option of relay, did you mean "
	    "\"via\"?\n" },
	{ "relay\n", "/etc/x:1:1: relay needs \"via URL\"\n" },
	{ "relay via smtps://u@a.org\n",
	    "/etc/x:1:1: user u needs \"password-file FILE\"\n" },
	{ "relay via smtp://a.org password-file p\n",
	    "/etc/x:1:1: a password without a user: say smtps://USER@a.org\n"
	},
	{ "relay via smtp://a.org\nrelay via smtp://b.org\n",
	    "/etc/x:2:1: the same relay was on line 1 already\n" },
	{ "grant anna sender a@b.org\n", "/etc/x:1:7: \"anna\" is not a user "
	    "such as anna@example.org\n" },
	{ "grant a@b.org sender a, c@d.org\n", "/etc/x:1:22: \"a\" is not an "
	    "address, @DOMAIN or *\n" },
	{ "grant a@b.org sender @\n", "/etc/x:1:22: \"@\" is not an address, "
	    "@DOMAIN or *\n" },
	{ "grant a@b.org sender c@d.org,\n", "/etc/x:1:30: a value is missing: "
	    "sender ADDRESS,...\n" },
	{ "no-mail\n", "/etc/x:1:8: a value is missing: no-mail DOMAIN,...\n" },
	{ "no-mail a.org,\n", "/etc/x:1:15: a value is missing: no-mail "
	    "DOMAIN,...\n" },
	{ "no-mail a.org, b@c.org\n", "/etc/x:1:16: \"b@c.org\" is not a "
	    "domain such as example.org, or .example.org\n" },
	{ "no-mail .\n", "/etc/x:1:9: \".\" is not a domain such as "
	    "example.org, or .example.org\n" },
	{ "administrators anna\n", "/etc/x:1:16: \"anna\" is not a user such "
	    "as anna@example.org\n" },
	{ D "no-mail b.org,A.org\n", "/etc/x:1:1: domain a.org takes mail: it "
	    "cannot be under no-mail\n" },
	{ "grant a@b.org\n", "/etc/x:1:1: grant needs \"sender "
	    "ADDRESS,...\"\n" },
	{ D "relay a.org via smtp://b.org\n",
	    "/etc/x:5:1: a.org is a domain of ours\n" },
	{ "oauth issuer https://a audience b\n",
	    "/etc/x:1:1: oauth needs \"keys FILE\" or \"introspect URL\"\n" },
	{ "oauth issuer a audience b keys k introspect https://a.b/\n",
	    "/etc/x:1:1: oauth needs \"keys FILE\" or \"introspect URL\"\n" },
	{ "oauth issuer a audience b introspect http://a.b/ at 192.0.2.1 client "
	    "c secret-file s\n", "/etc/x:1:1: introspect needs a URL such as "
	    "https://id.example.org/introspect\n" },
	{ "oauth issuer a audience b introspect https://192.0.2.1/ at 192.0.2.1 "
	    "client c secret-file s\n", "/etc/x:1:1: introspect needs a URL such "
	    "as https://id.example.org/introspect\n" },
	{ "oauth issuer a audience b introspect https://a.b/ client c "
	    "secret-file s\n", "/etc/x:1:1: introspect needs \"at ADDRESS\", "
	    "and the port of the URL\n" },
	{ "oauth issuer a audience b introspect https://a.b:444/ at 192.0.2.1:443 "
	    "client c secret-file s\n", "/etc/x:1:1: introspect needs \"at "
	    "ADDRESS\", and the port of the URL\n" },
	{ "oauth issuer a audience b introspect https://a.b/ at 192.0.2.1\n",
	    "/etc/x:1:1: introspect needs \"client NAME\" and \"secret-file "
	    "FILE\"\n" },
	{ "oauth issuer a audience b introspect https://a.b/ at 192.0.2.1 client "
	    "c secret-file s\noauth issuer d audience b introspect https://a.b/ "
	    "at 192.0.2.1 client c secret-file s\n",
	    "/etc/x:2:1: one issuer may be asked: another would be shown its "
	    "tokens\n" },
	{ "oauth issuer a audience b keys c\noauth issuer a audience d keys "
	    "e\n", "/etc/x:2:1: the same issuer was on line 1 already\n" },
	/* back ends */
	{ "backend mysql b\n",
	    "/etc/x:1:9: unknown word \"mysql\"\n" },
	{ "backend sqlit b\n",
	    "/etc/x:1:9: unknown word \"sqlit\", did you mean "
	    "\"sqlite\"?\n" },
	{ "backend sqlite b file /f\n",
	    "/etc/x:1:1: backend sqlite needs \"query TEXT\"\n" },
	{ "backend sqlite b qeury x\n",
	    "/etc/x:1:18: \"qeury\" is no option of backend sqlite, did you "
	    "mean \"query\"?\n" },
	{ "backend sqlite b/c file /f query q\n",
	    "/etc/x:1:16: \"b/c\" is not a name of letters, digits, - _ and "
	    ".\n" },
	{ "backend pam b service x run-as root\n",
	    "/etc/x:1:32: \"root\" is not a user (never root) or user:group, "
	    "by name or number\n" },
	{ B, "/etc/x:3:1: there is no backend b\n" },
	{ "backend pam b service x\nbackend dovecot b socket /s\n",
	    "/etc/x:2:1: backend b was there on line 1 already\n" },
	{ "backend postgresql b at db.example.org database d login l query q"
	    "\n", "/etc/x:1:25: \"db.example.org\" is not an address such as "
	    "192.0.2.1:5432, or an absolute path\n" },
	{ "backend postgresql b at 192.0.2.1 database d login l query q\n",
	    "/etc/x:1:1: another host needs \"tls NAME\", or secrets would "
	    "cross in the clear\n" },
	{ "backend postgresql b at /run tls a.org ca-file c database d login l "
	    "query q\n", "/etc/x:1:1: a socket of this host has no TLS\n" },
	{ "backend ldap b at 127.0.0.1 tls a.org dn {user}\n",
	    "/etc/x:1:1: tls NAME and ca-file FILE go together\n" },
	{ "backend ldap b at 127.0.0.1\n",
	    "/etc/x:1:1: a directory needs \"dn TEMPLATE\", or \"base NAME\" "
	    "and \"filter TEMPLATE\"\n" },
	{ "backend ldap b at 127.0.0.1 dn {user} base dc=a filter {user}\n",
	    "/etc/x:1:1: a directory needs \"dn TEMPLATE\", or \"base NAME\" "
	    "and \"filter TEMPLATE\"\n" },
	{ "backend ldap b at 127.0.0.1 dn uid={usr}\n",
	    "/etc/x:1:32: \"uid={usr}\" is not a text with {user} or {name}, "
	    "and perhaps {domain}, in it\n" },
	{ "backend ldap b at 127.0.0.1 dn uid={user} login x\n",
	    "/etc/x:1:1: login and password-file go together, and with a "
	    "filter\n" },
	{ D D, "/etc/x:5:1: domain a.org was there on line 1 already\n" },
	{ "spool /a\nspool /b\n",
	    "/etc/x:2:1: spool was set already at /etc/x:1\n" },
	{ "segment-size 1048577\n",
	    "/etc/x: segment-size is no multiple of 4096\n" },
	{ "limit errors 3\n",
	    "/etc/x: limit errors-soft is above limit errors\n" },
	/* include */
	{ "include y\n",
	    "/etc/x:1:1: cannot read /etc/y: it may not be included here\n" },
	/* all errors, not only the first */
	{ "spol /a\nlimit idle 0\nhostname \"a b\"\n",
	    "/etc/x:1:1: unknown word \"spol\", did you mean \"spool\"?\n"
	    "/etc/x:2:12: limit idle is 1s to 1h, not 0\n"
	    "/etc/x:3:10: \"a b\" is not a DNS name; letters, digits, hyphens "
	    "and dots (and A-labels, xn--, for others) make one\n" },
};

static void
test_errors(void **state)
{
	static char errors[16384];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct config *c = read_text(span_str(wrong[i].text), NULL,
		    errors, sizeof errors);

		CHECK_STR(errors, wrong[i].errors, "%s", wrong[i].text);
		config_free(c);
	}
}

static struct config *
good(const char *text)
{
	static char errors[16384];
	struct config *c = read_text(span_str(text), NULL, errors,
	    sizeof errors);

	CHECK(c != NULL, "%s: %s", text, errors);
	return c;
}

static void
test_empty_opens_nothing(void **state)
{
	static const char *const empty[] = { "", "\n\n", "# only this", " \t\r",
		"#\n#" };

	(void)state;
	for (size_t i = 0; i < COUNT(empty); i++) {
		struct config *c = good(empty[i]);

		CHECK_NUM(c->nlistens, 0, "%zu", i);
		CHECK_NUM(c->ndomains, 0, "%zu", i);
		CHECK_NUM(c->nrelays, 0, "%zu", i);
		CHECK_STR(c->hostname, "mx.example.org", "%zu", i);
		CHECK_NUM(c->receivers, 2, "%zu", i);
		CHECK_NUM(c->ntls, 0, "%zu", i);
		CHECK(!c->is_private_target_allowed, "%zu", i);
		CHECK(!c->is_no_sandbox_allowed, "%zu", i);
		config_free(c);
	}
}

/* SECURITY-REQUIREMENTS 19, column Posthorse. */
static void
test_default_limits(void **state)
{
	struct config *c = good("");
	const struct config_limits *l = &c->limits;

	(void)state;
	CHECK_NUM(l->message_size, 50 << 20, "message size");
	CHECK_NUM(l->recipients, 1000, "RCPT per mail");
	CHECK_NUM(l->sessions, 10000, "sessions");
	CHECK_NUM(l->sessions_per_address, 30, "per address");
	CHECK_NUM(l->sessions_per_network, 200, "per network");
	CHECK_NUM(l->connections_per_minute, 120, "connections");
	CHECK_NUM(l->handshakes_per_minute, 60, "handshakes");
	CHECK_NUM(l->handshakes, 1000, "unfinished handshakes");
	CHECK_NUM(l->errors_soft, 5, "soft errors");
	CHECK_NUM(l->errors, 10, "errors");
	CHECK_NUM(l->commands, 50, "commands");
	CHECK_NUM(l->mails, 1000, "mails");
	CHECK_NUM(l->bad_recipients, 20, "bad RCPT");
	CHECK_NUM(l->body_line, 65536, "body line");
	CHECK_NUM(l->hops, 100, "hops");
	CHECK_NUM(l->hops_own, 10, "own hops");
	CHECK_NUM(l->bounce_copy, 50000, "bounce copy");
	CHECK_NUM(l->auth_per_session, 3, "AUTH per session");
	CHECK_NUM(l->auth_per_minute, 10, "AUTH per minute");
	CHECK_NUM(l->auth_per_day, 50, "AUTH per day");
	CHECK_NUM(l->auth_per_account, 10, "AUTH per account");
	CHECK_NUM(l->idle, 300, "idle");
	CHECK_NUM(l->data_idle, 180, "DATA idle");
	CHECK_NUM(l->data_rate, 500, "DATA rate");
	CHECK_NUM(l->session_without_mail, 600, "without mail");
	CHECK_NUM(l->session, 7200, "session");
	CHECK_NUM(l->final_reply, 60, "final reply");
	CHECK_NUM(l->concurrency_start, 5, "concurrency start");
	CHECK_NUM(l->concurrency, 20, "concurrency");
	CHECK_NUM(l->disk_refuse_new, 10, "disk");
	CHECK_NUM(l->disk_refuse_all, 5, "disk");
	CHECK_NUM(c->timeouts.connect, 30, "connect");
	CHECK_NUM(c->timeouts.reply, 300, "reply");
	CHECK_NUM(c->timeouts.data, 120, "data");
	CHECK_NUM(c->timeouts.block, 180, "block");
	CHECK_NUM(c->timeouts.final, 600, "final");
	CHECK_NUM(c->timeouts.quit, 5, "quit");
	CHECK_NUM(c->retry.first, 300, "retry");
	CHECK_NUM(c->retry.growth, 150, "retry");
	CHECK_NUM(c->retry.jitter, 20, "retry");
	CHECK_NUM(c->retry.cap, 7200, "retry");
	CHECK_NUM(c->retry.lifetime, 5 * 86400, "retry");
	CHECK_NUM(c->retry.bounce_lifetime, 2 * 86400, "retry");
	CHECK_NUM(c->history_keep, 30 * 86400, "history");
	CHECK_NUM(c->history_size, 1 << 30, "history");
	CHECK_NUM(c->segment_size, 64 << 20, "segment");
	config_free(c);
}

static void
test_example_smarthost(void **state)
{
	struct config *c = good(
	    "# programs on this host send through a smarthost: the whole "
	    "file\n"
	    "relay via smtps://user@smtp.example.net password-file "
	    "/etc/posthorse/smarthost.secret\n");
	const struct config_relay *r;

	(void)state;
	CHECK_NUM(c->nrelays, 1, "one");
	r = config_relay_for(c, SPAN("anything.example"));
	CHECK(r == &c->relays[0], "it takes all");
	CHECK_STR(r->host, "smtp.example.net", "host");
	CHECK_STR(r->user, "user", "user");
	CHECK_NUM(r->port, 465, "port");
	CHECK_NUM(r->tls, CONFIG_RELAY_IMPLICIT, "tls");
	CHECK_STR(r->password_file, "/etc/posthorse/smarthost.secret", "file");
	config_free(c);
}

static void
test_example_domain(void **state)
{
	struct config *c = good(
	    "# a mail domain of one's own\n"
	    "hostname mx.example.org\n"
	    "tls certificate /etc/ssl/mx.pem key /etc/ssl/mx.key\n"
	    "listen mx\n"
	    "listen submission\n"
	    "domain example.org {\n"
	    "        users   file users\n"
	    "        deliver maildir /var/mail/{domain}/{user}\n"
	    "}\n");

	(void)state;
	CHECK_NUM(c->nlistens, 2, "listens");
	CHECK_NUM(c->listens[0].kind, CONFIG_LISTEN_MX, "first");
	CHECK_NUM(c->listens[0].port, 25, "mx");
	CHECK_NUM(c->listens[0].address.n, 0, "any address");
	CHECK_NUM(c->listens[0].tls, CONFIG_TLS_STARTTLS, "mx");
	CHECK_NUM(c->listens[1].port, 587, "submission");
	CHECK_NUM(c->listens[1].tls, CONFIG_TLS_STARTTLS, "submission");
	CHECK_NUM(c->ndomains, 1, "domains");
	CHECK_STR(c->domains[0].name, "example.org", "name");
	CHECK_STR(c->domains[0].users_file, "/etc/users",
	    "beside the file that names it");
	CHECK_STR(c->domains[0].maildir, "/var/mail/{domain}/{user}", "as it is");
	CHECK(config_domain_find(c, SPAN("EXAMPLE.org")) == c->domains,
	    "any case");
	CHECK(config_domain_find(c, SPAN("sub.example.org")) == NULL, "not below");
	config_free(c);
}

static void
test_example_relay(void **state)
{
	struct config *c = good(
	    "listen relay on 127.0.0.1:25 from 127.0.0.0/8\n");
	struct address a;

	(void)state;
	CHECK_NUM(c->listens[0].kind, CONFIG_LISTEN_RELAY, "kind");
	CHECK_NUM(c->listens[0].tls, CONFIG_TLS_NONE, "no certificate");
	CHECK_NUM(c->listens[0].port, 25, "port");
	CHECK(address_parse(SPAN("::ffff:127.0.0.1"), &a) == ERR_OK, "mapped");
	CHECK(networks_hold(c->listens[0].from.list, c->listens[0].from.n, &a),
	    "a mapped peer is its IPv4 address");
	config_free(c);
}

static void
test_many_shapes(void **state)
{
	struct config *c = good(
	    "tls key \"/a \\\"b\\\\\" certificate ./c # comment\r\n"
	    "tls certificate second key k\n"
	    "listen submission tls implicit\n"
	    "listen mx on [2001:db8::1]:2525 from 192.0.2.0/24,\n"
	    "    2001:db8::/32, 203.0.113.1 tls none\n"
	    "listen mx on ::1\n"
	    "relay B.example via smtp://u@x@[2001:db8::2] password-file p\n"
	    "relay via smtp://192.0.2.9:2526\n"
	    "relay \"via\" via smtp://c.example\n"
	    "resolver 127.0.0.1@5353, ::1\n"
	    "allow private targets\nallow no sandbox no\n"
	    "domain A.Example {\nusers file a#b\n"
	    "deliver maildir m/{user} }\n"
	    "log to file log\nlog level debug\n"
	    "user smtp 1000:ph-smtp\n"
	    "no-mail Old.example, .example,\n    none.example.org\n"
	    "grant Anna@A.Example sender Sales@B.example, @c.example\n");

	(void)state;
	CHECK_STR(c->grants[0].user, "anna@a.example", "lower case");
	CHECK_STR(c->grants[0].senders, "sales@b.example,@c.example", "one text");
	CHECK_NUM(c->ntls, 2, "certificates");
	CHECK_STR(c->tls[0].key, "/a \"b\\", "escapes");
	CHECK_STR(c->tls[0].certificate, "/etc/c", "relative");
	CHECK_STR(c->tls[1].certificate, "/etc/second", "in order");
	CHECK_NUM(c->listens[0].port, 465, "submission, implicit");
	CHECK_NUM(c->listens[1].port, 2525, "said");
	CHECK_NUM(c->listens[1].address.n, 16, "v6");
	CHECK_NUM(c->listens[1].from.n, 3, "over two lines");
	CHECK_NUM(c->listens[2].port, 25, "bare v6");
	CHECK_STR(c->relays[0].domain, "b.example", "lower case");
	CHECK_STR(c->relays[0].user, "u@x", "up to the last at-sign");
	CHECK_STR(c->relays[0].host, "2001:db8::2", "no brackets");
	CHECK_NUM(c->relays[0].port, 587, "a user means submission");
	CHECK_NUM(c->relays[0].tls, CONFIG_RELAY_STARTTLS, "required");
	CHECK(config_relay_for(c, SPAN("b.EXAMPLE")) == &c->relays[0], "own");
	CHECK(config_relay_for(c, SPAN("d.example")) == &c->relays[1], "rest");
	CHECK_NUM(c->relays[1].port, 2526, "said");
	CHECK_STR(c->relays[2].domain, "via", "quoted is no keyword");
	CHECK(config_is_no_mail(c, SPAN("OLD.example"), true) &&
	    config_is_no_mail(c, SPAN("none.example.org"), true), "said");
	CHECK(config_is_no_mail(c, SPAN("x.y.example"), false) &&
	    !config_is_no_mail(c, SPAN("x.y.example"), true), "below");
	CHECK(!config_is_no_mail(c, SPAN("example"), false) &&
	    !config_is_no_mail(c, SPAN(".example"), false) &&
	    !config_is_no_mail(c, SPAN("x.none.example.org"), false) &&
	    !config_is_no_mail(c, SPAN(""), false), "others");
	CHECK_NUM(c->nresolvers, 2, "resolvers");
	CHECK_NUM(c->resolvers[0].port, 5353, "said");
	CHECK_NUM(c->resolvers[1].port, 53, "default");
	CHECK(c->is_private_target_allowed && !c->is_no_sandbox_allowed,
	    "flags");
	CHECK_STR(c->domains[0].users_file, "/etc/a#b", "# inside a word");
	CHECK_STR(c->domains[0].maildir, "/etc/m/{user}", "relative");
	CHECK_NUM(c->log_to, CONFIG_LOG_FILE, "log");
	CHECK_STR(c->log_file, "/etc/log", "log");
	CHECK_STR(c->user[CONFIG_USER_SMTP], "1000:ph-smtp", "user");
	CHECK_STR(c->user[CONFIG_USER_MAIL], "ph-mail", "default");
	config_free(c);
}

/* A machine whose name is none must be told one. */
static void
test_unusable_hostname(void **state)
{
	static const struct config_host host = { "(none)", 1 };
	struct config_report report = config_report_make();
	struct config *c = NULL;

	(void)state;
	CHECK(config_parse(SPAN(""), "/etc/x", NULL, &host, &c, &report) ==
	    ERR_SYNTAX, "no name");
	CHECK_NUM(report.nerrors, 1, "one error");
	config_report_free(&report);
	report = config_report_make();
	CHECK(config_parse(SPAN("hostname A.b"), "/etc/x", NULL, &host, &c,
	    &report) == ERR_OK, "said");
	CHECK_STR(c->hostname, "a.b", "lower case");
	config_report_free(&report);
	config_free(c);
}

/* Files of a small world; /etc/chainN includes /etc/chainN+1. */
static bool
world(void *ctx, const char *path, struct span *text, const char **why)
{
	static char chain[64];
	unsigned int n = 0;

	(void)ctx;
	if (strcmp(path, "/etc/sub/a") == 0)
		*text = SPAN("spool s\ninclude b\n");
	else if (strcmp(path, "/etc/sub/b") == 0)
		*text = SPAN("limit mails 7\n");
	else if (strcmp(path, "/etc/loop") == 0)
		*text = SPAN("include x\n");
	else if (strcmp(path, "/etc/open") == 0)
		*text = SPAN("domain a.org {\n");
	else if (strncmp(path, "/etc/chain", 10) == 0) {
		n = (unsigned int)(path[10] - 'a');
		(void)snprintf(chain, sizeof chain, "include chain%c\n",
		    (char)('a' + n + 1));
		*text = span_str(chain);
	} else {
		*why = "no such file";
		return false;
	}
	return true;
}

static void
test_include(void **state)
{
	static const struct config_source source = { world, NULL };
	static const struct {
		const char *text, *errors;
	} rows[] = {
		{ "include none\n",
		    "/etc/x:1:1: cannot read /etc/none: no such file\n" },
		{ "include loop\n",
		    "/etc/loop:1:1: /etc/x includes itself\n" },
		{ "include open\nlimit mails 5\n",
		    "/etc/open:1:1: a block is not closed at the end of the "
		    "file\n" },
		{ "include chaina\n",
		    "/etc/chaini:1:1: more than 10 files include each other\n"
		},
		{ "include sub/a\nspool /y\n",
		    "/etc/x:2:1: spool was set already at /etc/sub/a:1\n" },
	};
	static char errors[16384];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		c = read_text(span_str(rows[i].text), &source, errors,
		    sizeof errors);
		CHECK_STR(errors, rows[i].errors, "%s", rows[i].text);
	}
	c = read_text(SPAN("include sub/a\nhostname b.c\n"), &source, errors,
	    sizeof errors);
	CHECK(c != NULL, "%s", errors);
	CHECK_STR(c->spool, "/etc/sub/s", "relative to its own file");
	CHECK_NUM(c->limits.mails, 7, "two deep");
	CHECK_STR(c->hostname, "b.c", "and back again");
	CHECK_NUM(c->nfiles, 3, "files");
	config_free(c);
}

static const struct CMUnitTest tests[] = {
	TEST(test_errors, "RLY-2"),
	TEST(test_empty_opens_nothing, "RLY-2"),
	TEST(test_default_limits, ""),
	TEST(test_example_smarthost, ""),
	TEST(test_example_domain, ""),
	TEST(test_example_relay, "SMTP-12"),
	TEST(test_many_shapes, ""),
	TEST(test_unusable_hostname, ""),
	TEST(test_include, "MEM-3"),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
