/*
 * replay.c - walk a fuzz target over its corpus without libFuzzer.
 *
 * Feeds every file of the folder, every prefix of each file up to 4 KiB, and
 * 2,000 mutations from a fixed seed.  A crash or a sanitizer report fails.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX	(1u << 20)
#define PREFIX_MAX	4096u
#define MUTATIONS	2000u

static unsigned long inputs;

/* A copy of its own size, so that one octet too far is seen by ASan. */
static void
feed(const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);

	if (exact == NULL)
		abort();
	if (n > 0)
		memcpy(exact, p, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	inputs++;
}

static void
mutate(uint8_t *p, size_t n, uint32_t *seed)
{
	for (unsigned int i = 0; i < MUTATIONS && n > 0; i++) {
		*seed = *seed * 1664525u + 1013904223u;
		size_t at = (*seed >> 8) % n;
		uint8_t was = p[at];

		p[at] = (uint8_t)(*seed >> 24);
		feed(p, n);
		if (i % 4 != 0)
			p[at] = was;
	}
}

static void
walk_file(const char *path)
{
	static uint8_t data[FILE_MAX];
	FILE *f = fopen(path, "rb");
	uint32_t seed = 1;
	size_t n;

	if (f == NULL)
		return;
	n = fread(data, 1, sizeof data, f);
	(void)fclose(f);
	feed(data, n);
	for (size_t cut = 0; cut < n && cut < PREFIX_MAX; cut++)
		feed(data, cut);
	mutate(data, n < PREFIX_MAX ? n : PREFIX_MAX, &seed);
}

int
main(int argc, char **argv)
{
	char path[2048];
	struct dirent *e;
	DIR *d;

	if (argc != 2 || (d = opendir(argv[1])) == NULL) {
		(void)fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
		return 2;
	}
	feed((const uint8_t *)"", 0);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
		walk_file(path);
	}
	(void)closedir(d);
	(void)printf("%lu inputs\n", inputs);
	return inputs > 1 ? 0 : 1;
}
