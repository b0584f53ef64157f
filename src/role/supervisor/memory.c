/*
 * memory.c - where the kernel says how much memory we have and may have.
 *
 * cgroups(7): version 2 has memory.stat and memory.max in the group's folder,
 * version 1 says both in memory.stat.  Outside of a group with a limit there is
 * nothing to find, and nothing is bounded.
 */
#include "role/supervisor/supervisor.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>

#define GROUPS_MAX	8192u	/* octets of /proc/self/cgroup */
#define PATH_ROOM	1024u

static bool
give_one(give_file *give, void *ctx, const char *purpose, const char *root,
    struct span group)
{
	const char *name = purpose[7] == 's' ? "memory.stat" : "memory.max";
	char path[PATH_ROOM];
	bool ok = true;
	int n, fd;

	n = snprintf(path, sizeof path, "%s%.*s/%s", root, SPAN_FMT(group),
	    name);
	if (n < 0 || (size_t)n >= sizeof path)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		ok = give(ctx, purpose, fd);
	file_close(fd);
	return ok;
}

/* "ID:CONTROLLERS:PATH" */
static bool
give_group(give_file *give, void *ctx, struct span line)
{
	struct span controllers, id = span_take(&line, span_find(line, ':'));

	if (line.n == 0)
		return true;
	line = span_skip(line, 1);
	controllers = span_take(&line, span_find(line, ':'));
	if (line.n == 0)
		return true;
	line = span_skip(line, 1);
	if (span_eq(controllers, SPAN("memory")))
		return give_one(give, ctx, "memory-stat",
		    "/sys/fs/cgroup/memory", line);
	if (!span_eq(id, SPAN("0")) || controllers.n > 0)
		return true;
	return give_one(give, ctx, "memory-stat", "/sys/fs/cgroup", line) &&
	    give_one(give, ctx, "memory-max", "/sys/fs/cgroup", line);
}

bool
sup_give_memory(give_file *give, void *ctx)
{
	struct buf text = buf_make(GROUPS_MAX);
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	bool ok = true;

	if (fd >= 0 && file_read_all(fd, &text) == ERR_OK)
		for (struct span left = buf_span(&text); left.n > 0 && ok;) {
			struct span line = span_take(&left,
			    span_find(left, '\n'));

			left = span_skip(left, MIN((size_t)1, left.n));
			ok = give_group(give, ctx, line);
		}
	file_close(fd);
	buf_free(&text);
	return ok;
}
