/*
 * sim.c - the spool on a disk that dies at every call.
 *
 *	sim PROGRAM...		the whole test: our own spool must pass, each of
 *				the programs (the same with a planted fault) must
 *				be caught within IMAGES_PLANTED images, by an
 *				invariant that it really breaks
 *	sim --seed N [IMAGES]	one seed, to see a failure again
 *	sim --planted		look for a fault until one is found
 *
 *	sim --small [BITS]	the small scope alone
 *
 * POSTHORSE_LONG=1: eight minutes of processor time, not one.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define IMAGES_PLANTED	10000u
#define STEPS		260u
#define SMALL_BITS	10u	/* small scope: 2^10 subsets a cut */
#define SECONDS_QUICK	15
#define SECONDS_LONG	240

/* What each planted fault breaks: the find must name one of these. */
static const struct {
	const char	*program;
	const char	*invariants[4];
} plants[] = {
	{ "sim-ack-before-sync", { "I1:" } },
	{ "sim-no-sync", { "I1:" } },
	{ "sim-no-directory-sync", { "I1:" } },
	{ "sim-sync-retried", { "I1:", "I5:", "I9:" } },
	{ "sim-hash-ignored", { "I2:", "I3:" } },
	{ "sim-identity-ignored", { "I3:", "I4:", "I5:" } },
	{ "sim-reclaim-early", { "I1:", "I6:" } },
	{ "sim-outcome-not-synced", { "I5:" } },
	{ "sim-partial-batch", { "I1:" } },
	{ "sim-type-zero", { "I3:", "I4:", "I5:" } },
	{ "sim-unknown-deleted", { "I8:" } },
	{ "sim-id-reused", { "I1:", "I3:", "I4:", "I5:" } },
};

/* Seeds that once found something: they are run first, and whole. */
static const uint64_t found[] = {
	284, 334, /* a failed segment, forgotten with the queue, was read */
	668,	/* the same, of the queue's own mail */
	1228,	/* what was being saved was dropped from memory */
	1153, 4742, 5825, /* a new head, not synced when its queue died */
	221,	/* a settled bounce came again when queue, then machine died */
	2, 13, 68, /* a bounce whose batch went on in a second segment */
	5305,	/* a large file went by the word of a journal in memory only */
	1444, 137, /* a write that failed behind a sync took back what it had saved */
	332, 1454, 1091, /* what a failed sync lost was read back from memory */
};

static struct world_plan
plan_of(uint64_t seed)
{
	return (struct world_plan){ .seed = seed, .steps = STEPS,
		.has_faults = seed % 3 != 0, .has_large = seed % 4 == 1,
		.has_restarts = seed % 5 != 0, .has_jumps = seed % 3 == 1,
		.has_bounces = seed % 11 == 2 || seed % 11 == 5 ||
		    seed % 11 == 0,
		.has_flights = seed % 11 == 3 || seed % 11 == 5 ||
		    seed % 11 == 10,
		.has_two = seed % 11 == 0 || seed % 11 == 10,
		.has_illness = seed % 11 == 0 };
}

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seeds one after the other, each stopped where it has had its share. */
static uint64_t
run_seeds(uint64_t from, uint64_t images_max, double limit, bool is_planted,
    uint64_t *seeds)
{
	uint64_t images = 0;
	double start = seconds();

	*seeds = 0;
	while (images < images_max && seconds() - start < limit) {
		struct world_plan plan = plan_of(from + *seeds);

		plan.is_planted = is_planted;
		plan.has_faults = plan.has_faults || is_planted;
		world_run(&plan, &images, images_max);
		++*seeds;
	}
	return images;
}

static void
run_found(void)
{
	uint64_t images = 0;

	for (size_t i = 0; i < COUNT(found); i++) {
		struct world_plan plan = plan_of(found[i]);

		world_run(&plan, &images, UINT64_MAX);
	}
}

/* What the planted program printed, and whether it found its fault. */
static bool
planted_run(const char *program, char *line, size_t room)
{
	char command[1024];
	FILE *p;
	int status;

	(void)snprintf(command, sizeof command, "'%s' --planted 2>&1", program);
	p = popen(command, "r");
	if (p == NULL)
		return false;
	line[0] = '\0';
	while (fgets(line, (int)room, p) != NULL)
		;
	status = pclose(p);
	line[strcspn(line, "\n")] = '\0';
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* The find names what this fault breaks, not a consequence of it. */
static bool
find_is_right(const char *program, const char *line)
{
	for (size_t i = 0; i < COUNT(plants); i++) {
		if (strcmp(plants[i].program, base_name(program)) != 0)
			continue;
		for (size_t k = 0; k < COUNT(plants[i].invariants); k++) {
			const char *want = plants[i].invariants[k];

			if (want != NULL &&
			    strncmp(line, want, strlen(want)) == 0)
				return true;
		}
	}
	return false;
}

static void
figures_print(const char *what, uint64_t images, double spent)
{
	(void)printf("FIGURE %s %.0f per-core-minute (%llu in %.1f s)\n", what,
	    (double)images * 60 / spent, (unsigned long long)images, spent);
	(void)fflush(stdout);
}

static void
own_test(bool is_long)
{
	double start = seconds(), middle;
	uint64_t seeds, images, small = 0;
	struct small_figures f;

	run_found();
	images = run_seeds(1, is_long ? UINT64_MAX : 1u << 20,
	    is_long ? SECONDS_LONG : SECONDS_QUICK, false, &seeds);
	middle = seconds();
	(void)printf("ok   our own spool: %llu images from %llu seeds\n",
	    (unsigned long long)images, (unsigned long long)seeds);
	f = small_run(SMALL_BITS, is_long, &small, false);
	(void)printf("ok   small scope: %llu scripts, %llu cuts, %llu images; "
	    "at %llu cuts too many writes wait for all subsets\n",
	    (unsigned long long)f.scripts, (unsigned long long)f.cuts,
	    (unsigned long long)small, (unsigned long long)f.sampled);
	figures_print("crash-images", images + small, seconds() - start);
	figures_print("crash-images-sampled", images, middle - start);
}

static int
whole_test(int n, char **programs)
{
	unsigned int passed = 2, failed = 0;

	own_test(getenv("POSTHORSE_LONG") != NULL);
	for (int i = 0; i < n; i++) {
		char line[512];
		bool is_caught = planted_run(programs[i], line, sizeof line) &&
		    find_is_right(programs[i], line);

		(void)printf("%s %s: %s\n", is_caught ? "ok  " : "FAIL",
		    base_name(programs[i]), line);
		(void)fflush(stdout);
		passed += is_caught;
		failed += !is_caught;
	}
	(void)printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed > 0;
}

static int
planted_test(void)
{
	uint64_t seeds, images = run_seeds(1, IMAGES_PLANTED, 600, true,
	    &seeds);

	(void)printf("not caught in %llu images, %llu seeds\n",
	    (unsigned long long)images, (unsigned long long)seeds);
	return 0;
}

int
main(int argc, char **argv)
{
	uint64_t images = 0;

	if (argc > 1 && strcmp(argv[1], "--planted") == 0)
		return planted_test();
	if (argc > 1 && strcmp(argv[1], "--small") == 0) {
		(void)small_run(argc > 2
		    ? (unsigned int)strtoul(argv[2], NULL, 10) : SMALL_BITS,
		    false, &images, false);
	} else if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
		struct world_plan plan = plan_of(strtoull(argv[2], NULL, 10));

		world_run(&plan, &images,
		    argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX);
	} else {
		return whole_test(argc - 1, argv + 1);
	}
	(void)printf("%llu images, all as they should be\n",
	    (unsigned long long)images);
	return 0;
}
