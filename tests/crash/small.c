/*
 * small.c - the small scope, exhaustively: at most three messages of one or two
 * recipients, a crash at every call, every subset of the writes that no sync
 * has covered (up to 2^bits of them; where more wait, as many at random).
 */
#include "world.h"

#include <string.h>

/*
 * s S submit to one, two   y Y begin a sync, the whole of it
 * d f r settle the next open slot: done, failed (a bounce), again later
 * j the journal's sync   t tend   m files for writers   c the last is taken back
 * q the queue dies   x the receiver dies
 */
static const char *const scripts[] = {
	"SYdjdjm",
	"sSYdjrjdj",
	"syYfjdjm",
	"SysYYqdjdj",
	"sxmSYdjm",
	"sscYdjtj",
	"sSsYdjdjdjdjm",
	"sYsYsYrjdjtjm",
	"SyqYrjfjdj",
	"sYfjqdjdjm",
	"sSyxmsYdjdjdj",
	"SYrjqrjdjdjmsYdjm",
};
/* And, behind a message that was kept, every sequence of so many of these. */
static const char letters[] = "sYydfrjq";
#define TAIL_QUICK	4u
#define TAIL_LONG	5u

struct small {
	struct world		*w;
	unsigned int		 bits;
	struct small_figures	*figures;
};

static void
small_cut(void *arg, struct disk *d)
{
	struct small *s = arg;
	struct world *w = s->w;
	bool is_all = d->nops <= s->bits;
	uint64_t n = (uint64_t)1 << (is_all ? d->nops : s->bits);
	uint64_t before = w->images;

	if (w->is_judging)
		return;
	w->is_judging = true;
	for (uint64_t i = 0; i < n; i++)
		world_judge(w, disk_crash(d, IMAGE_SUBSET,
		    is_all ? i : world_chance(w, UINT64_MAX)), 1);
	w->is_judging = false;
	s->figures->cuts++;
	s->figures->images += w->images - before;
	s->figures->sampled += !is_all;
}

static void
act(struct world *w, char what)
{
	switch (what) {
	case 's':
	case 'S':
		work_submit(w, false, what == 's' ? 1 : 2);
		break;
	case 'y':
	case 'Y':
		work_writer_sync(w, what == 'Y');
		break;
	case 'd':
		work_settle_any(w, STORE_DONE);
		break;
	case 'f':
		work_settle_any(w, STORE_FAILED);
		break;
	case 'r':
		work_settle_any(w, STORE_RETRY);
		break;
	case 'j':
		work_store_sync(w);
		break;
	case 't':
		(void)store_tend(w->store, 20000);
		break;
	case 'm':
		work_supply(w);
		break;
	case 'c':
		work_cancel(w);
		break;
	case 'q':
		work_queue_dies(w);
		break;
	case 'x':
		work_receiver_dies(w);
		break;
	default:
		break;
	}
}

/* Judged from the letter `from` on; 0: from the making of files on. */
static void
script_run(struct small *s, const char *script, size_t from, uint64_t number,
    uint64_t *images, bool is_planted)
{
	struct world *w = world_begin(1000000 + number, is_planted);

	s->w = w;
	w->images = *images;
	w->images_max = UINT64_MAX;
	w->is_judging = true;
	world_open(w);
	w->disk->before = small_cut;
	w->disk->arg = s;
	w->is_judging = from > 0;
	work_supply(w);
	for (const char *p = script; *p != '\0'; p++) {
		w->steps++;
		w->is_judging = (size_t)(p - script) < from;
		act(w, *p);
	}
	w->is_judging = true;
	work_drain(w);
	*images = w->images;
	world_end(w);
	s->figures->scripts++;
}

struct small_figures
small_run(unsigned int bits, bool is_long, uint64_t *images, bool is_planted)
{
	struct small_figures figures = { 0 };
	struct small s = { .bits = bits, .figures = &figures };
	size_t length = is_long ? TAIL_LONG : TAIL_QUICK, all = 1;

	for (size_t i = 0; i < COUNT(scripts); i++)
		script_run(&s, scripts[i], 0, i, images, is_planted);
	for (size_t i = 0; i < length; i++)
		all *= sizeof letters - 1;
	for (size_t i = 0; i < all; i++) {
		char script[] = "SY.....";
		size_t left = i;

		for (size_t k = 0; k < length; k++) {
			script[2 + k] = letters[left % (sizeof letters - 1)];
			left /= sizeof letters - 1;
		}
		script[2 + length] = '\0';
		script_run(&s, script, 2, COUNT(scripts) + i, images,
		    is_planted);
	}
	return figures;
}
