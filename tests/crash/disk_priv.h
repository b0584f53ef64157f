/*
 * disk_priv.h - the inside of the disk in memory; for disk.c and image.c.
 */
#ifndef POSTHORSE_TESTS_CRASH_DISK_PRIV_H
#define POSTHORSE_TESTS_CRASH_DISK_PRIV_H

#include "disk.h"

void *disk_need(void *p);		/* not NULL, or the end */
uint64_t disk_mix(uint64_t *seed);
/* At least n octets, now and safe; zeros where there were none. */
void disk_file_room(struct disk_file *f, size_t n);
int disk_file_new(struct disk *d);
struct disk_name *disk_name_find(struct disk_names *t, int dir,
    const char *name);
void disk_name_set(struct disk_names *t, int dir, const char *name, int file);
void disk_name_remove(struct disk_names *t, int dir, const char *name);
void disk_names_apply(struct disk_names *t, const struct disk_op *op);
/* Put octets from..to of an operation into the safe state. */
void disk_op_save(struct disk_file *f, const struct disk_op *op, uint64_t from,
    uint64_t to);
void disk_op_forget(struct disk_op *op);

#endif
