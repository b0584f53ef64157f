/*
 * smtp_reply.c - the rows.
 */
#include "proto/smtp_reply.h"

static const struct {
	unsigned int	 code;
	const char	*esc;		/* RFC 3463, 5248; "" where none belongs */
	const char	*text;
} rows[RE_COUNT] = {
	[RE_NONE] = { 250, "", "" },
	[RE_GREETING] = { 220, "", "" },
	[RE_BYE] = { 221, "2.0.0", "Goodbye" },
	[RE_HELP] = { 214, "2.0.0", "" },
	[RE_TURN] = { 250, "2.0.0", "Queuing started" },	/* RFC 1985 5.1 */
	/* RFC 5248: what 252 may have; 2.1.5 says that the address is valid. */
	[RE_VRFY] = { 252, "2.5.0", "Send mail, and we shall see" },
	[RE_EXPN] = { 250, "2.1.5", "" },
	/* RFC 6531 3.7.4.2 */
	[RE_UTF8_REPLY] = { 252, "2.6.8", "This mailbox needs SMTPUTF8" },
	[RE_NOOP] = { 250, "2.0.0", "OK" },
	[RE_RESET] = { 250, "2.0.0", "Forgotten" },
	[RE_START_TLS] = { 220, "2.0.0", "Ready to start TLS" },
	[RE_AUTH_OK] = { 235, "2.7.0", "Authenticated" },
	[RE_CHALLENGE] = { 334, "", "" },
	[RE_SEND_CONTENT] = { 354, "", "Send content, end with a dot alone" },
	[RE_SENDER_OK] = { 250, "2.1.0", "Sender OK" },
	/* RFC 6710 4.1: the new one stands first. */
	[RE_PRIORITY] = { 250, "2.3.6", "0 is the new priority of this message" },
	[RE_CHUNK_OK] = { 250, "2.0.0", "" },
	[RE_PRDR] = { 353, "", "One reply a recipient follows" },
	[RE_RCPT_OK] = { 250, "2.1.5", "Recipient OK" },
	[RE_QUEUED] = { 250, "2.0.0", "queued as " },

	[RE_STOPPING] = { 421, "4.3.2", "Shutting down, try again later" },
	[RE_FULL] = { 421, "4.3.2", "No place is free, try again later" },
	[RE_TOO_MANY_SESSIONS] = { 421, "4.7.0", "Too many connections" },
	[RE_TIMEOUT] = { 421, "4.4.2", "Too slow, closing" },
	[RE_TOO_MANY_ERRORS] = { 421, "4.7.0", "Too many errors" },
	[RE_TOO_MANY_COMMANDS] = { 421, "4.7.0", "Too many commands" },
	[RE_TOO_MANY_MAILS] = { 421, "4.7.0", "Enough mail, connect again" },
	[RE_TOO_MANY_BAD_RCPT] = { 421, "4.7.0", "Too many bad recipients" },
	[RE_TOO_MANY_AUTH] = { 421, "4.7.0", "Too many attempts" },
	[RE_TOO_LONG_SESSION] = { 421, "4.4.2", "Session too long" },
	[RE_NO_MEMORY] = { 421, "4.3.0", "Out of memory, try again later" },
	[RE_FLOOD] = { 421, "4.7.0", "Too much input" },
	[RE_BAD_TABLE] = { 451, "4.3.0", "Cannot look that up now" },
	[RE_NOT_STORED] = { 451, "4.3.0", "Could not be stored" },
	[RE_NO_SPACE] = { 452, "4.3.1", "No space for mail now" },
	[RE_NO_LARGE] = { 452, "4.3.1", "No space for large mail now" },
	[RE_TOO_MANY_RCPT] = { 452, "4.5.3", "Too many recipients" },
	[RE_GREYLISTED] = { 451, "4.7.1", "Greylisted, come again in " },
	[RE_TURN_LATER] = { 458, "4.3.0", "Cannot do that now" },
	[RE_AUTH_LATER] = { 454, "4.7.0", "Cannot authenticate now" },
	[RE_TLS_LATER] = { 454, "4.7.0", "Cannot start TLS now" },
	[RE_USER_RATE] = { 450, "4.7.1", "Too much mail within an hour, try "
	    "again later" },
	[RE_USER_STOPPED] = { 450, "4.7.1", "Your mail is stopped, ask the "
	    "postmaster" },

	[RE_RULE_LATER] = { 450, "4.7.1", "" },
	[RE_RULE_REFUSED] = { 550, "5.7.1", "" },

	[RE_UNKNOWN] = { 500, "5.5.2", "Unknown command" },
	[RE_SYNTAX] = { 500, "5.5.2", "No control characters in a command" },
	[RE_LINE_TOO_LONG] = { 500, "5.5.2", "Line too long" },
	[RE_AUTH_LINE_TOO_LONG] = { 500, "5.5.6", "Line too long" },	/* RFC 4954 6 */
	[RE_NOT_DONE] = { 502, "5.5.1", "Not implemented" },
	[RE_ARGUMENT] = { 501, "5.5.4", "Bad or missing argument" },
	[RE_NO_ARGUMENT] = { 501, "5.5.4", "This command takes no argument" },
	[RE_BAD_PARAM] = { 555, "5.5.4", "Unknown parameter" },
	[RE_PARAM_VALUE] = { 501, "5.5.4", "Bad or repeated parameter" },
	[RE_BAD_SENDER] = { 501, "5.1.7", "Bad sender address syntax" },
	[RE_BAD_RCPT] = { 501, "5.1.3", "Bad recipient address syntax" },
	[RE_HELLO_FIRST] = { 503, "5.5.1", "EHLO first" },
	[RE_MAIL_FIRST] = { 503, "5.5.1", "MAIL first" },
	[RE_RCPT_FIRST] = { 503, "5.5.1", "RCPT first" },
	[RE_NEST_MAIL] = { 503, "5.5.1", "A transaction is open" },
	[RE_IN_CHUNKS] = { 503, "5.5.1", "Chunks are under way" },
	[RE_RSET_FIRST] = { 503, "5.5.1", "A chunk has failed, RSET first" },
	[RE_MIXED] = { 503, "5.5.1", "BDAT has begun, DATA cannot follow" },
	[RE_WANTS_BDAT] = { 503, "5.5.1", "BODY=BINARYMIME needs BDAT" },
	[RE_BAD_CHUNK] = { 501, "5.5.4", "Bad chunk size" },
	[RE_TOO_MANY_CHUNKS] = { 554, "5.7.0", "Too many chunks" },
	[RE_UTF8_SENDER] = { 550, "5.6.7", "This sender needs SMTPUTF8" },
	[RE_UTF8_RCPT] = { 553, "5.6.7", "This recipient needs SMTPUTF8" },
	/* RFC 4865 section 6 */
	[RE_HOLD_QUOTA] = { 552, "5.7.16", "Too much of yours waits for its "
	    "release" },
	[RE_HOLD] = { 501, "5.5.4", "Not so late: see FUTURERELEASE, and BY" },
	[RE_IS_LMTP] = { 500, "5.5.1", "This is LMTP, say LHLO" },
	[RE_IN_MAIL] = { 503, "5.5.1", "Not inside a transaction" },
	[RE_TLS_TWICE] = { 503, "5.5.1", "TLS is active" },
	[RE_NO_TLS] = { 502, "5.5.1", "No TLS here" },
	[RE_AUTH_TWICE] = { 503, "5.5.1", "Authenticated already" },
	[RE_NO_AUTH] = { 502, "5.5.1", "No authentication here" },
	[RE_AUTH_NEEDS_TLS] = { 538, "5.7.11", "STARTTLS first" },
	[RE_AUTH_FIRST] = { 530, "5.7.0", "Authentication required" },
	[RE_AUTH_MECHANISM] = { 504, "5.5.4", "Unknown mechanism" },
	[RE_AUTH_BAD] = { 535, "5.7.8", "Authentication failed" },
	[RE_AUTH_CANCELLED] = { 501, "5.7.0", "Authentication cancelled" },
	[RE_AUTH_SYNTAX] = { 501, "5.5.2", "Bad authentication response" },
	[RE_AUTH_FOREIGN] = { 535, "5.7.8", "Authentication failed" },
	[RE_NO_RELAY] = { 550, "5.7.1", "Relaying denied" },
	[RE_NO_USER] = { 550, "5.1.1", "No such user here" },
	[RE_BAD_ALIAS] = { 550, "5.4.6", "This name stands for itself, or for "
	    "too many" },
	[RE_NO_ACCESS] = { 554, "5.7.1", "No service for you" },
	[RE_NOT_LISTED] = { 550, "5.7.0", "Not from you" },
	[RE_LISTED] = { 554, "5.7.1", "Your address is listed by " },
	/* RFC 7505 4.2 */
	[RE_NULL_MX] = { 550, "5.7.27", "This sender's domain accepts no "
	    "mail" },
	[RE_NO_REVERSE] = { 554, "5.7.25",
	    "Your address has no name that leads back to it " },
	[RE_TOO_BIG] = { 552, "5.3.4", "Message too large" },
	[RE_BARE] = { 550, "5.6.0", "CR, LF or NUL alone in content" },
	[RE_BODY_LINE] = { 550, "5.6.0", "A line is too long" },
	[RE_HEADER] = { 554, "5.6.0", "Header too large" },
	[RE_LOOP] = { 554, "5.4.6", "Too many hops, mail loop" },
	[RE_EARLY_TALK] = { 554, "5.5.1", "You spoke before the greeting" },
	[RE_PIPELINED] = { 554, "5.5.1", "You must wait for this reply" },
	[RE_FORM] = { 550, "5.6.0", "" },
	[RE_IDENTITY] = { 550, "5.7.1", "" },
	[RE_FOREIGN_SENDER] = { 550, "5.7.1", "This sender address is not "
	    "yours" },
	/* RFC 7504 4; the code is that of RFC 7505 6. */
	[RE_NO_MAIL_DOMAIN] = { 556, "5.1.10", "This domain accepts no mail" },
	[RE_NO_MAIL_HOST] = { 521, "5.3.2", "This host accepts no mail" },
	[RE_HTTP] = { 421, "4.7.0", "Not mail" },
};

unsigned int
smtp_reply_code(enum smtp_reply re)
{
	return rows[re].code;
}

const char *
smtp_reply_esc(enum smtp_reply re)
{
	return rows[re].esc;
}

const char *
smtp_reply_text(enum smtp_reply re)
{
	return rows[re].text;
}

bool
smtp_reply_is_rule(enum smtp_reply re)
{
	return re == RE_RULE_LATER || re == RE_RULE_REFUSED;
}

enum err
smtp_reply_write(struct buf *to, enum smtp_reply re, bool with_esc,
    struct span more)
{
	const char *esc = with_esc ? rows[re].esc : "";

	return buf_addf(to, "%u %s%s%s%.*s\r\n", rows[re].code, esc,
	    esc[0] != '\0' ? " " : "", rows[re].text, SPAN_FMT(more));
}

enum err
smtp_said_write(struct buf *to, const struct smtp_said *said, bool with_esc)
{
	struct span esc = with_esc ? said->esc : span_of(NULL, 0);

	return buf_addf(to, "%u %.*s%s%.*s\r\n", said->code, SPAN_FMT(esc),
	    esc.n > 0 ? " " : "", SPAN_FMT(said->text));
}
