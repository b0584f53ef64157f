/*
 * queue_filter.h - the words behind `posthorse queue VERB`: ids, or which messages.
 */
#ifndef POSTHORSE_CLI_QUEUE_FILTER_H
#define POSTHORSE_CLI_QUEUE_FILTER_H

#include "ipc/steer.h"

struct queue_words {
	struct steer_ask	 filter;	/* spans of argv */
	char			**ids;		/* of argv, which is put together */
	size_t			 nids;
	bool			 has_filter;	/* some --WORD that chooses */
	bool			 is_yes;	/* --yes */
};
/* False was complained about. */
bool queue_words_read(int argc, char **argv, struct queue_words *w);

#endif
