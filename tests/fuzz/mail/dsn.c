/*
 * dsn: whatever remote servers and originals say, the report is canonical and
 * has exactly its own parts.
 */
#include "mail/dsn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span
part(struct span *in)
{
	size_t n = span_find(*in, '|');
	struct span s = span_take(in, n);

	*in = span_skip(*in, 1);
	return s;
}

static void
check_canonical(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		ASSERT(s.p[i] != '\0');
		ASSERT(s.p[i] != '\r' || (i + 1 < s.n && s.p[i + 1] == '\n'));
		ASSERT(s.p[i] != '\n' || (i > 0 && s.p[i - 1] == '\r'));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), rest, line;
	struct dsn_recipient r = {
		.address = part(&in), .status = part(&in),
		.remote = part(&in), .code = 550, .text = part(&in),
	};
	struct dsn d = {
		.hostname = SPAN("mx.example.org"),
		.reverse_path = SPAN("s@example.org"),
		.recipients = &r, .nrecipients = 1,
		.original = in,
	};
	struct buf to = buf_make(DSN_MAX);
	struct span boundary = SPAN("");
	size_t nboundaries = 0;

	ASSERT(dsn_write(&d, &to) == ERR_OK);
	rest = buf_span(&to);
	check_canonical(rest);
	while (rest.n > 0) {
		line = span_take(&rest, span_find(rest, '\n') + 1);
		/* The first one is ours: nothing of a stranger's is before. */
		if (boundary.n == 0 && span_starts(line, SPAN("--=_")))
			boundary = span_of(line.p, line.n - 2);
		nboundaries += boundary.n > 0 && span_starts(line, boundary);
	}
	ASSERT(nboundaries == 4);
	buf_free(&to);
	return 0;
}
