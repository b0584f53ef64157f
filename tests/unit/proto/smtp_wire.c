/* Lines and content on the wire, however the network cuts them. */
#include "proto/smtp_wire.h"

#include "check.h"

/* What a feeding gave: "line:x|body:y|end|". */
struct seen {
	char	text[1024];
	size_t	n;
	bool	is_in_body;	/* the last entry is body */
	bool	is_over;	/* FLOOD or DOUBT: nothing more is fed */
};

static void
note(struct seen *to, const char *word, struct span text)
{
	bool joins = to->is_in_body && strcmp(word, "body") == 0;

	if (!joins && to->is_in_body)
		to->text[to->n++] = '|';
	if (!joins) {
		to->n += (size_t)snprintf(to->text + to->n,
		    sizeof to->text - to->n, "%s%s", word,
		    text.p == NULL ? "" : ":");
	}
	for (size_t i = 0; i < text.n; i++)
		to->text[to->n++] = text.p[i] == 0 ? '0' : (char)text.p[i];
	to->is_in_body = strcmp(word, "body") == 0;
	if (!to->is_in_body)
		to->text[to->n++] = '|';
	to->text[to->n] = '\0';
}

/* BARE voids the content that came before it. */
static void
void_body(struct seen *to)
{
	if (!to->is_in_body)
		return;
	while (to->n > 0 && to->text[to->n - 1] != '|')
		to->n--;
	to->text[to->n] = '\0';
	to->is_in_body = false;
}

/* "12 FLB": so many octets, and what they are. */
static void
expect_chunk(struct smtp_wire *w, struct span text)
{
	struct span n = span_take(&text, span_find(text, ' '));
	uint64_t octets = 0;

	assert_true(span_u64(n, UINT64_MAX, &octets) == ERR_OK);
	smtp_wire_expect_chunk(w, octets,
	    (span_find(text, 'F') < text.n ? SMTP_CHUNK_FIRST : 0u) |
	    (span_find(text, 'L') < text.n ? SMTP_CHUNK_LAST : 0u) |
	    (span_find(text, 'B') < text.n ? SMTP_CHUNK_BINARY : 0u));
}

static void
feed(struct smtp_wire *w, struct span in, struct seen *to)
{
	static const char *const words[SMTP_WIRE_KINDS] = {
		[SMTP_WIRE_LINE] = "line", [SMTP_WIRE_BODY] = "body",
		[SMTP_WIRE_END] = "end", [SMTP_WIRE_TOOLONG] = "toolong",
		[SMTP_WIRE_FLOOD] = "flood", [SMTP_WIRE_BARE] = "bare",
		[SMTP_WIRE_DOUBT] = "doubt", [SMTP_WIRE_CHUNK] = "chunk",
	};

	for (;;) {
		struct smtp_wire_event ev = smtp_wire_next(w, &in);

		if (ev.kind == SMTP_WIRE_MORE) {
			CHECK_NUM(in.n, 0, "all is used");
			return;
		}
		if (ev.kind == SMTP_WIRE_BARE)
			void_body(to);
		note(to, words[ev.kind], ev.text);
		if (ev.kind == SMTP_WIRE_LINE &&
		    span_eq(ev.text, SPAN("DATA")))
			smtp_wire_expect_body(w);
		if (ev.kind == SMTP_WIRE_LINE &&
		    span_starts(ev.text, SPAN("BDAT ")))
			expect_chunk(w, span_skip(ev.text, 5));
		/* Whose machine this is closes then. */
		to->is_over = ev.kind == SMTP_WIRE_FLOOD ||
		    ev.kind == SMTP_WIRE_DOUBT;
		if (to->is_over)
			return;
	}
}

/* A copy whose end the sanitizer watches. */
static void
feed_exact(struct smtp_wire *w, const char *p, size_t n, struct seen *to)
{
	char *exact = malloc(n + 1);

	assert_non_null(exact);
	memcpy(exact, p, n);
	if (!to->is_over)
		feed(w, span_of(exact, n), to);
	free(exact);
}

static const char *
feed_in_two(const char *wire, size_t n, size_t cut, struct seen *to)
{
	struct smtp_wire w = smtp_wire_make();

	*to = (struct seen){ .n = 0 };
	feed_exact(&w, wire, cut, to);
	feed_exact(&w, wire + cut, n - cut, to);
	smtp_wire_free(&w);
	return to->text;
}

static const char *
feed_octets(const char *wire, size_t n, struct seen *to)
{
	struct smtp_wire w = smtp_wire_make();

	*to = (struct seen){ .n = 0 };
	for (size_t i = 0; i < n; i++)
		feed_exact(&w, wire + i, 1, to);
	smtp_wire_free(&w);
	return to->text;
}

#define W(s)	s, sizeof(s) - 1
static const struct {
	const char	*name, *wire;
	size_t		 n;
	const char	*events;
} cases[] = {
	{ "nothing", W(""), "" },
	{ "two lines", W("EHLO a\r\nNOOP\r\n"), "line:EHLO a|line:NOOP|" },
	{ "an empty line", W("\r\n"), "line:|" },
	{ "LF ends nothing", W("A\nB\r\n"), "line:A\nB|" },
	{ "CR ends nothing", W("A\rB\r\n"), "line:A\rB|" },
	{ "NUL ends nothing", W("A\0B\r\n"), "line:A0B|" },
	{ "CR CR LF", W("A\r\r\n"), "line:A\r|" },
	{ "plain end", W("DATA\r\nhi\r\n.\r\n"), "line:DATA|body:hi\r\n|end|" },
	{ "no content", W("DATA\r\n.\r\n"), "line:DATA|end|" },
	{ "stuffed dot", W("DATA\r\n..hi\r\n.\r\n"),
		"line:DATA|body:.hi\r\n|end|" },
	{ "dot and text", W("DATA\r\n.hi\r\n.\r\n"),
		"line:DATA|body:hi\r\n|end|" },
	{ "two dots", W("DATA\r\n..\r\n.\r\n"), "line:DATA|body:.\r\n|end|" },
	{ "empty lines", W("DATA\r\n\r\n\r\n.\r\n"),
		"line:DATA|body:\r\n\r\n|end|" },
	{ "dot inside", W("DATA\r\na.\r\nb.c\r\n.\r\n"),
		"line:DATA|body:a.\r\nb.c\r\n|end|" },
	{ "a line behind", W("DATA\r\nhi\r\n.\r\nQUIT\r\n"),
		"line:DATA|body:hi\r\n|end|line:QUIT|" },
	{ "end smuggled with LF",
		W("DATA\r\nhi\n.\r\nMAIL\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "NUL in the middle", W("DATA\r\na\0b\r\nc\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "NUL before the dot", W("DATA\r\na\r\n\0.\r\nb\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "bare CR at the start", W("DATA\r\n\rab\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "bare LF at the start", W("DATA\r\n\nab\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "many bare ones", W("DATA\r\n\n\r\r\n\0\n..\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "dot CR dot", W("DATA\r\n.\r.\r\nb\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "end behind CR CR LF", W("DATA\r\na\r\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|doubt|" },
	{ "end behind NUL", W("DATA\r\na\0\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|doubt|" },
	{ "end behind LF", W("DATA\r\na\n\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|doubt|" },
	{ "end a line behind CR CR LF",
		W("DATA\r\na\r\r\n\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "end some text behind CR", W("DATA\r\na\rb\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "end a dot behind CR CR LF",
		W("DATA\r\na\r\r\n..\r\n.\r\nRSET\r\n"),
		"line:DATA|bare|end|line:RSET|" },
	{ "doubt is of one message",
		W("DATA\r\na\r\rb\r\n.\r\nDATA\r\n.\r\n"),
		"line:DATA|bare|end|line:DATA|end|" },
	{ "a chunk", W("BDAT 4 FL\r\nhi\r\nQUIT\r\n"),
		"line:BDAT 4 FL|body:hi\r\n|chunk|line:QUIT|" },
	{ "an empty chunk", W("BDAT 0 FL\r\nQUIT\r\n"),
		"line:BDAT 0 FL|chunk|line:QUIT|" },
	{ "an empty chunk, the last octet", W("BDAT 0 FL\r\n"),
		"line:BDAT 0 FL|chunk|" },
	{ "a chunk's dots", W("BDAT 9 FL\r\n.\r\n..\r\n.\r"),
		"line:BDAT 9 FL|bare|chunk|" },
	{ "dots mean nothing", W("BDAT 10 FL\r\n.\r\n..\r\n.\r\n"),
		"line:BDAT 10 FL|body:.\r\n..\r\n.\r\n|chunk|" },
	{ "no line's end in a chunk", W("BDAT 2 FL\r\nhiQUIT\r\n"),
		"line:BDAT 2 FL|body:hi|chunk|line:QUIT|" },
	{ "chunks cut CRLF", W("BDAT 3 F\r\nhi\rBDAT 1 L\r\n\n"),
		"line:BDAT 3 F|body:hi|chunk|line:BDAT 1 L|body:\r\n|chunk|" },
	{ "CR between chunks is bare",
		W("BDAT 3 F\r\nhi\rBDAT 1 L\r\nxNOOP\r\n"),
		"line:BDAT 3 F|body:hi|chunk|line:BDAT 1 L|bare|chunk|"
		"line:NOOP|" },
	{ "CR at the last chunk's end", W("BDAT 3 FL\r\nhi\rNOOP\r\n"),
		"line:BDAT 3 FL|bare|chunk|line:NOOP|" },
	{ "CR in front of an empty last chunk",
		W("BDAT 3 F\r\nhi\rBDAT 0 L\r\nNOOP\r\n"),
		"line:BDAT 3 F|body:hi|chunk|line:BDAT 0 L|bare|chunk|"
		"line:NOOP|" },
	{ "bare LF in a chunk", W("BDAT 5 FL\r\na\nb\r\nNOOP\r\n"),
		"line:BDAT 5 FL|bare|chunk|line:NOOP|" },
	{ "NUL in a chunk", W("BDAT 5 FL\r\na\0b\r\nNOOP\r\n"),
		"line:BDAT 5 FL|bare|chunk|line:NOOP|" },
	{ "what follows a bare octet is dropped",
		W("BDAT 2 F\r\na\nBDAT 4 L\r\nhi\r\nNOOP\r\n"),
		"line:BDAT 2 F|bare|chunk|line:BDAT 4 L|chunk|line:NOOP|" },
	{ "a first chunk forgets",
		W("BDAT 2 F\r\na\nBDAT 4 FL\r\nhi\r\nNOOP\r\n"),
		"line:BDAT 2 F|bare|chunk|line:BDAT 4 FL|body:hi\r\n|chunk|"
		"line:NOOP|" },
	{ "binary", W("BDAT 6 FLB\r\na\n\0\r\rbNOOP\r\n"),
		"line:BDAT 6 FLB|body:a\n0\r\rb|chunk|line:NOOP|" },
	{ "a command in a chunk is content",
		W("BDAT 6 FL\r\nQUIT\r\nNOOP\r\n"),
		"line:BDAT 6 FL|body:QUIT\r\n|chunk|line:NOOP|" },
};

static void
test_cut_anywhere(void **state UNUSED)
{
	struct seen got;

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t cut = 0; cut <= cases[i].n; cut++)
			CHECK_STR(feed_in_two(cases[i].wire, cases[i].n, cut,
			    &got), cases[i].events, "%s, cut at %zu",
			    cases[i].name, cut);
		CHECK_STR(feed_octets(cases[i].wire, cases[i].n, &got),
		    cases[i].events, "%s, octet by octet", cases[i].name);
	}
}

/* A false end, then a transaction: never more than one message (SMTP-1). */
static void
check_smuggle(const char *before, size_t nbefore, const char *after,
    size_t nafter, bool is_doubtful)
{
	static const char behind[] = "MAIL FROM:<s@x>\r\nRCPT TO:<r@x>\r\n"
	    "DATA\r\nsmuggled\r\n.\r\nQUIT\r\n";
	char wire[256];
	struct seen got;
	size_t n = 0;

	memcpy(wire, "DATA\r\nfirst", 11);
	n = 11;
	memcpy(wire + n, before, nbefore);
	n += nbefore;
	wire[n++] = '.';
	memcpy(wire + n, after, nafter);
	n += nafter;
	memcpy(wire + n, behind, sizeof behind - 1);
	n += sizeof behind - 1;
	for (size_t cut = 0; cut <= n; cut++)
		CHECK_STR(feed_in_two(wire, n, cut, &got), is_doubtful ?
		    "line:DATA|bare|doubt|" : "line:DATA|bare|end|line:QUIT|",
		    "cut %zu of %s", cut, wire);
}

static void
test_smuggling(void **state UNUSED)
{
	static const struct {
		const char	*octets;
		size_t		 n;
	} ends[] = {
		{ W("\r\n") }, { W("\n") }, { W("\r") }, { W("\r\r\n") },
		{ W("\0\r\n") },
	};
	unsigned int n = 0;

	for (size_t i = 0; i < COUNT(ends); i++)
		for (size_t j = 0; j < COUNT(ends); j++) {
			if (i == 0 && j == 0)	/* the one true end */
				continue;
			/* Behind a bare CR or NUL it is not to be trusted. */
			check_smuggle(ends[i].octets, ends[i].n, ends[j].octets,
			    ends[j].n, (i == 3 || i == 4) && j == 0);
			n++;
		}
	CHECK_NUM(n, 24, "variants");
	check_smuggle(W("\r\n\0"), W("\r\n"), false);
	check_smuggle(W("\n\n"), W("\r\n"), false);
}

/* The published list, where it is at hand. */
static size_t
from_hex(const char *hex, char *to)
{
	size_t n = 0;
	unsigned int octet;

	for (; hex[0] != '"' && hex[1] != '"'; hex += 2) {
		char two[3] = { hex[0], hex[1], '\0' };

		octet = (unsigned int)strtoul(two, NULL, 16);
		to[n++] = (char)octet;
	}
	return n;
}

static void
test_published_ends(void **state UNUSED)
{
	const char *dir = getenv("POSTHORSE_VECTORS");
	char line[1024], path[512], octets[64];
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/smuggling/end-of-data.json",
	    dir != NULL ? dir : "../shared/vectors");
	f = fopen(path, "r");
	if (f == NULL)
		skip();
	while (fgets(line, sizeof line, f) != NULL) {
		char *at = strstr(line, "\"hex\": \"");
		struct smtp_wire w = smtp_wire_make();
		struct seen got = { .n = 0 };

		if (at == NULL)
			continue;
		smtp_wire_expect_body(&w);
		feed(&w, SPAN("text"), &got);
		feed(&w, span_of(octets, from_hex(at + 8, octets)), &got);
		CHECK(strstr(got.text, "end|") == NULL, "%s", line);
		smtp_wire_free(&w);
		n++;
	}
	(void)fclose(f);
	CHECK(n >= 10, "%zu ends", n);
}

static void
check_line(size_t limit, size_t size, const char *want)
{
	static char wire[40000];

	memset(wire, 'x', size);
	memcpy(wire + size - 2, "\r\nNOOP\r\n", 8);
	/* Cut early, in the middle, and at each octet around its end. */
	for (size_t cut = 0; cut <= size + 6;
	    cut += cut + size / 3 < size - 4 ? size / 3 : 1) {
		struct smtp_wire w = smtp_wire_make();
		struct span in = span_of(wire, cut);
		const char *kind = "none";

		smtp_wire_line_limit(&w, limit);
		for (unsigned int part = 0; part < 2; part++) {
			struct smtp_wire_event ev = smtp_wire_next(&w, &in);

			if (ev.kind == SMTP_WIRE_LINE)
				kind = ev.text.n == size - 2 ? "line" : "short";
			if (ev.kind == SMTP_WIRE_TOOLONG)
				kind = "toolong";
			if (ev.kind == SMTP_WIRE_FLOOD)
				kind = "flood";
			if (ev.kind != SMTP_WIRE_MORE)
				break;
			in = span_of(wire + cut, size + 6 - cut);
		}
		CHECK_STR(kind, want, "%zu of %zu, cut %zu", size, limit, cut);
		smtp_wire_free(&w);
	}
}

static void
test_line_limits(void **state UNUSED)
{
	static const size_t limits[] = { SMTP_LINE_MAX, SMTP_AUTH_LINE_MAX };

	for (size_t i = 0; i < COUNT(limits); i++) {
		check_line(limits[i], limits[i] - 1, "line");
		check_line(limits[i], limits[i], "line");
		check_line(limits[i], limits[i] + 1, "toolong");
		check_line(limits[i], 2 * limits[i] - 1, "toolong");
		check_line(limits[i], 2 * limits[i] + 2, "flood");
	}
}

/* An idle session keeps nothing. */
static void
test_nothing_is_kept(void **state UNUSED)
{
	struct smtp_wire w = smtp_wire_make();
	struct seen got = { .n = 0 };

	feed(&w, SPAN("NO"), &got);
	assert_true(w.line.room > 0);
	feed(&w, SPAN("OP\r\n"), &got);
	feed(&w, SPAN(""), &got);
	assert_int_equal(w.line.room, 0);
	CHECK_STR(got.text, "line:NOOP|", "joined");
	smtp_wire_free(&w);
}

/* Work per octet does not grow with the input: events and steps are counted. */
static void
test_work_is_linear(void **state UNUSED)
{
	static char wire[200000];
	static const char *const families[] = { "a\r\n", ".", "..\r\n", "\r",
		"\n", "\r\n", "a", "\r\n.a" };

	for (size_t f = 0; f < COUNT(families); f++) {
		size_t events[2] = { 0, 0 }, len = strlen(families[f]);

		for (size_t i = 0; i < sizeof wire; i++)
			wire[i] = families[f][i % len];
		for (unsigned int big = 0; big < 2; big++) {
			struct smtp_wire w = smtp_wire_make();
			struct span in = span_of(wire, big ? sizeof wire :
			    sizeof wire / 10);

			smtp_wire_expect_body(&w);
			while (smtp_wire_next(&w, &in).kind != SMTP_WIRE_MORE)
				events[big]++;
			smtp_wire_free(&w);
		}
		CHECK(events[1] <= 12 * events[0] + 12, "%s: %zu, %zu",
		    families[f], events[0], events[1]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_cut_anywhere, "PRS-2 SMTP-1 SMTP-2 MEM-4"),
		TEST(test_smuggling, "SMTP-1 SMTP-2"),
		TEST(test_published_ends, "SMTP-1"),
		TEST(test_line_limits, "SMTP-8 AUTH-7"),
		TEST(test_nothing_is_kept, "OPS-2"),
		TEST(test_work_is_linear, "PRS-3"),
	};

	return RUN_TESTS(tests);
}
