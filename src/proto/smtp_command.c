/*
 * smtp_command.c - verbs as rows, and how to read what follows each.
 */
#include "proto/smtp_command.h"

/* Arguments, one function a kind. */

/*
 * Real clients are loose with their names (underscores, a bare label); what
 * could matter in a trace field is refused all the same.
 */
bool
smtp_is_name(struct span s)
{
	if (addr_is_literal(s))
		return true;
	if (s.n == 0 || s.n > ADDR_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
		    s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '_')
			return false;
	return true;
}

static enum smtp_reply
read_name(struct smtp_cmd *cmd)
{
	return smtp_is_name(cmd->argument) ? RE_NONE : RE_ARGUMENT;
}

/* "FROM:" or "TO:"; a space behind the colon is common and harmless. */
static bool
take_word(struct span *in, struct span word)
{
	if (!span_starts_nocase(*in, word))
		return false;
	*in = span_trim(span_skip(*in, word.n));
	return true;
}

static enum smtp_reply
read_from(struct smtp_cmd *cmd)
{
	struct span in = cmd->argument;

	if (!take_word(&in, SPAN("FROM:")))
		return RE_ARGUMENT;
	if (addr_parse_reverse(&in, &cmd->path) != ERR_OK)
		return RE_BAD_SENDER;
	return smtp_params_parse(in, VERB_MAIL, &cmd->params);
}

static enum smtp_reply
read_to(struct smtp_cmd *cmd)
{
	struct span in = cmd->argument;

	if (!take_word(&in, SPAN("TO:")))
		return RE_ARGUMENT;
	if (addr_parse_forward(&in, &cmd->path) != ERR_OK)
		return RE_BAD_RCPT;
	return smtp_params_parse(in, VERB_RCPT, &cmd->params);
}

static enum smtp_reply
read_mechanism(struct smtp_cmd *cmd)
{
	struct span in = cmd->argument;

	cmd->mechanism = span_take(&in, span_find(in, ' '));
	cmd->has_initial = in.n > 0;
	cmd->initial = span_trim(in);
	return cmd->mechanism.n == 0 ||
	    span_find(cmd->initial, ' ') < cmd->initial.n ? RE_ARGUMENT :
	    RE_NONE;
}

/* RFC 3030 section 2: chunk-size, and perhaps LAST. */
static enum smtp_reply
read_chunk(struct smtp_cmd *cmd)
{
	struct span in = cmd->argument;
	struct span size = span_take(&in, span_find(in, ' '));

	in = span_trim(in);
	cmd->is_last = span_eq_nocase(in, SPAN("LAST"));
	if (span_u64(size, UINT64_MAX, &cmd->chunk) != ERR_OK ||
	    (in.n > 0 && !cmd->is_last))
		return RE_BAD_CHUNK;
	return RE_NONE;
}

static enum smtp_reply
read_nothing(struct smtp_cmd *cmd)
{
	return cmd->argument.n > 0 ? RE_NO_ARGUMENT : RE_NONE;
}

static enum smtp_reply
read_something(struct smtp_cmd *cmd)
{
	return cmd->argument.n == 0 ? RE_ARGUMENT : RE_NONE;
}

static enum smtp_reply
read_anything(struct smtp_cmd *cmd)
{
	(void)cmd;
	return RE_NONE;
}

static const struct {
	const char	*name;
	enum smtp_reply	(*read)(struct smtp_cmd *cmd);
} verbs[VERB_COUNT] = {
	[VERB_EHLO] = { "EHLO", read_name },
	[VERB_HELO] = { "HELO", read_name },
	[VERB_LHLO] = { "LHLO", read_name },
	[VERB_MAIL] = { "MAIL", read_from },
	[VERB_RCPT] = { "RCPT", read_to },
	[VERB_DATA] = { "DATA", read_nothing },
	[VERB_BDAT] = { "BDAT", read_chunk },
	[VERB_RSET] = { "RSET", read_nothing },
	[VERB_NOOP] = { "NOOP", read_anything },
	[VERB_VRFY] = { "VRFY", read_something },
	[VERB_HELP] = { "HELP", read_anything },
	[VERB_QUIT] = { "QUIT", read_nothing },
	[VERB_STARTTLS] = { "STARTTLS", read_nothing },
	[VERB_AUTH] = { "AUTH", read_mechanism },
	[VERB_ETRN] = { "ETRN", read_something },
	[VERB_EXPN] = { "EXPN", read_anything },	/* only some may say it */
	[VERB_XCLIENT] = { "XCLIENT", read_something },
	[VERB_XFORWARD] = { "XFORWARD", read_something },
};

/* Words that are answered otherwise than by "unknown". */
static const struct {
	const char	*name;
	enum smtp_reply	 re;
} others[] = {
	{ "TURN", RE_NOT_DONE }, { "DEBUG", RE_NOT_DONE },
	{ "SEND", RE_NOT_DONE }, { "SOML", RE_NOT_DONE },
	{ "SAML", RE_NOT_DONE },
	/* RFC 9110 section 9: a browser that was led to us. */
	{ "GET", RE_HTTP }, { "POST", RE_HTTP }, { "PUT", RE_HTTP },
	{ "HEAD", RE_HTTP }, { "OPTIONS", RE_HTTP }, { "CONNECT", RE_HTTP },
	{ "DELETE", RE_HTTP }, { "PATCH", RE_HTTP }, { "TRACE", RE_HTTP },
	{ "PRI", RE_HTTP },
	/* A proxy whom we do not know, too late to be early talk (SMTP-11). */
	{ "PROXY", RE_HTTP },
};

const char *
smtp_verb_name(enum smtp_verb verb)
{
	return verbs[verb].name;
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 32 ? s.p[i] != '\t' : s.p[i] == 127)
			return true;
	return false;
}

static enum smtp_reply
find_other(struct span word)
{
	for (size_t i = 0; i < COUNT(others); i++)
		if (span_eq_nocase(word, span_str(others[i].name)))
			return others[i].re;
	return RE_UNKNOWN;
}

enum smtp_reply
smtp_command_parse(struct span line, struct smtp_cmd *cmd)
{
	struct span rest = line, word = span_take(&rest, span_find(rest, ' '));
	struct smtp_cmd got = { .argument = span_trim(rest) };
	enum smtp_reply re = find_other(word);

	if (re == RE_HTTP)
		return re;
	if (has_control(line))
		return RE_SYNTAX;
	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (!span_eq_nocase(word, span_str(verbs[i].name)))
			continue;
		got.verb = (enum smtp_verb)i;
		re = verbs[i].read(&got);
		if (re == RE_NONE)
			*cmd = got;
		return re;
	}
	return re;
}
