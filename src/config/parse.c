/*
 * parse.c - statements into a configuration, row by row.
 *
 * Two levels and no recursion: the top, and a block.  Included files wait on
 * a stack.  A statement with an error is reported and left out, and reading
 * goes on, so that one run shows all errors.
 */
#include "config/finish.h"
#include "config/lexer.h"
#include "config/value.h"

#include <stdlib.h>

#define MEMORY_MAX	(64u * 1024 * 1024)
#define SHOW(s)		(int)MIN((s).n, (size_t)60), (const char *)(s).p

struct parser {
	struct config			*c;
	struct config_report		*report;
	const struct config_source	*source;
	struct lexer			 open[CONFIG_INCLUDES_MAX];
	size_t				 nopen;
	size_t				 nstatements;
	enum schema_scope		 scope;
	void				*object;	/* whose block it is */
	struct place			 block_at;
	size_t				 block_file;	/* nopen when it began */
	size_t				 skip;		/* blocks left out */
	bool				 is_out_of_memory;
	struct statement		 s;
};

static void *
field_of(void *object, const struct schema_row *row)
{
	return (char *)object + row->offset;
}

static struct config_where *
where_of(struct parser *p, void *object, const struct schema_row *row)
{
	struct config_where *first = row->scope == SCOPE_TOP ?
	    p->c->where : object;	/* objects begin with theirs */

	return &first[schema_row_index(row)];
}

/* Those too that only others of the same array may have. */
static void
init_texts(enum schema_scope scope, void *object)
{
	for (size_t i = 0; i < schema_nrows; i++)
		if (schema_rows[i].type->is_text &&
		    schema_objects[schema_rows[i].scope].array ==
		    schema_objects[scope].array)
			*(const char **)field_of(object, &schema_rows[i]) = "";
}

/* --- errors --- */

static void
unknown_word(struct parser *p, size_t used)
{
	const struct word *w = &p->s.words[used];
	struct span meant;
	size_t other;

	if (used == p->s.n) {
		report_error(p->report, p->s.end_at,
		    "\"%.*s\" alone says nothing, a word is missing behind it",
		    SHOW(p->s.words[0].text));
		return;
	}
	if (p->scope != SCOPE_TOP &&
	    schema_match(SCOPE_TOP, p->s.words, p->s.n, &other) != NULL) {
		report_error(p->report, w->at,
		    "\"%.*s\" cannot stand in a block of %s", SHOW(w->text),
		    schema_objects[p->scope].name);
		return;
	}
	if (p->scope == SCOPE_TOP &&
	    schema_match(SCOPE_DOMAIN, p->s.words, p->s.n, &other) != NULL) {
		report_error(p->report, w->at,
		    "\"%.*s\" belongs in the block of a domain",
		    SHOW(w->text));
		return;
	}
	meant = schema_meant(p->scope, p->s.words, used);
	if (meant.n > 0)
		report_error(p->report, w->at,
		    "unknown word \"%.*s\", did you mean \"%.*s\"?",
		    SHOW(w->text), SPAN_FMT(meant));
	else
		report_error(p->report, w->at, "unknown word \"%.*s\"",
		    SHOW(w->text));
}

/* Said once already? */
static bool
is_repeated(struct parser *p, void *object, const struct schema_row *row,
    struct place at)
{
	const struct config_where *where = where_of(p, object, row);

	if (where->file == 0 || (row->flags & SCHEMA_MANY))
		return false;
	report_error(p->report, at, "%s was set already at %s:%u",
	    row->name[0] != '\0' ? row->name :
	    schema_objects[row->scope].name,
	    p->c->files[where->file - 1], where->line);
	return true;
}

static void
no_more(struct parser *p, const struct value_reader *v)
{
	if (v->i < v->n)
		report_error(p->report, v->words[v->i].at,
		    "\"%.*s\" is one word too many",
		    SHOW(v->words[v->i].text));
}

/* --- one setting --- */

static struct value_reader
reader_of(struct parser *p, size_t used)
{
	return (struct value_reader){
		.words = p->s.words, .n = p->s.n, .i = used,
		.end_at = p->s.end_at, .c = p->c, .report = p->report,
		.scope = p->scope,
	};
}

static bool
read_row(struct parser *p, struct value_reader *v,
    const struct schema_row *row, void *object, struct place at)
{
	bool is_read;

	if (is_repeated(p, object, row, at))
		return false;
	is_read = row->type->read(v, row, field_of(object, row));
	p->is_out_of_memory |= v->is_out_of_memory;
	/* A wrong value counts as said: "missing" would mislead. */
	*where_of(p, object, row) = (struct config_where){
		.line = at.line, .file = p->s.file,
	};
	return is_read;
}

static void
setting(struct parser *p, const struct schema_row *row, size_t used)
{
	void *object = p->scope == SCOPE_TOP ? p->c : p->object;
	struct value_reader v = reader_of(p, used);

	if (read_row(p, &v, row, object, p->s.words[0].at))
		no_more(p, &v);
}

/* --- objects: listen, domain, relay, tls --- */

static bool
grow(struct parser *p, const struct schema_object *o, void **object)
{
	void **array = (void **)((char *)p->c + o->array);
	size_t *count = (size_t *)((char *)p->c + o->count);

	if (*count == o->max) {
		report_error(p->report, p->s.words[0].at,
		    "more than %zu times %s", o->max, o->name);
		return false;
	}
	if (*array == NULL) {
		if (arena_get(&p->c->memory, o->max * o->size, array) !=
		    ERR_OK) {
			p->is_out_of_memory = true;
			return false;
		}
		memset(*array, 0, o->max * o->size);
	}
	*object = (char *)*array + (*count)++ * o->size;
	if (o->kind_at > 0)
		memcpy((char *)*object + o->kind_at, &o->kind, sizeof o->kind);
	return true;
}

static bool
new_object(struct parser *p, const struct schema_row *row, void **object)
{
	const struct schema_object *o = &schema_objects[row->opens];

	if (!grow(p, o, object))
		return false;
	init_texts(row->opens, *object);
	return true;
}

static bool
is_option(const struct value_reader *v, enum schema_scope scope, size_t i)
{
	size_t used;

	return i < v->n && schema_match(scope, v->words + i, v->n - i,
	    &used) != NULL;
}

/*
 * Does an option, perhaps one misspelt, stand where the unnamed value may?
 */
static bool
is_left_out(const struct value_reader *v, enum schema_scope scope)
{
	const struct word *w = &v->words[v->i];

	if (v->i == v->n || is_option(v, scope, v->i))
		return true;
	return !w->is_quoted && !is_option(v, scope, v->i + 1) &&
	    schema_meant(scope, w, 0).n > 0;
}

static bool
read_unnamed(struct parser *p, struct value_reader *v,
    enum schema_scope scope, void *object)
{
	size_t n;
	const struct schema_row *row = schema_scope_rows(scope, &n);

	if (row->name[0] != '\0')
		return true;
	if (!(row->flags & SCHEMA_REQUIRED) && is_left_out(v, scope))
		return true;
	return read_row(p, v, row, object, p->s.words[0].at);
}

static void
unknown_option(struct parser *p, const struct value_reader *v,
    enum schema_scope scope, size_t used)
{
	const struct word *w = &v->words[v->i];
	struct span meant = schema_meant(scope, w, MIN(used,
	    v->n - v->i - 1));

	if (meant.n > 0)
		report_error(p->report, w->at,
		    "\"%.*s\" is no option of %s, did you mean \"%.*s\"?",
		    SHOW(w->text), schema_objects[scope].name,
		    SPAN_FMT(meant));
	else
		report_error(p->report, w->at,
		    "\"%.*s\" is no option of %s", SHOW(w->text),
		    schema_objects[scope].name);
}

static bool
read_options(struct parser *p, struct value_reader *v,
    enum schema_scope scope, void *object)
{
	while (v->i < v->n) {
		size_t used;
		struct place at = v->words[v->i].at;
		const struct schema_row *row = schema_match(scope,
		    v->words + v->i, v->n - v->i, &used);

		if (row == NULL) {
			unknown_option(p, v, scope, used);
			return false;
		}
		v->i += used;
		if (!read_row(p, v, row, object, at))
			return false;
	}
	return true;
}

static void
check_required(struct parser *p, enum schema_scope scope, void *object,
    struct place at)
{
	size_t n;
	const struct schema_row *rows = schema_scope_rows(scope, &n);

	for (size_t i = 0; i < n; i++)
		if ((rows[i].flags & SCHEMA_REQUIRED) &&
		    rows[i].name[0] != '\0' &&
		    where_of(p, object, &rows[i])->file == 0)
			report_error(p->report, at, "%s needs \"%s %s\"",
			    schema_objects[scope].name, rows[i].name,
			    rows[i].type->shape);
}

static void
open_block(struct parser *p, enum schema_scope scope, void *object)
{
	p->scope = scope;
	p->object = object;
	p->block_at = p->s.words[0].at;
	p->block_file = p->nopen;
}

static void
close_block(struct parser *p)
{
	check_required(p, p->scope, p->object, p->block_at);
	p->scope = SCOPE_TOP;
	p->object = NULL;
}

/* True: a block was opened, or is left out on purpose. */
static bool
object_statement(struct parser *p, const struct schema_row *row, size_t used)
{
	const struct schema_object *o = &schema_objects[row->opens];
	struct value_reader v = reader_of(p, used);
	size_t before = p->report->nerrors;
	void *object;

	v.scope = row->opens;
	if (is_repeated(p, p->c, row, p->s.words[0].at) ||
	    !new_object(p, row, &object))
		return false;
	*where_of(p, p->c, row) = (struct config_where){
		.line = p->s.words[0].at.line, .file = p->s.file,
	};
	if (!read_unnamed(p, &v, row->opens, object) && !o->is_block)
		return false;
	if (!o->is_block) {
		if (read_options(p, &v, row->opens, object))
			check_required(p, row->opens, object,
			    p->s.words[0].at);
		return false;
	}
	if (p->report->nerrors == before)
		no_more(p, &v);
	if (p->s.end == STATEMENT_OPEN) {
		open_block(p, row->opens, object);
		return true;
	}
	report_error(p->report, p->s.end_at, "%s needs a block: { ... }",
	    row->name);
	return false;
}

/* --- files --- */

static bool
add_file(struct parser *p, const char *name, struct span text)
{
	struct config *c = p->c;

	if (c->nfiles == CONFIG_FILES_MAX || text.n > CONFIG_FILE_MAX)
		return false;
	c->files[c->nfiles++] = name;
	p->open[p->nopen++] = lexer_make(text, name, (uint16_t)c->nfiles);
	return true;
}

static bool
is_open(const struct parser *p, const char *name)
{
	for (size_t i = 0; i < p->nopen; i++)
		if (strcmp(p->open[i].at.file, name) == 0)
			return true;
	return false;
}

static void
include(struct parser *p, size_t used)
{
	struct value_reader v = reader_of(p, used);
	const char *name = NULL, *why = "it may not be included here";
	struct place at = p->s.words[0].at;
	struct span text;

	if (!value_include.read(&v, &schema_rows[0], &name)) {
		p->is_out_of_memory |= v.is_out_of_memory;
		return;
	}
	no_more(p, &v);
	if (is_open(p, name))
		report_error(p->report, at, "%s includes itself", name);
	else if (p->nopen == CONFIG_INCLUDES_MAX)
		report_error(p->report, at,
		    "more than %u files include each other",
		    CONFIG_INCLUDES_MAX);
	else if (p->source == NULL ||
	    !p->source->open(p->source->ctx, name, &text, &why))
		report_error(p->report, at, "cannot read %s: %s", name, why);
	else if (!add_file(p, name, text))
		report_error(p->report, at,
		    "%s is more than 1 MiB, or the 257th file", name);
}

/* --- statements --- */

static void
words(struct parser *p)
{
	size_t used;
	const struct schema_row *row = schema_match(p->scope, p->s.words,
	    p->s.n, &used);
	bool is_opened = false;

	if (row == NULL)
		unknown_word(p, used);
	else if (row->opens != SCOPE_TOP)
		is_opened = object_statement(p, row, used);
	else if (p->s.end == STATEMENT_OPEN)
		report_error(p->report, p->s.end_at, "%s takes no block",
		    row->name);
	else if (row->type == &value_include)
		include(p, used);
	else
		setting(p, row, used);
	if (p->s.end == STATEMENT_OPEN && !is_opened)
		p->skip++;
}

/* A wrong statement, or one in a block that is left out: count its braces. */
static void
leave_out(struct parser *p)
{
	if (p->s.end == STATEMENT_OPEN)
		p->skip++;
	else if (p->s.end == STATEMENT_CLOSE && p->skip > 0)
		p->skip--;
}

static void
statement(struct parser *p)
{
	if (p->s.error != NULL)
		report_error(p->report, p->s.error_at, "%s", p->s.error);
	if (p->skip > 0 || p->s.error != NULL)
		leave_out(p);
	else if (p->s.end == STATEMENT_CLOSE && p->scope == SCOPE_TOP)
		report_error(p->report, p->s.end_at,
		    "this brace closes nothing");
	else if (p->s.end == STATEMENT_CLOSE)
		close_block(p);
	else if (p->s.n > 0)
		words(p);
	else {
		report_error(p->report, p->s.end_at,
		    "a block needs a statement in front of it");
		p->skip++;
	}
}

static void
end_of_file(struct parser *p)
{
	if (p->skip > 0 || (p->scope != SCOPE_TOP &&
	    p->block_file == p->nopen)) {
		report_error(p->report, p->skip > 0 ?
		    p->open[p->nopen - 1].at : p->block_at,
		    "a block is not closed at the end of the file");
		p->skip = 0;
		p->scope = SCOPE_TOP;
	}
	p->nopen--;
}

static enum err
read_all(struct parser *p)
{
	while (p->nopen > 0 && !p->is_out_of_memory) {
		struct lexer *l = &p->open[p->nopen - 1];
		enum err e = lexer_next(l, &p->c->memory, &p->s);

		if (e == ERR_NONE) {
			end_of_file(p);
			continue;
		}
		if (e != ERR_OK)
			return ERR_NOMEM;
		if (p->nstatements++ == CONFIG_STATEMENTS_MAX) {
			report_error(p->report, l->at,
			    "more than %u statements",
			    CONFIG_STATEMENTS_MAX);
			return ERR_OK;
		}
		statement(p);
	}
	return p->is_out_of_memory ? ERR_NOMEM : ERR_OK;
}

/* Defaults are text, read by the same functions. */
static enum err
read_defaults(struct parser *p)
{
	size_t n;
	const struct schema_row *rows = schema_scope_rows(SCOPE_TOP, &n);

	for (size_t i = 0; i < n; i++) {
		struct lexer l;
		struct value_reader v;
		enum err e;

		if (rows[i].fallback == NULL || p->c->where[i].file != 0)
			continue;
		l = lexer_make(span_str(rows[i].fallback), "", 0);
		e = lexer_next(&l, &p->c->memory, &p->s);
		if (e != ERR_OK)
			return ERR_NOMEM;
		v = reader_of(p, 0);
		if (!rows[i].type->read(&v, &rows[i],
		    field_of(p->c, &rows[i])))
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err
machine_defaults(struct config *c, const struct config_host *host,
    struct config_report *report)
{
	struct value_reader v = { .c = c };
	struct span name = span_str(host->hostname);

	if (c->receivers == 0)
		c->receivers = MAX(1u, MIN(host->cores, 64u));
	if (c->hostname[0] != '\0')
		return ERR_OK;
	if (!value_is_host_name(name)) {
		report_error(report, finish_place(c, (struct config_where){
		    0 }), "this machine's own name cannot be used in mail: "
		    "say \"hostname NAME\"");
		return ERR_OK;
	}
	c->hostname = value_keep(&v, name, true);
	return c->hostname != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err
parse(struct parser *p, struct span text, const char *file,
    const struct config_host *host)
{
	struct value_reader v = { .c = p->c };
	const char *name = value_keep(&v, span_str(file), false);
	void *files;
	enum err e;

	if (name == NULL || arena_get(&p->c->memory,
	    CONFIG_FILES_MAX * sizeof *p->c->files, &files) != ERR_OK)
		return ERR_NOMEM;
	p->c->files = files;
	init_texts(SCOPE_TOP, p->c);
	p->c->log_file = "";
	if (!add_file(p, name, text)) {
		report_error(p->report, (struct place){ name, 0, 0 },
		    "the file is more than 1 MiB");
		return ERR_SYNTAX;
	}
	e = read_all(p);
	if (e == ERR_OK)
		e = read_defaults(p);
	if (e == ERR_OK)
		e = machine_defaults(p->c, host, p->report);
	if (e != ERR_OK)
		return e;
	if (p->report->nerrors == 0)
		finish(p->c, p->report);
	return p->report->nerrors == 0 ? ERR_OK : ERR_SYNTAX;
}

enum err
config_parse(struct span text, const char *file,
    const struct config_source *source, const struct config_host *host,
    struct config **c, struct config_report *report)
{
	struct config *read = calloc(1, sizeof *read);
	struct parser *p = calloc(1, sizeof *p);
	enum err e = ERR_NOMEM;

	if (read != NULL && p != NULL) {
		read->memory = arena_make(MEMORY_MAX, 0);
		p->c = read;
		p->report = report;
		p->source = source;
		e = parse(p, text, file, host);
	}
	free(p);
	if (e != ERR_OK)
		config_free(read);
	else
		*c = read;
	return e;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	arena_free(&c->memory);
	free(c);
}
