/*
 * intake.c - how messages between receiver and queue cross.
 */
#include "ipc/intake.h"

static const struct ipc_field intake_segment_fields[] = {
	IPC_F(struct intake_segment, IPC_U64, segment, UINT64_MAX),
	IPC_F(struct intake_segment, IPC_U64, generation, UINT64_MAX),
	IPC_F(struct intake_segment, IPC_U64, offset, UINT64_MAX),
	IPC_F(struct intake_segment, IPC_U64, size, UINT64_MAX),
};
const struct ipc_type ipc_intake_segment = {
	.number = 0x0301,
	.name = "intake-segment",
	.size = sizeof(struct intake_segment),
	.fds = 1,
	.fields = intake_segment_fields,
	.nfields = COUNT(intake_segment_fields),
};

static const struct ipc_field intake_large_fields[] = {
	IPC_F(struct intake_large, IPC_U64, large, UINT64_MAX),
};
const struct ipc_type ipc_intake_large = {
	.number = 0x0302,
	.name = "intake-large",
	.size = sizeof(struct intake_large),
	.fds = 1,
	.fields = intake_large_fields,
	.nfields = COUNT(intake_large_fields),
};

static const struct ipc_field intake_announced_fields[] = {
	IPC_F(struct intake_announced, IPC_U8, segments, UINT8_MAX),
	IPC_F(struct intake_announced, IPC_U8, large, UINT8_MAX),
};
const struct ipc_type ipc_intake_announced = {
	.number = 0x0303,
	.name = "intake-announced",
	.size = sizeof(struct intake_announced),
	.fields = intake_announced_fields,
	.nfields = COUNT(intake_announced_fields),
};

static const struct ipc_field intake_accepted_fields[] = {
	IPC_F(struct intake_accepted, IPC_U64, segment, UINT64_MAX),
	IPC_F(struct intake_accepted, IPC_U64, generation, UINT64_MAX),
	IPC_F(struct intake_accepted, IPC_U64, durable, UINT64_MAX),
};
const struct ipc_type ipc_intake_accepted = {
	.number = 0x0304,
	.name = "intake-accepted",
	.size = sizeof(struct intake_accepted),
	.fields = intake_accepted_fields,
	.nfields = COUNT(intake_accepted_fields),
};

static const struct ipc_field intake_sealed_fields[] = {
	IPC_F(struct intake_sealed, IPC_U64, segment, UINT64_MAX),
	IPC_F(struct intake_sealed, IPC_U64, generation, UINT64_MAX),
	IPC_F(struct intake_sealed, IPC_U64, durable, UINT64_MAX),
	IPC_F(struct intake_sealed, IPC_U8, is_poisoned, 1),
};
const struct ipc_type ipc_intake_sealed = {
	.number = 0x0305,
	.name = "intake-sealed",
	.size = sizeof(struct intake_sealed),
	.fields = intake_sealed_fields,
	.nfields = COUNT(intake_sealed_fields),
};

static const struct ipc_field intake_large_used_fields[] = {
	IPC_F(struct intake_large_used, IPC_U64, large, UINT64_MAX),
	IPC_F(struct intake_large_used, IPC_U8, is_spoilt, 1),
};
const struct ipc_type ipc_intake_large_used = {
	.number = 0x0306,
	.name = "intake-large-used",
	.size = sizeof(struct intake_large_used),
	.fields = intake_large_used_fields,
	.nfields = COUNT(intake_large_used_fields),
};

static const struct ipc_field intake_state_fields[] = {
	IPC_F(struct intake_state, IPC_U8, mode, INTAKE_MODE_COUNT - 1),
	IPC_F(struct intake_state, IPC_U8, memory, INTAKE_MEMORY_COUNT - 1),
};
const struct ipc_type ipc_intake_state = {
	.number = 0x0307,
	.name = "intake-state",
	.size = sizeof(struct intake_state),
	.fields = intake_state_fields,
	.nfields = COUNT(intake_state_fields),
};

static const struct ipc_field intake_turn_fields[] = {
	IPC_F(struct intake_turn, IPC_OCTETS, node, 256),
};
const struct ipc_type ipc_intake_turn = {
	.number = 0x0308,
	.name = "intake-turn",
	.size = sizeof(struct intake_turn),
	.fields = intake_turn_fields,
	.nfields = COUNT(intake_turn_fields),
};

static const struct ipc_field intake_release_fields[] = {
	IPC_F(struct intake_release, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct intake_release, IPC_U64, octets, UINT64_MAX),
	IPC_F(struct intake_release, IPC_OCTETS, user, 256),
};
const struct ipc_type ipc_intake_release = {
	.number = 0x0309,
	.name = "intake-release",
	.size = sizeof(struct intake_release),
	.fields = intake_release_fields,
	.nfields = COUNT(intake_release_fields),
};

static const struct ipc_field intake_release_answer_fields[] = {
	IPC_F(struct intake_release_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct intake_release_answer, IPC_U8, is_allowed, 1),
};
const struct ipc_type ipc_intake_release_answer = {
	.number = 0x030a,
	.name = "intake-release-answer",
	.size = sizeof(struct intake_release_answer),
	.fields = intake_release_answer_fields,
	.nfields = COUNT(intake_release_answer_fields),
};
