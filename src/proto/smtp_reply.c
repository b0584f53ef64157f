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
	[RE_HELP] = { 214, "2.0.0", "See RFC 5321" },
	[RE_VRFY] = { 252, "2.1.5", "Send mail, and we shall see" },
	[RE_NOOP] = { 250, "2.0.0", "OK" },
	[RE_RESET] = { 250, "2.0.0", "Forgotten" },
	[RE_START_TLS] = { 220, "2.0.0", "Ready to start TLS" },
	[RE_AUTH_OK] = { 235, "2.7.0", "Authenticated" },
	[RE_CHALLENGE] = { 334, "", "" },
	[RE_SEND_CONTENT] = { 354, "", "Send content, end with a dot alone" },
	[RE_SENDER_OK] = { 250, "2.1.0", "Sender OK" },
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
	[RE_AUTH_LATER] = { 454, "4.7.0", "Cannot authenticate now" },
	[RE_TLS_LATER] = { 454, "4.7.0", "Cannot start TLS now" },

	[RE_UNKNOWN] = { 500, "5.5.2", "Unknown command" },
	[RE_SYNTAX] = { 500, "5.5.2", "No control characters in a command" },
	[RE_LINE_TOO_LONG] = { 500, "5.5.6", "Line too long" },
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
	[RE_NO_ACCESS] = { 554, "5.7.1", "No service for you" },
	[RE_TOO_BIG] = { 552, "5.3.4", "Message too large" },
	[RE_BARE] = { 550, "5.6.0", "CR, LF or NUL alone in content" },
	[RE_BODY_LINE] = { 550, "5.6.0", "A line is too long" },
	[RE_HEADER] = { 554, "5.6.0", "Header too large" },
	[RE_LOOP] = { 554, "5.4.6", "Too many hops, mail loop" },
	[RE_EARLY_TALK] = { 554, "5.5.1", "You spoke before the greeting" },
	[RE_PIPELINED] = { 554, "5.5.1", "You must wait for this reply" },
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

enum err
smtp_reply_write(struct buf *to, enum smtp_reply re, bool with_esc,
    struct span more)
{
	const char *esc = with_esc ? rows[re].esc : "";

	return buf_addf(to, "%u %s%s%s%.*s\r\n", rows[re].code, esc,
	    esc[0] != '\0' ? " " : "", rows[re].text, SPAN_FMT(more));
}
