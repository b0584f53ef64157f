/*
 * login.c - how questions about users cross.
 */
#include "ipc/login.h"

static const struct ipc_field login_salt_fields[] = {
	IPC_F(struct login_salt, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct login_salt, IPC_OCTETS, user, 254),
};
const struct ipc_type ipc_login_salt = {
	.number = 0x0280,
	.name = "login-salt",
	.size = sizeof(struct login_salt),
	.fields = login_salt_fields,
	.nfields = COUNT(login_salt_fields),
};

static const struct ipc_field login_salt_answer_fields[] = {
	IPC_F(struct login_salt_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct login_salt_answer, IPC_U8, is_known, 1),
	IPC_F(struct login_salt_answer, IPC_U32, iterations, 1000000),
	IPC_F(struct login_salt_answer, IPC_OCTETS, salt, 64),
};
const struct ipc_type ipc_login_salt_answer = {
	.number = 0x0281,
	.name = "login-salt-answer",
	.size = sizeof(struct login_salt_answer),
	.fields = login_salt_answer_fields,
	.nfields = COUNT(login_salt_answer_fields),
};

static const struct ipc_field login_proof_fields[] = {
	IPC_F(struct login_proof, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct login_proof, IPC_OCTETS, user, 254),
	IPC_F(struct login_proof, IPC_OCTETS, auth_message, 8192),
	IPC_F(struct login_proof, IPC_OCTETS, proof, 32),
	IPC_F(struct login_proof, IPC_OCTETS, client, 16),
};
const struct ipc_type ipc_login_proof = {
	.number = 0x0282,
	.name = "login-proof",
	.size = sizeof(struct login_proof),
	.fields = login_proof_fields,
	.nfields = COUNT(login_proof_fields),
};

static const struct ipc_field login_token_fields[] = {
	IPC_F(struct login_token, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct login_token, IPC_OCTETS, user, 254),
	IPC_F(struct login_token, IPC_OCTETS, token, 9216),
	IPC_F(struct login_token, IPC_OCTETS, client, 16),
};
const struct ipc_type ipc_login_token = {
	.number = 0x0283,
	.name = "login-token",
	.size = sizeof(struct login_token),
	.fields = login_token_fields,
	.nfields = COUNT(login_token_fields),
};

static const struct ipc_field login_identity_fields[] = {
	IPC_F(struct login_identity, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct login_identity, IPC_OCTETS, identity, 254),
	IPC_F(struct login_identity, IPC_OCTETS, user, 254),
};
const struct ipc_type ipc_login_identity = {
	.number = 0x0284,
	.name = "login-identity",
	.size = sizeof(struct login_identity),
	.fields = login_identity_fields,
	.nfields = COUNT(login_identity_fields),
};
