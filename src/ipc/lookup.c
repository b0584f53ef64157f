/*
 * lookup.c - how questions about users and domains cross.
 */
#include "ipc/lookup.h"

static const struct ipc_field lookup_rcpt_fields[] = {
	IPC_F(struct lookup_rcpt, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_rcpt, IPC_OCTETS, address, 320),
	IPC_F(struct lookup_rcpt, IPC_U32, from, LOOKUP_MEMBERS_MAX),
};
const struct ipc_type ipc_lookup_rcpt = {
	.number = 0x0201,
	.name = "lookup-rcpt",
	.size = sizeof(struct lookup_rcpt),
	.fields = lookup_rcpt_fields,
	.nfields = COUNT(lookup_rcpt_fields),
};

static const struct ipc_field lookup_rcpt_answer_fields[] = {
	IPC_F(struct lookup_rcpt_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_rcpt_answer, IPC_U8, route, LOOKUP_ROUTE_COUNT - 1),
	IPC_F(struct lookup_rcpt_answer, IPC_OCTETS, domain, 255),
	IPC_F(struct lookup_rcpt_answer, IPC_OCTETS, key, 255),
	IPC_F(struct lookup_rcpt_answer, IPC_U64, generation, UINT64_MAX),
	IPC_F(struct lookup_rcpt_answer, IPC_U32, cache_ms, UINT32_MAX),
	IPC_F(struct lookup_rcpt_answer, IPC_OCTETS, members,
	    LOOKUP_MEMBERS_SIZE),
	IPC_F(struct lookup_rcpt_answer, IPC_U32, next, LOOKUP_MEMBERS_MAX),
	IPC_F(struct lookup_rcpt_answer, IPC_U8, is_list, 1),
};
const struct ipc_type ipc_lookup_rcpt_answer = {
	.number = 0x0202,
	.name = "lookup-rcpt-answer",
	.size = sizeof(struct lookup_rcpt_answer),
	.fields = lookup_rcpt_answer_fields,
	.nfields = COUNT(lookup_rcpt_answer_fields),
};

static const struct ipc_field lookup_member_fields[] = {
	IPC_F(struct lookup_member, IPC_OCTETS, address, 320),
	IPC_F(struct lookup_member, IPC_OCTETS, domain, 255),
	IPC_F(struct lookup_member, IPC_OCTETS, key, 255),
	IPC_F(struct lookup_member, IPC_OCTETS, owner, 320),
};
const struct ipc_type ipc_lookup_member = {
	.number = 0x0222,
	.name = "lookup-member",
	.size = sizeof(struct lookup_member),
	.fields = lookup_member_fields,
	.nfields = COUNT(lookup_member_fields),
};

static const struct ipc_field lookup_changed_fields[] = {
	IPC_F(struct lookup_changed, IPC_U64, generation, UINT64_MAX),
	IPC_F(struct lookup_changed, IPC_U8, can, UINT8_MAX),
};
const struct ipc_type ipc_lookup_changed = {
	.number = 0x0203,
	.name = "lookup-changed",
	.size = sizeof(struct lookup_changed),
	.fields = lookup_changed_fields,
	.nfields = COUNT(lookup_changed_fields),
};

static const struct ipc_field lookup_auth_fields[] = {
	IPC_F(struct lookup_auth, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_auth, IPC_OCTETS, user, 320),
	IPC_F(struct lookup_auth, IPC_OCTETS, password, 1024),
	IPC_F(struct lookup_auth, IPC_OCTETS, client, 16),
};
const struct ipc_type ipc_lookup_auth = {
	.number = 0x0204,
	.name = "lookup-auth",
	.size = sizeof(struct lookup_auth),
	.fields = lookup_auth_fields,
	.nfields = COUNT(lookup_auth_fields),
};

static const struct ipc_field lookup_auth_answer_fields[] = {
	IPC_F(struct lookup_auth_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_auth_answer, IPC_U8, result,
	    LOOKUP_AUTH_RESULT_COUNT - 1),
	IPC_F(struct lookup_auth_answer, IPC_OCTETS, user, 512),
	IPC_F(struct lookup_auth_answer, IPC_U32, delay_ms, 60000),
	IPC_F(struct lookup_auth_answer, IPC_OCTETS, signature, 32),
};
const struct ipc_type ipc_lookup_auth_answer = {
	.number = 0x0205,
	.name = "lookup-auth-answer",
	.size = sizeof(struct lookup_auth_answer),
	.fields = lookup_auth_answer_fields,
	.nfields = COUNT(lookup_auth_answer_fields),
};

static const struct ipc_field lookup_connect_fields[] = {
	IPC_F(struct lookup_connect, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_connect, IPC_OCTETS, client, 16),
	IPC_F(struct lookup_connect, IPC_U8, is_exempt, 1),
	IPC_F(struct lookup_connect, IPC_U8, begin, LOOKUP_BEGIN_COUNT - 1),
	IPC_F(struct lookup_connect, IPC_U8, is_for_users, 1),
};
const struct ipc_type ipc_lookup_connect = {
	.number = 0x0206,
	.name = "lookup-connect",
	.size = sizeof(struct lookup_connect),
	.fields = lookup_connect_fields,
	.nfields = COUNT(lookup_connect_fields),
};

static const struct ipc_field lookup_connect_answer_fields[] = {
	IPC_F(struct lookup_connect_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_connect_answer, IPC_U8, is_allowed, 1),
	IPC_F(struct lookup_connect_answer, IPC_U64, shake, UINT64_MAX),
};
const struct ipc_type ipc_lookup_connect_answer = {
	.number = 0x0207,
	.name = "lookup-connect-answer",
	.size = sizeof(struct lookup_connect_answer),
	.fields = lookup_connect_answer_fields,
	.nfields = COUNT(lookup_connect_answer_fields),
};

static const struct ipc_field lookup_disconnect_fields[] = {
	IPC_F(struct lookup_disconnect, IPC_OCTETS, client, 16),
	IPC_F(struct lookup_disconnect, IPC_U64, shake, UINT64_MAX),
};
const struct ipc_type ipc_lookup_disconnect = {
	.number = 0x0208,
	.name = "lookup-disconnect",
	.size = sizeof(struct lookup_disconnect),
	.fields = lookup_disconnect_fields,
	.nfields = COUNT(lookup_disconnect_fields),
};

static const struct ipc_field lookup_lists_fields[] = {
	IPC_F(struct lookup_lists, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_lists, IPC_U8, fact, LOOKUP_FACT_COUNT - 1),
	IPC_F(struct lookup_lists, IPC_OCTETS, subject, 320),
};
const struct ipc_type ipc_lookup_lists = {
	.number = 0x0220,
	.name = "lookup-lists",
	.size = sizeof(struct lookup_lists),
	.fields = lookup_lists_fields,
	.nfields = COUNT(lookup_lists_fields),
};

static const struct ipc_field lookup_lists_answer_fields[] = {
	IPC_F(struct lookup_lists_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_lists_answer, IPC_U64, yes, UINT64_MAX),
	IPC_F(struct lookup_lists_answer, IPC_U64, known, UINT64_MAX),
};
const struct ipc_type ipc_lookup_lists_answer = {
	.number = 0x0221,
	.name = "lookup-lists-answer",
	.size = sizeof(struct lookup_lists_answer),
	.fields = lookup_lists_answer_fields,
	.nfields = COUNT(lookup_lists_answer_fields),
};

static const struct ipc_field lookup_submit_fields[] = {
	IPC_F(struct lookup_submit, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_submit, IPC_U8, stage,
	    LOOKUP_SUBMIT_STAGE_COUNT - 1),
	IPC_F(struct lookup_submit, IPC_OCTETS, user, 512),
	IPC_F(struct lookup_submit, IPC_OCTETS, client, 16),
	IPC_F(struct lookup_submit, IPC_OCTETS, addresses,
	    LOOKUP_SUBMIT_ADDRESSES),
	IPC_F(struct lookup_submit, IPC_U32, recipients, UINT32_MAX),
};
const struct ipc_type ipc_lookup_submit = {
	.number = 0x0240,
	.name = "lookup-submit",
	.size = sizeof(struct lookup_submit),
	.fields = lookup_submit_fields,
	.nfields = COUNT(lookup_submit_fields),
};

static const struct ipc_field lookup_submit_answer_fields[] = {
	IPC_F(struct lookup_submit_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct lookup_submit_answer, IPC_U8, result,
	    LOOKUP_SUBMIT_RESULT_COUNT - 1),
	IPC_F(struct lookup_submit_answer, IPC_U16, which, UINT16_MAX),
};
const struct ipc_type ipc_lookup_submit_answer = {
	.number = 0x0241,
	.name = "lookup-submit-answer",
	.size = sizeof(struct lookup_submit_answer),
	.fields = lookup_submit_answer_fields,
	.nfields = COUNT(lookup_submit_answer_fields),
};
