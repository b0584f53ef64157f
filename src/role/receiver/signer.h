/*
 * signer.h - what a receiver's handshakes have asked keys to sign.
 */
#ifndef POSTHORSE_ROLE_RECEIVER_SIGNER_H
#define POSTHORSE_ROLE_RECEIVER_SIGNER_H

#include "io/tls.h"
#include "io/loop.h"
#include "ipc/keys.h"

#define SIGNER_WITHIN_MS	5000u	/* then the handshake ends */

struct signer {
	struct tls_signer	 seam;
	/* To keys; false: it is not there, or reads nothing. */
	bool			(*say)(void *ctx, const struct keys_sign *m);
	void			*ctx;
	struct loop		*loop;
	struct loop_timer	*timer;		/* of the first that waits */
	struct tls_wish		*first, **last;	/* in the order of asking; tag
						 * 0: keys has not been told */
	unsigned int		 nasked;	/* by us, unanswered: at most
						 * KEYS_ASKED_MAX */
	uint64_t		 last_tag;
};

/* First of all; nothing is asked for before signer_start(). */
void signer_begin(struct signer *s,
    bool (*say)(void *ctx, const struct keys_sign *m), void *ctx);
/* ERR_NOMEM. */
MUST_USE enum err signer_start(struct signer *s, struct loop *loop);
/* False: keys has broken the conversation. */
MUST_USE bool signer_answer(struct signer *s, const struct keys_signature *m);
/* Keys has gone: all that wait end, for nobody else has what it was asked. */
void signer_keys_went(struct signer *s);

#endif
