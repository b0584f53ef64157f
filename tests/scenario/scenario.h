/*
 * scenario.h - dialogues with the server's session machine, as files.
 *
 * A file is named after the section that it shows
 * (rfc5321-4.1.1.4-data-needs-rcpt.txt).  It begins with comments (why, and
 * which requirements: "# shows: SMTP-4"), then says how the server is set up,
 * then plays:
 *
 *	listener mx|submission|relay|local|lmtp|closed	mx
 *	tls no|yes|implicit			no
 *	limit NAME N				see limits[] in play.c
 *	user ADDRESS PASSWORD			who may authenticate (auth.c)
 *	mechanisms NAME ...			beside PLAIN and LOGIN: scram oauth
 *	peer listed				XCLIENT, XFORWARD and ETRN are for it
 *	administrators USER,...			who may say EXPN
 *	pieces whole			what follows a line only counts when it
 *					is there at once: no other cuts are tried
 *
 *	C: TEXT		the client says TEXT and CRLF; lines of the client that
 *			nothing parts are one write
 *	C*N: TEXT	N such lines
 *	C< RAW		octets: \r \n \t \\ \xHH, and \{N}: the octet before it
 *			N times in all
 *	S: PATTERN	the server's next line; `*` is any text.  "S: 250 ..." is
 *			a whole reply of that code, however many lines it has
 *	S*N: PATTERN	N such lines
 *	S? PATTERN	a line of the reply that is next has such a text ...
 *	S! PATTERN	... or none has
 *	--- time 301s	time goes by
 *	--- tls		the client's handshake, after 220; it goes well
 *	--- drop	the client is gone
 *	--- closed	the server has closed: each end has to be told
 *	--- stop	an operator stops the server
 *	--- fails WHAT	one question to the owner fails, or is answered "later":
 *			mail rcpt auth starttls store content etrn expn
 *	--- message <REVERSE-PATH> <FORWARD-PATH> ...
 *			the next message that was stored; each has to be told
 *	E: FACT		its envelope has such a fact (play.c) ...
 *	E! FACT		... or has none
 *	M: TEXT, M< RAW	its content, when any is given: all of it
 *
 * mx.example.org is the server; example.org is its domain, in which nobody's
 * name begins with "no", and those who begin with "later" cannot be looked up;
 * none.example takes no mail.  EXPN finds the mailbox of anna, or of j\xc3\xb6rg for
 * who begins with "j".
 *
 * Every client's side is played again cut in two at each octet, octet by octet,
 * and with all that RFC 2920 lets it say at once in one write: the same
 * transcript, the same stored octets (PRS-2).
 */
#ifndef POSTHORSE_TESTS_SCENARIO_H
#define POSTHORSE_TESTS_SCENARIO_H

#include "proto/smtp_server.h"

#define SCENARIO_STEPS_MAX	400u
#define SCENARIO_TEXT_MAX	(256u * 1024)	/* octets of one file, unpacked */
#define SCENARIO_MESSAGES_MAX	16u
/* The wall clock where a scenario begins: 2026-01-01 00:00:00 UTC. */
#define SCENARIO_WALL_MS	INT64_C(1767225600000)
#define SCENARIO_WHY_MAX	(4 * 1024 * 1024)

enum scenario_kind {
	STEP_CLIENT,		/* text: octets */
	STEP_SERVER,		/* text: pattern; n times */
	STEP_HAS, STEP_HAS_NOT,	/* text: pattern */
	STEP_TIME,		/* n: seconds */
	STEP_TLS, STEP_DROP, STEP_CLOSED, STEP_STOP,
	STEP_FAILS,		/* n: enum smtp_do of the question */
	STEP_MESSAGE,		/* text: paths */
	STEP_FACT, STEP_FACT_NOT, STEP_CONTENT
};
struct scenario_step {
	enum scenario_kind	kind;
	unsigned int		line;	/* of the file */
	uint64_t		n;
	struct span		text;	/* borrowed from the scenario */
};
struct scenario {
	struct smtp_policy	policy;
	bool			is_implicit, is_whole_only, is_listed_peer;
	uint64_t		idle_s, data_idle_s;
	struct span		user, password;
	struct buf		octets;		/* what the texts are made of */
	struct buf		shows;		/* requirement ids */
	size_t			nsteps, nclient;
	struct scenario_step	steps[SCENARIO_STEPS_MAX];
};

/* Read a file's text; false: *why says the line and what is wrong with it. */
bool scenario_read(struct span text, struct scenario *sc, struct buf *why);
void scenario_free(struct scenario *sc);
/* `*` is any text; linear but for one retreat. */
bool scenario_match(struct span text, struct span pattern);

/* Play it as it is written, then in every other cut; false: *why. */
bool scenario_run(const struct scenario *sc, struct buf *why);

/* A session and its owner (play.c). */
struct play_message {
	struct buf	paths;		/* "<a@b> <c@d>" */
	struct buf	facts;		/* a line each */
	struct buf	content;
};
struct play {
	const struct scenario	*sc;
	struct smtp_server	s;
	struct buf		out;		/* all that the server said */
	struct buf		pending;	/* octets not taken yet */
	struct buf		content;	/* of the open message */
	struct play_message	messages[SCENARIO_MESSAGES_MAX];
	size_t			nmessages;
	uint64_t		now_s, last_s;	/* now, and when octets came */
	uint64_t		delayed_s;	/* DELAY is over then; 0: none */
	unsigned int		fails;		/* 1 << enum smtp_do */
	uint8_t			nmails;		/* for the ids */
	bool			is_closed, is_tls_awaited;
};
/* early: the client spoke before it was greeted. */
void play_begin(struct play *p, const struct scenario *sc, bool early);
void play_free(struct play *p);
void play_say(struct play *p, struct span octets);
void play_time(struct play *p, uint64_t seconds);
void play_tls(struct play *p);
void play_stop(struct play *p);
/* Answer what a mechanism asks now (auth.c). */
void play_auth(struct play *p);
/* Name of a setting of `limit` to its place in sc; NULL: there is none. */
uint64_t *scenario_limit(struct scenario *sc, struct span name);

#endif
