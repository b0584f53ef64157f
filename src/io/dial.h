/*
 * dial.h - begin an outgoing connection.
 */
#ifndef POSTHORSE_IO_DIAL_H
#define POSTHORSE_IO_DIAL_H

#include "base/span.h"

/*
 * A non-blocking TCP socket whose connect() has begun, for stream_new with
 * is_connecting.  address: 4 or 16 octets.  ERR_SYNTAX: it is neither; ERR_IO:
 * errno says why.  The source address is the kernel's choice: bind() is not in
 * the sender's profile.
 */
MUST_USE enum err dial_tcp(struct span address, uint16_t port, int *fd);

#endif
