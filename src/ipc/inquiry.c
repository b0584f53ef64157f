/*
 * inquiry.c - how questions about clients cross.
 */
#include "ipc/inquiry.h"

static const struct ipc_field inquiry_reverse_fields[] = {
	IPC_F(struct inquiry_reverse, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct inquiry_reverse, IPC_OCTETS, client, 16),
};
const struct ipc_type ipc_inquiry_reverse = {
	.number = 0x0a01,
	.name = "inquiry-reverse",
	.size = sizeof(struct inquiry_reverse),
	.fields = inquiry_reverse_fields,
	.nfields = COUNT(inquiry_reverse_fields),
};

static const struct ipc_field inquiry_reverse_answer_fields[] = {
	IPC_F(struct inquiry_reverse_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct inquiry_reverse_answer, IPC_U8, found,
	    INQUIRY_FOUND_COUNT - 1),
	IPC_F(struct inquiry_reverse_answer, IPC_OCTETS, name, 253),
};
const struct ipc_type ipc_inquiry_reverse_answer = {
	.number = 0x0a02,
	.name = "inquiry-reverse-answer",
	.size = sizeof(struct inquiry_reverse_answer),
	.fields = inquiry_reverse_answer_fields,
	.nfields = COUNT(inquiry_reverse_answer_fields),
};

static const struct ipc_field inquiry_list_fields[] = {
	IPC_F(struct inquiry_list, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct inquiry_list, IPC_OCTETS, name, 253),
};
const struct ipc_type ipc_inquiry_list = {
	.number = 0x0a03,
	.name = "inquiry-list",
	.size = sizeof(struct inquiry_list),
	.fields = inquiry_list_fields,
	.nfields = COUNT(inquiry_list_fields),
};

static const struct ipc_field inquiry_list_answer_fields[] = {
	IPC_F(struct inquiry_list_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct inquiry_list_answer, IPC_U8, found,
	    INQUIRY_FOUND_COUNT - 1),
	IPC_F(struct inquiry_list_answer, IPC_OCTETS, replies,
	    4 * INQUIRY_REPLIES_MAX),
};
const struct ipc_type ipc_inquiry_list_answer = {
	.number = 0x0a04,
	.name = "inquiry-list-answer",
	.size = sizeof(struct inquiry_list_answer),
	.fields = inquiry_list_answer_fields,
	.nfields = COUNT(inquiry_list_answer_fields),
};

static const struct ipc_field inquiry_sender_fields[] = {
	IPC_F(struct inquiry_sender, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct inquiry_sender, IPC_OCTETS, domain, 253),
};
const struct ipc_type ipc_inquiry_sender = {
	.number = 0x0a05,
	.name = "inquiry-sender",
	.size = sizeof(struct inquiry_sender),
	.fields = inquiry_sender_fields,
	.nfields = COUNT(inquiry_sender_fields),
};

static const struct ipc_field inquiry_sender_answer_fields[] = {
	IPC_F(struct inquiry_sender_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct inquiry_sender_answer, IPC_U8, found,
	    INQUIRY_FOUND_COUNT - 1),
};
const struct ipc_type ipc_inquiry_sender_answer = {
	.number = 0x0a06,
	.name = "inquiry-sender-answer",
	.size = sizeof(struct inquiry_sender_answer),
	.fields = inquiry_sender_answer_fields,
	.nfields = COUNT(inquiry_sender_answer_fields),
};
