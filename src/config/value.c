/*
 * value.c - the types of values: each read, and printed as it is read.
 */
#include "config/value.h"
#include "base/log.h"
#include "config/suggest.h"

#define SHOWN	60	/* octets of a wrong word that an error repeats */

/* For "%.*s": lexed words hold no control octets. */
#define SHOW(s)	(int)MIN((s).n, (size_t)SHOWN), (const char *)(s).p

const struct word *
value_next(struct value_reader *v)
{
	return v->i < v->n ? &v->words[v->i++] : NULL;
}

const char *
value_keep(struct value_reader *v, struct span text, bool is_lower)
{
	void *room;
	char *to;

	if (arena_get(&v->c->memory, text.n + 1, &room) != ERR_OK) {
		v->is_out_of_memory = true;
		return NULL;
	}
	to = room;
	for (size_t i = 0; i < text.n; i++)
		to[i] = (char)(is_lower ? ascii_lower(text.p[i]) : text.p[i]);
	to[text.n] = '\0';
	return to;
}

enum err
value_print_word(struct span text, struct buf *to)
{
	enum err e;

	if (lexer_is_plain(text))
		return buf_add(to, text);
	e = buf_addc(to, '"');
	for (size_t i = 0; e == ERR_OK && i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			e = buf_addc(to, '\\');
		if (e == ERR_OK)
			e = buf_addc(to, text.p[i]);
	}
	return e != ERR_OK ? e : buf_addc(to, '"');
}

/* What a row is called in a sentence: its own name, or its object's. */
static const char *
called(const struct schema_row *row)
{
	return row->name[0] != '\0' ? row->name :
	    schema_objects[row->scope].name;
}

/* The word that must be there. */
static const struct word *
need(struct value_reader *v, const struct schema_row *row)
{
	const struct word *w = value_next(v);

	if (w == NULL)
		report_error(v->report, v->end_at,
		    "a value is missing: %s %s", called(row),
		    row->type->shape);
	return w;
}

static bool
wrong(struct value_reader *v, const struct word *w, const char *is_not)
{
	report_error(v->report, w->at, "\"%.*s\" is not %s", SHOW(w->text),
	    is_not);
	return false;
}

static bool
store_text(struct value_reader *v, struct span text, bool is_lower,
    void *field)
{
	const char *kept = value_keep(v, text, is_lower);

	if (kept == NULL)
		return false;
	*(const char **)field = kept;
	return true;
}

static enum err
print_text(const struct schema_row *row, const void *field, struct buf *to)
{
	const char *text = *(const char *const *)field;

	(void)row;
	return text[0] == '\0' ? ERR_OK : value_print_word(span_str(text), to);
}

/* --- numbers --- */

struct unit {
	char		letter;
	uint64_t	factor;
};
static const struct unit none[] = { { '\0', 1 } };
static const struct unit octet_units[] = {
	{ 'G', UINT64_C(1) << 30 }, { 'M', UINT64_C(1) << 20 },
	{ 'k', UINT64_C(1) << 10 }, { '\0', 1 },
};
static const struct unit second_units[] = {
	{ 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 }, { '\0', 1 },
};
static const struct unit percent_units[] = { { '%', 1 }, { '\0', 1 } };

/* Digits and perhaps a unit's letter. */
static enum err
number(struct span text, const struct unit *units, uint64_t *value)
{
	struct span digits = text;
	uint8_t last = text.n > 0 ? text.p[text.n - 1] : '0';

	if (!ascii_is_digit(last))
		digits.n--;
	while (units->letter != '\0' && (uint8_t)units->letter != last)
		units++;
	if (units->letter == '\0' && digits.n < text.n)
		return ERR_SYNTAX;
	return span_u64(digits, UINT64_MAX / units->factor, value) == ERR_OK ?
	    (*value *= units->factor, ERR_OK) : ERR_SYNTAX;
}

/* The largest unit that divides it. */
static enum err
print_number(uint64_t value, const struct unit *units, struct buf *to)
{
	while (units->factor > 1 && (value == 0 || value % units->factor != 0))
		units++;
	if (units->letter == '\0')
		return buf_addf(to, "%llu", (unsigned long long)value);
	return buf_addf(to, "%llu%c",
	    (unsigned long long)(value / units->factor), units->letter);
}

static bool
within(struct value_reader *v, const struct schema_row *row,
    const struct word *w, uint64_t value, const struct unit *units)
{
	struct buf text = buf_make(128);
	bool is_within = value >= row->min && value <= row->max;

	if (!is_within &&
	    print_number(row->min, units, &text) == ERR_OK &&
	    buf_add(&text, SPAN(" to ")) == ERR_OK &&
	    print_number(row->max, units, &text) == ERR_OK)
		report_error(v->report, w->at, "%s is %.*s, not %.*s",
		    row->name, SPAN_FMT(buf_span(&text)), SHOW(w->text));
	buf_free(&text);
	return is_within;
}

static bool
read_number(struct value_reader *v, const struct schema_row *row, void *field,
    const struct unit *units, const char *meaning)
{
	const struct word *w = need(v, row);
	uint64_t value;

	if (w == NULL)
		return false;
	if (number(w->text, units, &value) != ERR_OK)
		return wrong(v, w, meaning);
	if (!within(v, row, w, value, units))
		return false;
	*(uint64_t *)field = value;
	return true;
}

#define NUMBER_TYPE(name, shape_, units, meaning)                             \
	static bool read_##name(struct value_reader *v,                       \
	    const struct schema_row *row, void *field)                        \
	{                                                                     \
		return read_number(v, row, field, units, meaning);            \
	}                                                                     \
	static enum err print_##name(const struct schema_row *row,            \
	    const void *field, struct buf *to)                                \
	{                                                                     \
		(void)row;                                                    \
		return print_number(*(const uint64_t *)field, units, to);     \
	}                                                                     \
	const struct value_type value_##name = {                              \
		shape_, read_##name, print_##name                             \
	}

NUMBER_TYPE(count, "NUMBER", none, "a whole number");
NUMBER_TYPE(octets, "SIZE", octet_units,
    "a size: digits, and k, M or G behind them");
NUMBER_TYPE(seconds, "DURATION", second_units,
    "a duration: digits, and s, m, h or d behind them");
NUMBER_TYPE(percent, "PERCENT", percent_units, "a number of percent");
NUMBER_TYPE(port, "PORT", none, "a port number");

/* "1.5" is 150: at most two digits behind the point. */
static enum err
factor(struct span text, uint64_t *value)
{
	struct span whole, part;
	uint64_t hundredths = 0;

	whole = span_take(&text, span_find(text, '.'));
	part = text.n > 0 ? span_skip(text, 1) : SPAN("0");
	if (part.n > 2 || span_u64(whole, UINT32_MAX, value) != ERR_OK ||
	    span_u64(part, 99, &hundredths) != ERR_OK)
		return ERR_SYNTAX;
	*value = *value * 100 + hundredths * (part.n == 1 ? 10 : 1);
	return ERR_OK;
}

static enum err
print_factor(const struct schema_row *row, const void *field, struct buf *to)
{
	uint64_t v = *(const uint64_t *)field;

	(void)row;
	if (v % 100 == 0)
		return buf_addf(to, "%llu", (unsigned long long)(v / 100));
	return buf_addf(to, v % 10 == 0 ? "%llu.%llu" : "%llu.%02llu",
	    (unsigned long long)(v / 100),
	    (unsigned long long)(v % 10 == 0 ? v % 100 / 10 : v % 100));
}

static bool
read_factor(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = need(v, row);
	uint64_t value;

	if (w == NULL)
		return false;
	if (factor(w->text, &value) != ERR_OK)
		return wrong(v, w, "a factor such as 1.5");
	if (value < row->min || value > row->max) {
		report_error(v->report, w->at, "%s is %llu to %llu, not %.*s",
		    row->name, (unsigned long long)(row->min / 100),
		    (unsigned long long)(row->max / 100), SHOW(w->text));
		return false;
	}
	*(uint64_t *)field = value;
	return true;
}
const struct value_type value_factor = {
	"FACTOR", read_factor, print_factor
};

/* --- words out of a list --- */

static bool
read_choice(struct value_reader *v, const struct schema_row *row,
    const char *const *names, size_t count, size_t *choice)
{
	const struct word *w = need(v, row);
	size_t nearest = 0, best = SIZE_MAX;

	if (w == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t d = suggest_distance(w->text, span_str(names[i]));

		if (d < best) {
			best = d;
			nearest = i;
		}
	}
	if (best == 0) {
		*choice = nearest;
		return true;
	}
	if (suggest_is_near(w->text, best))
		report_error(v->report, w->at,
		    "\"%.*s\" is not known here, did you mean \"%s\"?",
		    SHOW(w->text), names[nearest]);
	else
		report_error(v->report, w->at,
		    "\"%.*s\" is not known here; %s takes %s", SHOW(w->text),
		    called(row), row->type->shape);
	return false;
}

static const char *const yes_no[] = { "no", "yes" };

/* Said without a value it means yes. */
static bool
read_flag(struct value_reader *v, const struct schema_row *row, void *field)
{
	size_t choice = 1;

	if (v->i < v->n && !read_choice(v, row, yes_no, 2, &choice))
		return false;
	*(bool *)field = choice == 1;
	return true;
}

static enum err
print_flag(const struct schema_row *row, const void *field, struct buf *to)
{
	(void)row;
	return buf_add(to, span_str(yes_no[*(const bool *)field]));
}
const struct value_type value_flag = { "yes | no", read_flag, print_flag };

static const char *const levels[] = {
	[LOG_LEVEL_ALARM] = "alarm", [LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
};

static bool
read_log_level(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	size_t choice;

	if (!read_choice(v, row, levels, COUNT(levels), &choice))
		return false;
	*(uint64_t *)field = choice;
	return true;
}

static enum err
print_log_level(const struct schema_row *row, const void *field,
    struct buf *to)
{
	(void)row;
	return buf_add(to, span_str(levels[*(const uint64_t *)field]));
}
const struct value_type value_log_level = {
	"alarm | warn | info | debug", read_log_level, print_log_level
};

static const char *const listen_kinds[] = {
	[CONFIG_LISTEN_MX] = "mx",
	[CONFIG_LISTEN_SUBMISSION] = "submission",
	[CONFIG_LISTEN_RELAY] = "relay",
	[CONFIG_LISTEN_LMTP] = "lmtp",
	[CONFIG_LISTEN_CLOSED] = "closed",
};

const char *
config_listen_name(enum config_listen_kind kind)
{
	return listen_kinds[kind];
}

static bool
read_listen_kind(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	size_t choice;

	if (!read_choice(v, row, listen_kinds, COUNT(listen_kinds), &choice))
		return false;
	*(enum config_listen_kind *)field = (enum config_listen_kind)choice;
	return true;
}

static enum err
print_listen_kind(const struct schema_row *row, const void *field,
    struct buf *to)
{
	(void)row;
	return buf_add(to, span_str(config_listen_name(
	    *(const enum config_listen_kind *)field)));
}
const struct value_type value_listen_kind = {
	"mx | submission | relay", read_listen_kind, print_listen_kind
};

static const char *const tls_kinds[] = { "none", "starttls", "implicit" };

static bool
read_tls(struct value_reader *v, const struct schema_row *row, void *field)
{
	size_t choice;

	if (!read_choice(v, row, tls_kinds, COUNT(tls_kinds), &choice))
		return false;
	*(enum config_tls *)field =
	    (enum config_tls)(CONFIG_TLS_NONE + choice);
	return true;
}

static enum err
print_tls(const struct schema_row *row, const void *field, struct buf *to)
{
	enum config_tls tls = *(const enum config_tls *)field;

	(void)row;
	return buf_add(to, span_str(tls_kinds[tls - CONFIG_TLS_NONE]));
}
const struct value_type value_tls = {
	"none | starttls | implicit", read_tls, print_tls
};

static const char *const reverse_kinds[] = {
	[CONFIG_REVERSE_NO] = "no", [CONFIG_REVERSE_LOOK] = "look",
	[CONFIG_REVERSE_REFUSE] = "refuse",
};

static bool
read_reverse(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	size_t choice;

	if (!read_choice(v, row, reverse_kinds, COUNT(reverse_kinds),
	    &choice))
		return false;
	*(enum config_reverse *)field = (enum config_reverse)choice;
	return true;
}

static enum err
print_reverse(const struct schema_row *row, const void *field, struct buf *to)
{
	(void)row;
	return buf_add(to, span_str(reverse_kinds[
	    *(const enum config_reverse *)field]));
}
const struct value_type value_reverse = {
	"no | look | refuse", read_reverse, print_reverse
};

/* --- names and paths --- */

static bool
is_label(struct span label)
{
	if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
	    label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_is_alpha(label.p[i]) &&
		    !ascii_is_digit(label.p[i]) && label.p[i] != '-')
			return false;
	return true;
}

bool
value_is_host_name(struct span name)
{
	struct span label = { 0 };

	if (name.n == 0 || name.n > 253 || name.p[name.n - 1] == '.')
		return false;
	while (name.n > 0) {
		label = span_take(&name, span_find(name, '.'));
		if (!is_label(label))
			return false;
		if (name.n > 0)
			name = span_skip(name, 1);
	}
	/* 192.0.2.1 is no name: the last label has a letter. */
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_is_digit(label.p[i]))
			return true;
	return false;
}

static bool
read_host(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = need(v, row);

	if (w == NULL)
		return false;
	if (!value_is_host_name(w->text))
		return wrong(v, w, "a DNS name; letters, digits, hyphens and "
		    "dots (and A-labels, xn--, for others) make one");
	return store_text(v, w->text, true, field);
}

/* Quoted where it could be taken for a keyword. */
static enum err
print_host(const struct schema_row *row, const void *field, struct buf *to)
{
	struct span name = span_str(*(const char *const *)field);

	(void)row;
	if (name.n == 0)
		return ERR_OK;
	return buf_addf(to, span_find(name, '.') < name.n ? "%s" : "\"%s\"",
	    (const char *)name.p);
}
const struct value_type value_host = {
	"NAME", read_host, print_host, true
};

/* A name of letters, digits and - _ . in it, as in users files. */
static bool
is_plain_name(struct span name)
{
	if (name.n == 0 || name.n > 64 || name.p[0] == '-' ||
	    name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alpha(name.p[i]) && !ascii_is_digit(name.p[i]) &&
		    name.p[i] != '-' && name.p[i] != '_' && name.p[i] != '.')
			return false;
	return true;
}

static bool
read_word(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = need(v, row);

	if (w == NULL)
		return false;
	if (!is_plain_name(w->text))
		return wrong(v, w, "a name of letters, digits, - _ and .");
	return store_text(v, w->text, false, field);
}
const struct value_type value_word = {
	"NAME", read_word, print_text, true
};

/* Of RFC 5321's atext, and nothing that a users file has at a name's front. */
static bool
are_separators(struct span text)
{
	static const struct span all = { (const uint8_t *)"+-_=.~", 6 };

	if (text.n == 0 || text.n > all.n)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (span_find(all, text.p[i]) == all.n ||
		    span_find(span_of(text.p, i), text.p[i]) < i)
			return false;
	return true;
}

static bool
read_separators(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	const struct word *w = need(v, row);

	if (w == NULL)
		return false;
	if (!span_eq(w->text, SPAN(CONFIG_SEPARATORS_NONE)) &&
	    !are_separators(w->text))
		return wrong(v, w, "none, or some of + - _ = . ~, each once");
	return store_text(v, w->text, false, field);
}
const struct value_type value_separators = {
	"CHARACTERS", read_separators, print_text, true
};

/* Whatever another system calls something: any word that is not empty. */
static bool
read_text(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = need(v, row);

	if (w == NULL)
		return false;
	if (w->text.n == 0)
		return wrong(v, w, "a text of one octet or more");
	return store_text(v, w->text, false, field);
}
const struct value_type value_text = {
	"TEXT", read_text, print_text, true
};

/* Root is nobody that a role may run as. */
static bool
is_identity(struct span id)
{
	uint64_t number;

	if (id.n == 0 || !ascii_is_digit(id.p[0]))
		return is_plain_name(id) && !span_eq(id, SPAN("root"));
	return span_u64(id, UINT32_MAX - 1, &number) == ERR_OK && number > 0;
}

static bool
read_user(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = need(v, row);
	struct span group;

	if (w == NULL)
		return false;
	group = w->text;
	if (!is_identity(span_take(&group, span_find(group, ':'))) ||
	    (group.n > 0 && !is_identity(span_skip(group, 1))))
		return wrong(v, w, "a user (never root) or user:group, by "
		    "name or number");
	return store_text(v, w->text, false, field);
}
const struct value_type value_user = {
	"NAME | NUMBER | USER:GROUP", read_user, print_text, true
};

/* A relative path starts at the folder of the file that names it. */
static bool
store_path(struct value_reader *v, const struct word *w, void *field)
{
	struct span folder = span_str(w->at.file), text = w->text;
	char whole[2 * CONFIG_WORD_MAX];

	if (text.n == 0)
		return wrong(v, w, "a path");
	if (text.p[0] == '/')
		return store_text(v, text, false, field);
	while (span_starts(text, SPAN("./")))
		text = span_skip(text, 2);
	folder.n = span_rfind(folder, '/');
	if (folder.n == strlen(w->at.file) ||
	    folder.n + 1 + text.n > sizeof whole)
		return wrong(v, w, "an absolute path");
	memcpy(whole, folder.p, folder.n);
	whole[folder.n] = '/';
	memcpy(whole + folder.n + 1, text.p, text.n);
	return store_text(v, span_of(whole, folder.n + 1 + text.n), false,
	    field);
}

static bool
read_path(struct value_reader *v, const struct schema_row *row, void *field)
{
	const struct word *w = need(v, row);

	return w != NULL && store_path(v, w, field);
}
const struct value_type value_path = {
	"FILE", read_path, print_text, true
};
/* include: the path is read by parse.c, and nothing is kept. */
const struct value_type value_include = {
	"FILE", read_path, NULL, false
};
/* tls, listen, domain, relay: their rows are read by parse.c. */
const struct value_type value_object = { "", NULL, NULL, false };

/* {domain} and {user} and no other brace; {user} must be there. */
static bool
is_template(struct span t)
{
	bool has_user = false;

	for (size_t i = 0; i < t.n; i++) {
		struct span here = span_skip(t, i);

		if (span_starts(here, SPAN("{user}"))) {
			has_user = true;
			i += strlen("{user}") - 1;
		} else if (span_starts(here, SPAN("{domain}"))) {
			i += strlen("{domain}") - 1;
		} else if (t.p[i] == '{' || t.p[i] == '}') {
			return false;
		}
	}
	return has_user;
}

static bool
read_template(struct value_reader *v, const struct schema_row *row,
    void *field)
{
	const struct word *w = need(v, row);

	if (w == NULL)
		return false;
	if (!is_template(w->text))
		return wrong(v, w, "a path with {user}, and perhaps {domain}, "
		    "in it");
	return store_path(v, w, field);
}
const struct value_type value_template = {
	"PATH", read_template, print_text, true
};

static const char *const log_tos[] = {
	[CONFIG_LOG_STDOUT] = "stdout", [CONFIG_LOG_FILE] = "file",
	[CONFIG_LOG_SYSLOG] = "syslog",
};

static bool
read_log_to(struct value_reader *v, const struct schema_row *row, void *field)
{
	struct config *c = field;
	const struct word *path = NULL;
	const char *file = "";
	size_t choice;

	if (!read_choice(v, row, log_tos, COUNT(log_tos), &choice))
		return false;
	if (choice == CONFIG_LOG_FILE && !read_path(v, row, &file))
		return false;
	if (choice == CONFIG_LOG_SYSLOG) {
		file = CONFIG_SYSLOG_SOCKET;
		path = value_next(v);
	}
	if (path != NULL && !store_path(v, path, &file))
		return false;
	c->log_to = (enum config_log_to)choice;
	c->log_file = file;
	return true;
}

static enum err
print_log_to(const struct schema_row *row, const void *field, struct buf *to)
{
	const struct config *c = field;
	enum err e = buf_add(to, span_str(log_tos[c->log_to]));

	(void)row;
	if (e != ERR_OK || c->log_to == CONFIG_LOG_STDOUT)
		return e;
	e = buf_addc(to, ' ');
	return e != ERR_OK ? e : value_print_word(span_str(c->log_file), to);
}
const struct value_type value_log_to = {
	"stdout | file FILE | syslog [SOCKET]", read_log_to, print_log_to
};
