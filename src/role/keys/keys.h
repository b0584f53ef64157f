/*
 * keys.h - the role that holds the private keys, and signs with them: what its
 * files share.
 *
 *	main.c		files in, lines to receivers
 *	held.c		the keys, and what is answered with them
 *	tickets.c	keys of session tickets, for receivers
 */
#ifndef POSTHORSE_ROLE_KEYS_KEYS_H
#define POSTHORSE_ROLE_KEYS_KEYS_H

#include "base/buf.h"
#include "config/config.h"
#include "io/tls_key.h"
#include "ipc/keys.h"

#define KEYS_PEM_MAX	(256u * 1024)	/* octets of a file */

/* One `tls` statement's. */
struct held {
	struct buf	 certificate, pem;	/* until the key is read */
	struct tls_key	*key;			/* NULL: none yet */
	struct tls_key	*last;			/* for handshakes that began
						 * before a reload */
};
struct keys_held {
	struct held	rows[CONFIG_TLS_MAX];
	size_t		nrows;
};

/* Both files of a row are there to be read. */
bool keys_held_has_pair(const struct keys_held *k, size_t row);
/* No handshake asks for what was held before a reload any more. */
void keys_held_forget(struct keys_held *k);
/*
 * Read the key of a row from its two files; the octets are wiped.  The one
 * before it still signs until keys_held_forget.  On failure it stays.
 */
MUST_USE enum err keys_held_read(struct keys_held *k, size_t row,
    char why[TLS_WHY_MAX]);
/*
 * What to answer.  The signature's octets are borrowed from *signature.
 */
struct keys_signature keys_held_sign(const struct keys_held *k,
    const struct keys_sign *m, struct tls_signature *signature);

#endif
