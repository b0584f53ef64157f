/*
 * The supervisor's rules: who talks to whom, and how long a role that keeps
 * dying waits, and when one that stands still is replaced.
 */
#include "check.h"
#include "role/supervisor/supervisor.h"

/* child.c and files.c speak through these; nothing here comes that far. */
void
sup_stop(struct supervisor *s UNUSED, int status UNUSED)
{
	fail();
}

void
sup_log(struct supervisor *s UNUSED, const struct log_line *l UNUSED)
{
	fail();
}

static void
test_who_talks(void **state)
{
	static const struct {
		enum ipc_role	a, b;
		bool		is_talking;
	} rows[] = {
		{ IPC_ROLE_RECEIVER, IPC_ROLE_QUEUE, true },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_LOOKUP, true },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_ADMIN, true },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_RECEIVER, false },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_SENDER, false },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_LOCAL, false },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_RESOLVER, true },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_KEYS, true },
		{ IPC_ROLE_QUEUE, IPC_ROLE_KEYS, false },
		{ IPC_ROLE_SENDER, IPC_ROLE_KEYS, false },
		{ IPC_ROLE_LOOKUP, IPC_ROLE_KEYS, false },
		{ IPC_ROLE_QUEUE, IPC_ROLE_SENDER, true },
		{ IPC_ROLE_QUEUE, IPC_ROLE_LOCAL, true },
		{ IPC_ROLE_QUEUE, IPC_ROLE_RESOLVER, true },
		{ IPC_ROLE_QUEUE, IPC_ROLE_LOOKUP, true },
		{ IPC_ROLE_SENDER, IPC_ROLE_RESOLVER, false },
		{ IPC_ROLE_SENDER, IPC_ROLE_LOOKUP, false },
		{ IPC_ROLE_LOCAL, IPC_ROLE_LOOKUP, false },
		{ IPC_ROLE_RESOLVER, IPC_ROLE_LOOKUP, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_NUM(sup_do_talk(rows[i].a, rows[i].b), rows[i].is_talking,
		    "row %zu", i);
		CHECK_NUM(sup_do_talk(rows[i].b, rows[i].a), rows[i].is_talking,
		    "row %zu turned round", i);
	}
}

/* Nobody ends for what a receiver and the resolver say to or of each other. */
static void
test_who_must_talk(void **state)
{
	static const struct {
		enum ipc_role	a, b;
		bool		must;
	} rows[] = {
		{ IPC_ROLE_RECEIVER, IPC_ROLE_RESOLVER, false },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_QUEUE, true },
		{ IPC_ROLE_RECEIVER, IPC_ROLE_ADMIN, true },
		{ IPC_ROLE_QUEUE, IPC_ROLE_RESOLVER, true },
		{ IPC_ROLE_SENDER, IPC_ROLE_RESOLVER, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_NUM(sup_must_talk(rows[i].a, rows[i].b), rows[i].must,
		    "row %zu", i);
		CHECK_NUM(sup_must_talk(rows[i].b, rows[i].a), rows[i].must,
		    "row %zu turned round", i);
	}
}

/*
 * Looks at a pair of files, each a letter for what it is then ('-': not looked
 * at): it is due when it has changed since it was tried, and stayed for a look.
 */
static void
test_pairs(void **state)
{
	static const struct {
		const char	*name;
		const char	*certificate, *key;	/* at each look */
		const char	*due;		/* 'y' at that look */
	} rows[] = {
		{ "nothing changes", "aaaa", "aaaa", "nnnn" },
		{ "both change", "abbb", "abbb", "nnyn" },
		{ "one after the other", "abbbb", "aabbb", "nnnyn" },
		{ "only one", "abbb", "aaaa", "nnyn" },
		{ "there and back", "abaa", "aaaa", "nnnn" },
		{ "twice", "abbbcc", "abbbcc", "nnynny" },
		{ "never at rest", "abcdef", "aaaaaa", "nnnnnn" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pair p = { .tried = { { .inode = 'a' },
		    { .inode = 'a' } } };

		for (size_t k = 0; rows[i].due[k] != '\0'; k++) {
			struct stamp now[PAIR_FILES] = {
				{ .inode = (uint64_t)rows[i].certificate[k] },
				{ .inode = (uint64_t)rows[i].key[k] },
			};
			bool is_due = sup_pair_is_due(&p, now);

			CHECK_NUM(is_due, rows[i].due[k] == 'y',
			    "%s, look %zu", rows[i].name, k);
			if (is_due)
				memcpy(p.tried, now, sizeof p.tried);
		}
	}
}

/* At once the first time, then 100 ms doubled up to 2 s; calm forgives. */
static void
test_delay(void **state)
{
	static const uint32_t wanted[] = { 0, 100, 200, 400, 800, 1600, 2000,
		2000 };
	uint32_t next = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(wanted); i++)
		CHECK_NUM(sup_delay(next, 50, &next), wanted[i], "death %zu", i);
	CHECK_NUM(sup_delay(next, RESTART_CALM_MS, &next), 0, "after a calm");
	CHECK_NUM(sup_delay(next, 50, &next), 100, "and again");
}

/* Who hears more of strangers is replaced, whoever of the two complains. */
static void
test_liar(void **state)
{
	static const struct {
		enum ipc_role	a, b, liar;
	} rows[] = {
		{ IPC_ROLE_QUEUE, IPC_ROLE_RECEIVER, IPC_ROLE_RECEIVER },
		{ IPC_ROLE_QUEUE, IPC_ROLE_SENDER, IPC_ROLE_SENDER },
		{ IPC_ROLE_QUEUE, IPC_ROLE_LOCAL, IPC_ROLE_LOCAL },
		{ IPC_ROLE_QUEUE, IPC_ROLE_RESOLVER, IPC_ROLE_RESOLVER },
		{ IPC_ROLE_QUEUE, IPC_ROLE_LOOKUP, IPC_ROLE_LOOKUP },
		{ IPC_ROLE_QUEUE, IPC_ROLE_ADMIN, IPC_ROLE_ADMIN },
		{ IPC_ROLE_LOOKUP, IPC_ROLE_RECEIVER, IPC_ROLE_RECEIVER },
		{ IPC_ROLE_ADMIN, IPC_ROLE_RECEIVER, IPC_ROLE_RECEIVER },
		{ IPC_ROLE_KEYS, IPC_ROLE_RECEIVER, IPC_ROLE_RECEIVER },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_NUM(sup_liar(rows[i].a, rows[i].b), rows[i].liar,
		    "row %zu", i);
		CHECK_NUM(sup_liar(rows[i].b, rows[i].a), rows[i].liar,
		    "row %zu turned round", i);
	}
}

/*
 * What becomes of a role at each beat.  'b' a beat, 'L' one that came late
 * (the machine stood still), 'a' it answered, 'w' it said that it works, 's' that
 * it waits for a disk, 'n' nothing for ten beats;
 * behind a beat what is to be done: 'A'sk, 'W'ait, 'R'eplace.
 */
static void
test_watch(void **state)
{
	static const char *const rows[] = {
		"bA a bA a bA a",
		/* Six beats of silence behind the question. */
		"bA bW bW bW bW bW bR",
		"bA bW bW bW bW bW a bA bW bW bW bW bW bR",
		/* Long work: silent towards the question, but not silent. */
		"bA bW bW bW bW bW w bW bW bW bW bW w bW bW bW bW bW a bA",
		"bA w bW bW bW bW bW bR",
		/* A slow disk: ten times the patience, until it is heard. */
		"bA s n n n n n bW bW bW bW bW bW bW bW bW bR",
		"s bA n n a bA bW bW bW bW bW bR",
		"bA s n n w bW bW bW bW bW bR",
		/* The machine was suspended; nobody is blamed for that. */
		"bA bW bW bW bW bW LW LW LW a bA",
		"bA LW LW LW LW LW LW LW bW bW bW bW bW bR",
		"LA LW a bA",
	};
	static const char acts[] = { [WATCH_WAIT] = 'W', [WATCH_ASK] = 'A',
		[WATCH_REPLACE] = 'R' };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct child c = { .pid = 0 };

		for (const char *at = rows[i]; *at != '\0'; at++) {
			if (*at == 'a' || *at == 'w' || *at == 's')
				sup_alive(&c, *at == 'a' ? CONTROL_ANSWERS :
				    *at == 'w' ? CONTROL_WORKS : CONTROL_SYNCS);
			for (unsigned int k = 0; *at == 'n' && k < 10; k++)
				CHECK_NUM(sup_watch(&c.watched, false),
				    WATCH_WAIT, "row %zu at \"%s\"", i, at);
			if (*at != 'b' && *at != 'L')
				continue;
			enum watch_act act = sup_watch(&c.watched, *at == 'L');

			at++;
			CHECK_NUM(acts[act], *at, "row %zu at \"%s\"", i, at);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_pairs, "OPS-5"),
		TEST(test_who_talks, "PRV-3"),
		TEST(test_who_must_talk, "PRV-3"),
		TEST(test_delay, "PRV-7"),
		TEST(test_liar, "PRV-3"),
		TEST(test_watch, "OPS-6"),
	};

	return RUN_TESTS(tests);
}
