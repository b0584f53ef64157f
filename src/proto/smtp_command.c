/*
 * smtp_command.c - verbs and parameters as rows, and how to read each.
 */
#include "proto/smtp_command.h"

/* Parameters: RFC 5321 4.1.2 Mail-parameters. */

static bool
read_size(struct span v, struct smtp_cmd *cmd)
{
	/* RFC 1870 section 4: 1 to 20 digits. */
	return span_u64(v, UINT64_MAX, &cmd->size) == ERR_OK;
}

static bool
read_body(struct span v, struct smtp_cmd *cmd)
{
	cmd->is_8bit = span_eq_nocase(v, SPAN("8BITMIME"));
	return cmd->is_8bit || span_eq_nocase(v, SPAN("7BIT"));
}

static int
hex_value(uint8_t c)
{
	/* RFC 3461 section 4: upper case only. */
	return ascii_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 :
	    -1;
}

bool
smtp_is_xtext(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		int high, low, octet;

		if (s.p[i] < 33 || s.p[i] > 126 || s.p[i] == '=')
			return false;
		if (s.p[i] != '+')
			continue;
		if (s.n - i < 3)
			return false;
		high = hex_value(s.p[i + 1]);
		low = hex_value(s.p[i + 2]);
		octet = high * 16 + low;
		if (high < 0 || low < 0 || octet == 0 || octet == '\n' ||
		    octet == '\r')
			return false;
		i += 2;
	}
	return s.n > 0;
}

static bool
read_auth(struct span v, struct smtp_cmd *cmd)
{
	/* RFC 4954 section 5: believed from nobody, so only checked. */
	(void)cmd;
	return smtp_is_xtext(v);
}

static const struct {
	const char	*name;
	bool		(*read)(struct span value, struct smtp_cmd *cmd);
} params[SMTP_PARAM_COUNT] = {
	[SMTP_PARAM_SIZE] = { "SIZE", read_size },
	[SMTP_PARAM_BODY] = { "BODY", read_body },
	[SMTP_PARAM_AUTH] = { "AUTH", read_auth },
};

static enum smtp_reply
read_param(struct span word, struct smtp_cmd *cmd)
{
	struct span name = span_take(&word, span_find(word, '='));

	for (unsigned int i = 0; i < COUNT(params); i++) {
		if (!span_eq_nocase(name, span_str(params[i].name)))
			continue;
		if ((cmd->params & 1u << i) != 0 || word.n < 2 ||
		    !params[i].read(span_skip(word, 1), cmd))
			return RE_PARAM_VALUE;
		cmd->params |= 1u << i;
		return RE_NONE;
	}
	return RE_BAD_PARAM;
}

/* What follows a path: nothing, or a space and parameters. */
static enum smtp_reply
read_params(struct span in, bool may_have, struct smtp_cmd *cmd)
{
	if (in.n > 0 && in.p[0] != ' ')
		return RE_PARAM_VALUE;
	for (in = span_trim(in); in.n > 0; in = span_trim(in)) {
		struct span word = span_take(&in, span_find(in, ' '));
		enum smtp_reply re = may_have ? read_param(word, cmd) :
		    RE_BAD_PARAM;

		if (re != RE_NONE)
			return re;
	}
	return RE_NONE;
}

/* Arguments, one function a kind. */

/*
 * Real clients are loose with their names (underscores, a bare label); what
 * could matter in a trace field is refused all the same.
 */
static enum smtp_reply
read_name(struct smtp_cmd *cmd)
{
	struct span s = cmd->argument;

	if (addr_is_literal(s))
		return RE_NONE;
	if (s.n == 0 || s.n > ADDR_DOMAIN_MAX)
		return RE_ARGUMENT;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
		    s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '_')
			return RE_ARGUMENT;
	return RE_NONE;
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
	return read_params(in, true, cmd);
}

static enum smtp_reply
read_to(struct smtp_cmd *cmd)
{
	struct span in = cmd->argument;

	if (!take_word(&in, SPAN("TO:")))
		return RE_ARGUMENT;
	if (addr_parse_forward(&in, &cmd->path) != ERR_OK)
		return RE_BAD_RCPT;
	return read_params(in, false, cmd);
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
	[VERB_MAIL] = { "MAIL", read_from },
	[VERB_RCPT] = { "RCPT", read_to },
	[VERB_DATA] = { "DATA", read_nothing },
	[VERB_RSET] = { "RSET", read_nothing },
	[VERB_NOOP] = { "NOOP", read_anything },
	[VERB_VRFY] = { "VRFY", read_something },
	[VERB_HELP] = { "HELP", read_anything },
	[VERB_QUIT] = { "QUIT", read_nothing },
	[VERB_STARTTLS] = { "STARTTLS", read_nothing },
	[VERB_AUTH] = { "AUTH", read_mechanism },
	[VERB_BDAT] = { "BDAT", read_anything },
};

/* Words that are answered otherwise than by "unknown". */
static const struct {
	const char	*name;
	enum smtp_reply	 re;
} others[] = {
	{ "EXPN", RE_NOT_DONE }, { "ETRN", RE_NOT_DONE },
	{ "TURN", RE_NOT_DONE }, { "DEBUG", RE_NOT_DONE },
	{ "SEND", RE_NOT_DONE }, { "SOML", RE_NOT_DONE },
	{ "SAML", RE_NOT_DONE },
	/* RFC 9110 section 9: a browser that was led to us. */
	{ "GET", RE_HTTP }, { "POST", RE_HTTP }, { "PUT", RE_HTTP },
	{ "HEAD", RE_HTTP }, { "OPTIONS", RE_HTTP }, { "CONNECT", RE_HTTP },
	{ "DELETE", RE_HTTP }, { "PATCH", RE_HTTP }, { "TRACE", RE_HTTP },
	{ "PRI", RE_HTTP },
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
