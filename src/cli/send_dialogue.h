/*
 * send_dialogue.h - hand one message to the local submission socket.
 *
 * A client of our own server only, on a socket that carries our identity: one
 * command, one reply, no pipelining, no TLS.
 */
#ifndef POSTHORSE_CLI_SEND_DIALOGUE_H
#define POSTHORSE_CLI_SEND_DIALOGUE_H

#include "base/buf.h"

struct send_message {
	struct span	hostname;	/* for EHLO */
	struct span	reverse_path;	/* without brackets; "" is null */
	struct span	recipients;	/* a NUL behind each */
	struct span	content;	/* canonical, not yet stuffed */
};
/*
 * Returns an exit status of sysexits.h: EX_OK; EX_TEMPFAIL for a 4xx reply or
 * a server that has gone; EX_NOUSER for a refused recipient, EX_UNAVAILABLE for
 * another 5xx.  One refused recipient stops the whole message.
 * *said: the server's last words, escaped, and NUL-terminated.
 */
int send_dialogue(int fd, const struct send_message *m, char *said,
    size_t room);

#endif
