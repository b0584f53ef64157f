/*
 * Every dialogue of this folder, each a test of its name; and the runner
 * itself, which has to find what is wrong.
 */
#include "scenario.h"

#include "check.h"

#include <dirent.h>

#define HEAD	"S: 220 *\nC: EHLO c\nS: 250 ...\n"
#define OPEN	HEAD "C: MAIL FROM:<a@b>\nC: RCPT TO:<u@example.org>\n" \
	"C: DATA\nS: 250 *\nS: 250 *\nS: 354 *\n"

static const struct {
	const char	*name, *text, *why;	/* why: a part of it */
} rows[] = {
	{ "good", OPEN "C: hi\nC: .\nS: 250 *\n--- message <a@b> <u@*>\n"
		"M: hi\nE: helo=c\nE! 8bitmime\n", "" },
	{ "another code", HEAD "C: NOOP\nS: 251 *\n", "line 5: the server said" },
	{ "nothing said", HEAD "S: 250 *\n", "line 4: the server said" },
	{ "unseen at a turn", HEAD "C: NOOP\nC: NOOP\nS: 250 *\nC: NOOP\n"
		"S*2: 250 *\n", "line 7: the server said" },
	{ "unseen at the end", HEAD "C: NOOP\n", "the server said" },
	{ "a line of EHLO less", "S: 220 *\nC: EHLO c\nS? X\nS: 250 ...\n",
		"line 3: the reply has" },
	{ "a line of EHLO more", "S: 220 *\nC: EHLO c\nS! SIZE *\n"
		"S: 250 ...\n", "line 3: the reply has" },
	{ "closed, untold", HEAD "C: QUIT\nS: 221 *\n", "closed, untold" },
	{ "closed, goes on", HEAD "C: QUIT\nS: 221 *\nC: NOOP\n",
		"line 6: the server is: \"closed\"" },
	{ "not closed", HEAD "--- closed\n", "line 4: the server is: \"open\"" },
	{ "not stored", HEAD "--- message <a@b> *\n", "line 4: stored" },
	{ "stored, untold", OPEN "C: hi\nC: .\nS: 250 *\n", "stored besides" },
	{ "another path", OPEN "C: hi\nC: .\nS: 250 *\n--- message <> *\n",
		"line 13: stored" },
	{ "another fact", OPEN "C: hi\nC: .\nS: 250 *\n--- message *\n"
		"E: 8bitmime\n", "line 14: the envelope" },
	{ "a fact too many", OPEN "C: hi\nC: .\nS: 250 *\n--- message *\n"
		"E! helo=*\n", "line 14: the envelope" },
	{ "other content", OPEN "C: hi\nC: .\nS: 250 *\n--- message *\nM: ho\n",
		"line 14: content" },
	{ "less content", OPEN "C: hi\nC: .\nS: 250 *\n--- message *\n"
		"M: hi\nM: ho\n", "line 15: content" },
	{ "more content", OPEN "C: hi\nC: ho\nC: .\nS: 250 *\n--- message *\n"
		"M: hi\n", "line 15: content" },
	{ "no TLS is awaited", HEAD "--- tls\n", "line 4: awaited" },
	{ "TLS is awaited", "tls yes\n" HEAD "C: STARTTLS\nS: 220 *\nC: NOOP\n",
		"line 7: awaited" },
	{ "depends on cuts", "S: 220 *\nC: EHLO c\nC: NOOP\nS: 554 *\n"
		"--- closed\n", "cut at octet 8" },
	{ "a half line is left", HEAD "C< NOOP\n", "" },
	{ "no such limit", "limit x 3\n" HEAD, "line 1: no such limit" },
	{ "no such setting", "tle yes\n" HEAD, "line 1: not in" },
	{ "a setting too late", HEAD "tls yes\n", "line 4: too late" },
	{ "no such escape", "C< \\q\n", "line 1: no such escape" },
	{ "nothing to repeat", "C< \\{3}\n", "line 1: what is repeated" },
	{ "no such event", "--- sleep\n", "line 1: no such event" },
	{ "nothing", "# empty\n", "nothing is played" },
};

static bool
play_text(struct span text, struct buf *why)
{
	static struct scenario sc;
	bool is_good = scenario_read(text, &sc, why) && scenario_run(&sc, why);

	scenario_free(&sc);
	return is_good;
}

static void
test_runner(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf why = buf_make(SCENARIO_WHY_MAX);
		bool is_good = play_text(span_str(rows[i].text), &why);

		assert_true(buf_addc(&why, '\0') == ERR_OK);
		CHECK_NUM(is_good, rows[i].why[0] == '\0', "%s: %s",
		    rows[i].name, (const char *)why.p);
		CHECK(strstr((const char *)why.p, rows[i].why) != NULL,
		    "%s: %s", rows[i].name, (const char *)why.p);
		buf_free(&why);
	}
}

/* The files */

#define FILES_MAX	1000u

static struct CMUnitTest tests[FILES_MAX + 1];
static size_t ntests;

static void
read_file(const char *path, struct buf *to)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	CHECK(f != NULL, "%s", path);
	do {
		assert_true(buf_room(to, 4096) == ERR_OK);
		n = fread(buf_end(to), 1, 4096, f);
		buf_grew(to, n);
	} while (n > 0);
	(void)fclose(f);
}

static void
test_file(void **state)
{
	const char *path = *state;
	struct buf text = buf_make(SCENARIO_TEXT_MAX), why = buf_make(SCENARIO_WHY_MAX);
	bool is_good;

	read_file(path, &text);
	is_good = play_text(buf_span(&text), &why);
	CHECK(is_good, "%s: %.*s", path, SPAN_FMT(why));
	buf_free(&text);
	buf_free(&why);
}

static int
by_name(const void *a, const void *b)
{
	const struct CMUnitTest *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* argv[1] is the folder, argv[2] a part of the names wanted. */
static void
find_files(const char *folder, const char *wanted)
{
	DIR *d = opendir(folder);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name), room = strlen(folder) + n + 2;
		char *path;

		if (n < 4 || strcmp(e->d_name + n - 4, ".txt") != 0 ||
		    strstr(e->d_name, wanted) == NULL || ntests == FILES_MAX)
			continue;
		path = malloc(room);
		ASSERT(path != NULL);
		(void)snprintf(path, room, "%s/%s", folder, e->d_name);
		tests[ntests++] = (struct CMUnitTest){
			strrchr(path, '/') + 1, test_file, NULL, NULL, path };
	}
	if (d != NULL)
		(void)closedir(d);
	qsort(tests, ntests, sizeof tests[0], by_name);
}

static const struct CMUnitTest itself[] = {
	TEST(test_runner, ""),
};

int
main(int argc, char **argv)
{
	int failed = RUN_TESTS(itself);

	find_files(argc > 1 ? argv[1] : ".", argc > 2 ? argv[2] : "");
	if (ntests < 2 && argc < 3)
		return 1;
	failed += _cmocka_run_group_tests("scenarios", tests, ntests, NULL,
	    NULL);
	for (size_t i = 0; i < ntests; i++)
		free(tests[i].initial_state);
	return failed > 0;
}
