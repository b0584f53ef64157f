/*
 * image.c - what a crash, or rot, makes of a disk.
 */
#include "disk_priv.h"

#include <stdlib.h>
#include <string.h>

struct disk *
disk_new(uint64_t seed)
{
	struct disk *d = disk_need(calloc(1, sizeof *d));

	d->seed = seed;
	d->clock = 1700000000000u;
	return d;
}

void
disk_free(struct disk *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->nfiles; i++) {
		free(d->files[i].now);
		free(d->files[i].safe);
	}
	for (size_t i = 0; i < d->nops; i++)
		disk_op_forget(&d->ops[i]);
	free(d->ops);
	free(d);
}

static bool
image_has(enum disk_image kind, uint64_t which, size_t i, uint64_t *seed)
{
	switch (kind) {
	case IMAGE_NOTHING:
		return false;
	case IMAGE_ALL:
		return true;
	case IMAGE_MISSING:
		return i != which;
	case IMAGE_ALONE:
		return i == which;
	case IMAGE_PREFIX:
		return i < which;
	case IMAGE_SUBSET:
		return i < 64 && (which >> i & 1) != 0;
	default:
		return disk_mix(seed) % 2 == 0;
	}
}

/* Each sector of a write for itself; the first of them torn, if asked. */
static void
save_sectors(struct disk_file *f, const struct disk_op *op, uint64_t *seed,
    bool *is_torn)
{
	uint64_t at = op->at, end = op->at + op->n;

	if (op->kind == DISK_ALLOCATE) {
		if (disk_mix(seed) % 2 == 0)
			disk_op_save(f, op, 0, op->n);
		return;
	}
	while (at < end) {
		uint64_t next = MIN(end, (at / DISK_SECTOR + 1) * DISK_SECTOR);
		uint64_t to = next;

		if (disk_mix(seed) % 2 == 0) {
			if (*is_torn)
				to = at + (next - at) / 2;
			*is_torn = false;
			disk_op_save(f, op, at - op->at, to - op->at);
		}
		at = next;
	}
}

static void
image_copy(struct disk *to, const struct disk *from)
{
	to->clock = from->clock + 1000;
	to->safe = from->safe;
	for (size_t i = 0; i < from->nfiles; i++)
		(void)disk_file_new(to);
	/* Only files that a name may lead to. */
	for (size_t i = 0; i < from->now.n + from->safe.n + from->nops; i++) {
		int file = i < from->now.n ? from->now.at[i].file
		    : i < from->now.n + from->safe.n
		    ? from->safe.at[i - from->now.n].file
		    : from->ops[i - from->now.n - from->safe.n].file;
		const struct disk_file *f;

		if (file < 0 || to->files[file].room > 0)
			continue;
		f = &from->files[file];
		disk_file_room(&to->files[file], MAX(f->safe_n, (size_t)1));
		if (f->safe_n > 0)
			memcpy(to->files[file].safe, f->safe, f->safe_n);
		to->files[file].safe_n = f->safe_n;
	}
}

/* What is safe is all that there is. */
static void
image_settle(struct disk *d)
{
	struct disk_names *names = disk_need(calloc(1, sizeof *names));
	struct disk_file *files = disk_need(calloc(DISK_FILES, sizeof *files));
	size_t n = 0;

	for (size_t i = 0; i < d->safe.n; i++) {
		struct disk_file *f = &d->files[d->safe.at[i].file];

		if (f->room > 0 && f->safe_n > 0)
			memcpy(f->now, f->safe, f->safe_n);
		f->now_n = f->safe_n;
		files[n] = *f;
		*f = (struct disk_file){ 0 };
		names->at[names->n] = d->safe.at[i];
		names->at[names->n++].file = (int)n++;
	}
	for (size_t i = 0; i < d->nfiles; i++) {
		free(d->files[i].now);
		free(d->files[i].safe);
	}
	memcpy(d->files, files, DISK_FILES * sizeof *files);
	free(files);
	d->nfiles = n;
	d->now = d->safe = *names;
	free(names);
}

struct disk *
disk_crash(const struct disk *d, enum disk_image kind, uint64_t which)
{
	uint64_t seed = which ^ 0x5bd1e995;
	struct disk *image = disk_new(d->seed ^ (which << 8) ^ kind);
	bool is_torn = kind == IMAGE_TORN;

	image_copy(image, d);
	for (size_t i = 0; i < d->nops; i++) {
		const struct disk_op *op = &d->ops[i];

		if (op->kind != DISK_NAME &&
		    (kind == IMAGE_SECTORS || kind == IMAGE_TORN)) {
			save_sectors(&image->files[op->file], op, &seed,
			    &is_torn);
			continue;
		}
		if (!image_has(kind, which, i, &seed))
			continue;
		if (op->kind == DISK_NAME)
			disk_names_apply(&image->safe, op);
		else
			disk_op_save(&image->files[op->file], op, 0, op->n);
	}
	image_settle(image);
	return image;
}

struct span
disk_octets(const struct disk *d, int dir, const char *name)
{
	for (size_t i = 0; i < d->now.n; i++)
		if (d->now.at[i].dir == dir &&
		    strcmp(d->now.at[i].name, name) == 0) {
			const struct disk_file *f =
			    &d->files[d->now.at[i].file];

			return span_of(f->now, f->now_n);
		}
	return (struct span){ 0 };
}

void
disk_plant(struct disk *d, int dir, const char *name, struct span octets)
{
	int file = disk_file_new(d);
	struct disk_file *f = &d->files[file];

	disk_file_room(f, octets.n);
	memcpy(f->now, octets.p, octets.n);
	memcpy(f->safe, octets.p, octets.n);
	f->now_n = f->safe_n = octets.n;
	disk_name_set(&d->now, dir, name, file);
	disk_name_set(&d->safe, dir, name, file);
}

/* What kind makes of the sector at `at`; n octets of it. */
static void
sector_hurt(const struct disk *d, const struct disk_file *f,
    enum disk_damage kind, uint64_t at, size_t n, uint64_t chance, uint8_t *to)
{
	const struct disk_file *from = f;
	uint64_t there = at;

	memset(to, 0, n);
	if (kind == DAMAGE_ZERO)
		return;
	if (kind == DAMAGE_STALE)
		from = &d->files[chance % d->nfiles];
	else
		there = chance % (f->now_n / DISK_SECTOR + 1) * DISK_SECTOR;
	if (there < from->now_n)
		memcpy(to, from->now + there, MIN(n, from->now_n - there));
}

bool
disk_damage(struct disk *d, const char *name, enum disk_damage kind,
    uint64_t at, uint64_t chance)
{
	struct disk_name *e = disk_name_find(&d->now, DISK_ROOT, name);
	struct disk_file *f = e == NULL ? NULL : &d->files[e->file];
	uint8_t sector[DISK_SECTOR];
	size_t n;
	bool has_changed;

	if (f == NULL || at >= f->now_n)
		return false;
	if (kind == DAMAGE_BIT) {
		f->now[at] ^= (uint8_t)(1u << chance % 8);
		f->safe[at] = f->now[at];
		return true;
	}
	at -= at % DISK_SECTOR;
	n = MIN((size_t)DISK_SECTOR, f->now_n - (size_t)at);
	sector_hurt(d, f, kind, at, n, chance, sector);
	has_changed = memcmp(f->now + at, sector, n) != 0;
	memcpy(f->now + at, sector, n);
	memcpy(f->safe + at, sector, n);
	return has_changed;
}

void
disk_remove(struct disk *d, int dir, const char *name)
{
	disk_name_remove(&d->now, dir, name);
	disk_name_remove(&d->safe, dir, name);
}

size_t
disk_count(const struct disk *d, int dir, const char *prefix)
{
	size_t n = 0;

	for (size_t i = 0; i < d->now.n; i++)
		n += d->now.at[i].dir == dir && strncmp(d->now.at[i].name,
		    prefix, strlen(prefix)) == 0;
	return n;
}
