/*
 * greylist.c - how questions about triplets cross.
 */
#include "ipc/greylist.h"

static const struct ipc_field greylist_ask_fields[] = {
	IPC_F(struct greylist_ask, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct greylist_ask, IPC_OCTETS, client, 16),
	IPC_F(struct greylist_ask, IPC_OCTETS, sender, GREYLIST_ADDRESS_MAX),
	IPC_F(struct greylist_ask, IPC_OCTETS, recipient,
	    GREYLIST_ADDRESS_MAX),
};
const struct ipc_type ipc_greylist_ask = {
	.number = 0x0b01,
	.name = "greylist-ask",
	.size = sizeof(struct greylist_ask),
	.fields = greylist_ask_fields,
	.nfields = COUNT(greylist_ask_fields),
};

static const struct ipc_field greylist_answer_fields[] = {
	IPC_F(struct greylist_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct greylist_answer, IPC_U8, word, 3),
	IPC_F(struct greylist_answer, IPC_U32, wait_s, UINT32_MAX),
};
const struct ipc_type ipc_greylist_answer = {
	.number = 0x0b02,
	.name = "greylist-answer",
	.size = sizeof(struct greylist_answer),
	.fields = greylist_answer_fields,
	.nfields = COUNT(greylist_answer_fields),
};
