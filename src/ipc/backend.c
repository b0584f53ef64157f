/*
 * backend.c - how questions about users of outside systems cross.
 */
#include "ipc/backend.h"

static const struct ipc_field backend_ask_fields[] = {
	IPC_F(struct backend_ask, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct backend_ask, IPC_U8, what, BACKEND_WHAT_COUNT - 1),
	IPC_F(struct backend_ask, IPC_OCTETS, name, BACKEND_NAME_MAX),
	IPC_F(struct backend_ask, IPC_OCTETS, domain, BACKEND_DOMAIN_MAX),
	IPC_F(struct backend_ask, IPC_OCTETS, password, BACKEND_PASSWORD_MAX),
	IPC_F(struct backend_ask, IPC_OCTETS, client, 16),
};
const struct ipc_type ipc_backend_ask = {
	.number = 0x0c01,
	.name = "backend-ask",
	.size = sizeof(struct backend_ask),
	.fields = backend_ask_fields,
	.nfields = COUNT(backend_ask_fields),
};

static const struct ipc_field backend_answer_fields[] = {
	IPC_F(struct backend_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct backend_answer, IPC_U8, result, BACKEND_RESULT_COUNT - 1),
	IPC_F(struct backend_answer, IPC_OCTETS, secret, BACKEND_SECRET_MAX),
	IPC_F(struct backend_answer, IPC_OCTETS, user, BACKEND_USER_MAX),
};
const struct ipc_type ipc_backend_answer = {
	.number = 0x0c02,
	.name = "backend-answer",
	.size = sizeof(struct backend_answer),
	.fields = backend_answer_fields,
	.nfields = COUNT(backend_answer_fields),
};
