/*
 * ipc.h - what two processes say to each other, as rows.
 *
 * A message is a C struct; a row of fields says how it crosses.  One encoder
 * and one decoder serve them all, so one fuzz target and one truncation test
 * do too (PRS-6).  A decoder refuses type 0, a short, overlong or trailing
 * octet, and octets beyond a field's bound: the sender of such is cut off, the
 * receiver of it stays (PRV-4).
 *
 * On the channel a packet is one or more frames: u16 type, u32 length, payload
 * (io/channel.h).  This module is the payload only.  Descriptors travel with
 * the packet of a frame whose type says fds > 0, and that frame is then the
 * packet's only one.
 */
#ifndef POSTHORSE_IPC_IPC_H
#define POSTHORSE_IPC_IPC_H

#include "base/pack.h"
#include "base/id.h"

#define IPC_PAYLOAD_MAX	(60u * 1024)	/* octets of one message's payload */

enum ipc_kind {
	IPC_U8,		/* uint8_t */
	IPC_U16,
	IPC_U32,
	IPC_U64,
	IPC_ID,		/* struct msg_id */
	IPC_OCTETS	/* struct span, at most max octets */
};

struct ipc_field {
	enum ipc_kind	kind;
	size_t		offset;		/* in the struct */
	uint64_t	max;		/* greatest number, or octets */
};

struct ipc_type {
	uint16_t		 number;	/* unique in the whole tree, not 0 */
	const char		*name;
	size_t			 size;		/* sizeof the struct */
	unsigned int		 fds;		/* descriptors that travel along */
	const struct ipc_field	*fields;
	size_t			 nfields;
};

/* A row of a type's table: F(struct lookup_rcpt, IPC_OCTETS, address, 256) */
#define IPC_F(type, kind, member, max)	{ kind, offsetof(type, member), max }

/* Append the payload of *msg to *to.  ERR_FULL: beyond a bound of ours. */
MUST_USE enum err ipc_encode(const struct ipc_type *type, const void *msg,
    struct buf *to);
/* Fill *msg; its spans borrow from payload.  ERR_SYNTAX. */
MUST_USE enum err ipc_decode(const struct ipc_type *type, struct span payload,
    void *msg);

/*
 * A list inside one IPC_OCTETS field: items of one type, each with its length
 * before it.  Encode item by item into a buf; walk with ipc_next until
 * ERR_NONE.
 */
MUST_USE enum err ipc_list_add(const struct ipc_type *item, const void *msg,
    struct buf *list);
MUST_USE enum err ipc_list_next(const struct ipc_type *item,
    struct span *list, void *msg);

/* The roles, in the order in which the supervisor starts them. */
enum ipc_role {
	IPC_ROLE_NONE,
	IPC_ROLE_SUPERVISOR,
	IPC_ROLE_ADMIN,
	IPC_ROLE_LOOKUP,
	IPC_ROLE_RESOLVER,
	IPC_ROLE_QUEUE,
	IPC_ROLE_LOCAL,
	IPC_ROLE_SENDER,
	IPC_ROLE_RECEIVER,
	IPC_ROLE_KEYS,
	IPC_ROLE_STATE,
	IPC_ROLE_BACKEND,
	IPC_ROLE_COUNT
};
const char *ipc_role_name(enum ipc_role role);

#endif
