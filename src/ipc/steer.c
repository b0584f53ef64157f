/*
 * steer.c - how an operator's orders cross.
 */
#include "ipc/steer.h"

static const struct ipc_field steer_ask_fields[] = {
	IPC_F(struct steer_ask, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct steer_ask, IPC_U8, verb, STEER_VERB_COUNT - 1),
	IPC_F(struct steer_ask, IPC_OCTETS, argument, 512),
	IPC_F(struct steer_ask, IPC_U32, limit, UINT32_MAX),
	IPC_F(struct steer_ask, IPC_U8, is_dry, 1),
	IPC_F(struct steer_ask, IPC_U8, is_all, 1),
	IPC_F(struct steer_ask, IPC_OCTETS, sender, STEER_WORD_MAX),
	IPC_F(struct steer_ask, IPC_OCTETS, recipient, STEER_WORD_MAX),
	IPC_F(struct steer_ask, IPC_OCTETS, domain, STEER_WORD_MAX),
	IPC_F(struct steer_ask, IPC_OCTETS, host, STEER_WORD_MAX),
	IPC_F(struct steer_ask, IPC_OCTETS, label, STEER_WORD_MAX),
	IPC_F(struct steer_ask, IPC_U8, state, STEER_STATE_COUNT - 1),
	IPC_F(struct steer_ask, IPC_U64, older_ms, UINT64_MAX),
	IPC_F(struct steer_ask, IPC_U64, larger, UINT64_MAX),
};
const struct ipc_type ipc_steer_ask = {
	.number = 0x0701,
	.name = "steer-ask",
	.size = sizeof(struct steer_ask),
	.fields = steer_ask_fields,
	.nfields = COUNT(steer_ask_fields),
};

static const struct ipc_field steer_row_fields[] = {
	IPC_F(struct steer_row, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct steer_row, IPC_OCTETS, json, IPC_PAYLOAD_MAX - 64),
};
const struct ipc_type ipc_steer_row = {
	.number = 0x0702,
	.name = "steer-row",
	.size = sizeof(struct steer_row),
	.fields = steer_row_fields,
	.nfields = COUNT(steer_row_fields),
};

static const struct ipc_field steer_end_fields[] = {
	IPC_F(struct steer_end, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct steer_end, IPC_U8, is_ok, 1),
	IPC_F(struct steer_end, IPC_U64, count, UINT64_MAX),
	IPC_F(struct steer_end, IPC_U64, busy, UINT64_MAX),
	IPC_F(struct steer_end, IPC_OCTETS, why, 512),
};
const struct ipc_type ipc_steer_end = {
	.number = 0x0703,
	.name = "steer-end",
	.size = sizeof(struct steer_end),
	.fields = steer_end_fields,
	.nfields = COUNT(steer_end_fields),
};
