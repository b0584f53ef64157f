/*
 * deliver.c - how jobs and results cross.
 */
#include "ipc/deliver.h"

#include "mail/envelope.h"

static const struct ipc_field deliver_job_fields[] = {
	IPC_F(struct deliver_job, IPC_U64, job, UINT64_MAX),
	IPC_F(struct deliver_job, IPC_U32, description, UINT32_MAX),
	IPC_F(struct deliver_job, IPC_U32, relay, UINT32_MAX),
	IPC_F(struct deliver_job, IPC_OCTETS, site, 8192),
	IPC_F(struct deliver_job, IPC_OCTETS, hosts, 32768),
};
const struct ipc_type ipc_deliver_job = {
	.number = 0x0401,
	.name = "deliver-job",
	.size = sizeof(struct deliver_job),
	.fds = 1,
	.fields = deliver_job_fields,
	.nfields = COUNT(deliver_job_fields),
};

static const struct ipc_field deliver_message_fields[] = {
	IPC_F(struct deliver_message, IPC_ID, id, 0),
	IPC_F(struct deliver_message, IPC_OCTETS, reverse_path, 320),
	IPC_F(struct deliver_message, IPC_U64, offset, UINT64_MAX),
	IPC_F(struct deliver_message, IPC_U64, size, UINT64_MAX),
	IPC_F(struct deliver_message, IPC_U8, flags,
	    DELIVER_8BIT | DELIVER_DOT),
	IPC_F(struct deliver_message, IPC_U16, envelope, ENVELOPE_FLAGS),
	IPC_F(struct deliver_message, IPC_OCTETS, envid, 100),
	IPC_F(struct deliver_message, IPC_OCTETS, auth, 768),
	IPC_F(struct deliver_message, IPC_U8, priority, 18),
	IPC_F(struct deliver_message, IPC_U8, by_mode, 3),
	IPC_F(struct deliver_message, IPC_U64, by_ms, UINT64_MAX),
	IPC_F(struct deliver_message, IPC_OCTETS, recipients,
	    16u * 1024 * 1024),
};
const struct ipc_type ipc_deliver_message = {
	.number = 0x0402,
	.name = "deliver-message",
	.size = sizeof(struct deliver_message),
	.fields = deliver_message_fields,
	.nfields = COUNT(deliver_message_fields),
};

static const struct ipc_field deliver_recipient_fields[] = {
	IPC_F(struct deliver_recipient, IPC_U32, slot, UINT32_MAX),
	IPC_F(struct deliver_recipient, IPC_OCTETS, address, 320),
	IPC_F(struct deliver_recipient, IPC_OCTETS, domain, 255),
	IPC_F(struct deliver_recipient, IPC_OCTETS, key, 255),
	IPC_F(struct deliver_recipient, IPC_U8, notify, 15),
	IPC_F(struct deliver_recipient, IPC_OCTETS, orcpt, 500),
};
const struct ipc_type ipc_deliver_recipient = {
	.number = 0x0403,
	.name = "deliver-recipient",
	.size = sizeof(struct deliver_recipient),
	.fields = deliver_recipient_fields,
	.nfields = COUNT(deliver_recipient_fields),
};

static const struct ipc_field deliver_result_fields[] = {
	IPC_F(struct deliver_result, IPC_U64, job, UINT64_MAX),
	IPC_F(struct deliver_result, IPC_ID, id, 0),
	IPC_F(struct deliver_result, IPC_U32, slot, UINT32_MAX),
	IPC_F(struct deliver_result, IPC_U8, fate, DELIVER_FATE_COUNT - 1),
	IPC_F(struct deliver_result, IPC_U8, passed,
	    DELIVER_PASSED_DSN | DELIVER_PASSED_BY),
	IPC_F(struct deliver_result, IPC_U16, code, 599),
	IPC_F(struct deliver_result, IPC_OCTETS, status, 16),
	IPC_F(struct deliver_result, IPC_OCTETS, remote, 512),
	IPC_F(struct deliver_result, IPC_OCTETS, text, 1024),
	IPC_F(struct deliver_result, IPC_OCTETS, tls, 128),
};
const struct ipc_type ipc_deliver_result = {
	.number = 0x0404,
	.name = "deliver-result",
	.size = sizeof(struct deliver_result),
	.fields = deliver_result_fields,
	.nfields = COUNT(deliver_result_fields),
};

static const struct ipc_field deliver_end_fields[] = {
	IPC_F(struct deliver_end, IPC_U64, job, UINT64_MAX),
	IPC_F(struct deliver_end, IPC_U8, is_site_bad, 1),
	IPC_F(struct deliver_end, IPC_U8, is_kept, 1),
};
const struct ipc_type ipc_deliver_end = {
	.number = 0x0405,
	.name = "deliver-end",
	.size = sizeof(struct deliver_end),
	.fields = deliver_end_fields,
	.nfields = COUNT(deliver_end_fields),
};

static const struct ipc_field deliver_closed_fields[] = {
	IPC_F(struct deliver_closed, IPC_OCTETS, site, 8192),
};
const struct ipc_type ipc_deliver_closed = {
	.number = 0x0406,
	.name = "deliver-closed",
	.size = sizeof(struct deliver_closed),
	.fields = deliver_closed_fields,
	.nfields = COUNT(deliver_closed_fields),
};
