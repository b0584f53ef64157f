/*
 * keys.c - how questions for signatures cross.
 */
#include "ipc/keys.h"

static const struct ipc_field keys_sign_fields[] = {
	IPC_F(struct keys_sign, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct keys_sign, IPC_OCTETS, key, KEYS_ID),
	IPC_F(struct keys_sign, IPC_U16, scheme, UINT16_MAX),
	IPC_F(struct keys_sign, IPC_OCTETS, octets, 4096),
};
const struct ipc_type ipc_keys_sign = {
	.number = 0x0801,
	.name = "keys-sign",
	.size = sizeof(struct keys_sign),
	.fields = keys_sign_fields,
	.nfields = COUNT(keys_sign_fields),
};

static const struct ipc_field keys_signature_fields[] = {
	IPC_F(struct keys_signature, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct keys_signature, IPC_U8, result, KEYS_RESULT_COUNT - 1),
	IPC_F(struct keys_signature, IPC_OCTETS, octets, 1024),
};
const struct ipc_type ipc_keys_signature = {
	.number = 0x0802,
	.name = "keys-signature",
	.size = sizeof(struct keys_signature),
	.fields = keys_signature_fields,
	.nfields = COUNT(keys_signature_fields),
};

static const struct ipc_field keys_ticket_key_fields[] = {
	IPC_F(struct keys_ticket_key, IPC_OCTETS, key, 80),
	IPC_F(struct keys_ticket_key, IPC_U32, seals_ms, UINT32_MAX),
	IPC_F(struct keys_ticket_key, IPC_U32, opens_ms, UINT32_MAX),
};
const struct ipc_type ipc_keys_ticket_key = {
	.number = 0x0803,
	.name = "keys-ticket-key",
	.size = sizeof(struct keys_ticket_key),
	.fields = keys_ticket_key_fields,
	.nfields = COUNT(keys_ticket_key_fields),
};
