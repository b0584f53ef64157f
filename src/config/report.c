#include "config/report.h"

#define REPORT_MAX	(CONFIG_ERRORS_MAX * 4096u)

struct config_report
config_report_make(void)
{
	return (struct config_report){ .text = buf_make(REPORT_MAX) };
}

void
config_report_free(struct config_report *r)
{
	buf_free(&r->text);
	r->nerrors = 0;
}

static enum err
add_place(struct buf *to, struct place at)
{
	if (at.file == NULL)
		return ERR_OK;
	if (at.line == 0)
		return buf_addf(to, "%s: ", at.file);
	return buf_addf(to, "%s:%u:%u: ", at.file, at.line, at.column);
}

void
report_error(struct config_report *r, struct place at, const char *fmt, ...)
{
	size_t before = r->text.n;
	enum err e;
	va_list ap;

	if (r->nerrors++ >= CONFIG_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	e = add_place(&r->text, at);
	if (e == ERR_OK)
		e = buf_vaddf(&r->text, fmt, ap);
	if (e == ERR_OK)
		e = buf_addc(&r->text, '\n');
	va_end(ap);
	/* Half a sentence is none; the count still says that it was there. */
	if (e != ERR_OK)
		buf_cut(&r->text, before);
}
