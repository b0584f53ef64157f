/*
 * sim.c - the spool on a disk that dies at every call.
 *
 *	sim PROGRAM...		the whole test: our own spool must pass, each of
 *				the programs (the same with a planted fault) must
 *				be caught within IMAGES_PLANTED images
 *	sim --seed N [IMAGES]	one seed, to see a failure again
 *	sim --planted		look for a fault until one is found
 *
 * POSTHORSE_LONG=1: twenty minutes instead of half of one.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define IMAGES_PLANTED	10000u
#define STEPS		260u

static struct world_plan
plan_of(uint64_t seed)
{
	return (struct world_plan){ .seed = seed, .steps = STEPS,
		.has_faults = seed % 3 != 0, .has_large = seed % 4 == 1,
		.has_restarts = seed % 5 != 0 };
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
run_seeds(uint64_t from, uint64_t images_max, double limit, uint64_t *seeds)
{
	uint64_t images = 0;
	double start = seconds();

	*seeds = 0;
	while (images < images_max && seconds() - start < limit) {
		struct world_plan plan = plan_of(from + *seeds);

		world_run(&plan, &images, images_max);
		++*seeds;
	}
	return images;
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

static int
whole_test(int n, char **programs)
{
	bool is_long = getenv("POSTHORSE_LONG") != NULL;
	double start = seconds(), spent;
	unsigned int passed = 1, failed = 0;
	uint64_t seeds;
	uint64_t images = run_seeds(1, is_long ? UINT64_MAX : 1u << 20,
	    is_long ? 1200 : 25, &seeds);

	spent = seconds() - start;
	(void)printf("ok   our own spool: %llu images from %llu seeds, "
	    "%.0f a core-minute\n", (unsigned long long)images,
	    (unsigned long long)seeds, (double)images * 60 / spent);
	(void)fflush(stdout);
	for (int i = 0; i < n; i++) {
		char line[512];
		bool is_caught = planted_run(programs[i], line, sizeof line);

		(void)printf("%s %s: %s\n", is_caught ? "ok  " : "FAIL",
		    base_name(programs[i]), line);
		(void)fflush(stdout);
		passed += is_caught;
		failed += !is_caught;
	}
	(void)printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed > 0;
}

int
main(int argc, char **argv)
{
	uint64_t images = 0, seeds;

	if (argc > 1 && strcmp(argv[1], "--planted") == 0) {
		images = run_seeds(1, IMAGES_PLANTED, 600, &seeds);
		(void)printf("not caught in %llu images, %llu seeds\n",
		    (unsigned long long)images, (unsigned long long)seeds);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
		struct world_plan plan = plan_of(strtoull(argv[2], NULL, 10));

		world_run(&plan, &images,
		    argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX);
		(void)printf("%llu images, all as they should be\n",
		    (unsigned long long)images);
		return 0;
	}
	return whole_test(argc - 1, argv + 1);
}
