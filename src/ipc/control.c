/*
 * control.c - how each message between supervisor and roles crosses.
 */
#include "ipc/control.h"

static const struct ipc_field control_start_fields[] = {
	IPC_F(struct control_start, IPC_U8, role, IPC_ROLE_COUNT - 1),
	IPC_F(struct control_start, IPC_U32, index, UINT32_MAX),
	IPC_F(struct control_start, IPC_U64, instance, UINT64_MAX),
	IPC_F(struct control_start, IPC_U32, uid, UINT32_MAX),
	IPC_F(struct control_start, IPC_U32, gid, UINT32_MAX),
	IPC_F(struct control_start, IPC_U8, is_sandbox_optional, 1),
};
const struct ipc_type ipc_control_start = {
	.number = 0x0101,
	.name = "control-start",
	.size = sizeof(struct control_start),
	.fds = 1,
	.fields = control_start_fields,
	.nfields = COUNT(control_start_fields),
};

static const struct ipc_field control_channel_fields[] = {
	IPC_F(struct control_channel, IPC_U8, role, IPC_ROLE_COUNT - 1),
	IPC_F(struct control_channel, IPC_U32, index, UINT32_MAX),
	IPC_F(struct control_channel, IPC_U64, instance, UINT64_MAX),
};
const struct ipc_type ipc_control_channel = {
	.number = 0x0102,
	.name = "control-channel",
	.size = sizeof(struct control_channel),
	.fds = 1,
	.fields = control_channel_fields,
	.nfields = COUNT(control_channel_fields),
};

static const struct ipc_field control_listen_fields[] = {
	IPC_F(struct control_listen, IPC_U32, row, UINT32_MAX),
};
const struct ipc_type ipc_control_listen = {
	.number = 0x0103,
	.name = "control-listen",
	.size = sizeof(struct control_listen),
	.fds = 1,
	.fields = control_listen_fields,
	.nfields = COUNT(control_listen_fields),
};

static const struct ipc_field control_file_fields[] = {
	IPC_F(struct control_file, IPC_OCTETS, purpose, 64),
};
const struct ipc_type ipc_control_file = {
	.number = 0x0104,
	.name = "control-file",
	.size = sizeof(struct control_file),
	.fds = 1,
	.fields = control_file_fields,
	.nfields = COUNT(control_file_fields),
};

static const struct ipc_field control_go_fields[] = {
	IPC_F(struct control_go, IPC_U8, reserved, 0),
};
const struct ipc_type ipc_control_go = {
	.number = 0x0105,
	.name = "control-go",
	.size = sizeof(struct control_go),
	.fields = control_go_fields,
	.nfields = COUNT(control_go_fields),
};

static const struct ipc_field control_ready_fields[] = {
	IPC_F(struct control_ready, IPC_U8, sandbox, 3),
};
const struct ipc_type ipc_control_ready = {
	.number = 0x0106,
	.name = "control-ready",
	.size = sizeof(struct control_ready),
	.fields = control_ready_fields,
	.nfields = COUNT(control_ready_fields),
};

static const struct ipc_field control_ended_fields[] = {
	IPC_F(struct control_ended, IPC_U8, role, IPC_ROLE_COUNT - 1),
	IPC_F(struct control_ended, IPC_U32, index, UINT32_MAX),
	IPC_F(struct control_ended, IPC_U64, instance, UINT64_MAX),
};
const struct ipc_type ipc_control_ended = {
	.number = 0x0107,
	.name = "control-ended",
	.size = sizeof(struct control_ended),
	.fields = control_ended_fields,
	.nfields = COUNT(control_ended_fields),
};

static const struct ipc_field control_stop_fields[] = {
	IPC_F(struct control_stop, IPC_U32, within_ms, UINT32_MAX),
};
const struct ipc_type ipc_control_stop = {
	.number = 0x0108,
	.name = "control-stop",
	.size = sizeof(struct control_stop),
	.fields = control_stop_fields,
	.nfields = COUNT(control_stop_fields),
};

static const struct ipc_field control_stop_all_fields[] = {
	IPC_F(struct control_stop_all, IPC_U32, uid, UINT32_MAX),
};
const struct ipc_type ipc_control_stop_all = {
	.number = 0x0109,
	.name = "control-stop-all",
	.size = sizeof(struct control_stop_all),
	.fields = control_stop_all_fields,
	.nfields = COUNT(control_stop_all_fields),
};

static const struct ipc_field control_cut_fields[] = {
	IPC_F(struct control_cut, IPC_U8, role, IPC_ROLE_COUNT - 1),
	IPC_F(struct control_cut, IPC_U32, index, UINT32_MAX),
	IPC_F(struct control_cut, IPC_U64, instance, UINT64_MAX),
};
const struct ipc_type ipc_control_cut = {
	.number = 0x010a,
	.name = "control-cut",
	.size = sizeof(struct control_cut),
	.fields = control_cut_fields,
	.nfields = COUNT(control_cut_fields),
};

static const struct ipc_field control_ping_fields[] = {
	IPC_F(struct control_ping, IPC_U8, reserved, 0),
};
const struct ipc_type ipc_control_ping = {
	.number = 0x010b,
	.name = "control-ping",
	.size = sizeof(struct control_ping),
	.fields = control_ping_fields,
	.nfields = COUNT(control_ping_fields),
};

static const struct ipc_field control_alive_fields[] = {
	IPC_F(struct control_alive, IPC_U8, word,
	    CONTROL_WORD_COUNT - 1),
};
const struct ipc_type ipc_control_alive = {
	.number = 0x010c,
	.name = "control-alive",
	.size = sizeof(struct control_alive),
	.fields = control_alive_fields,
	.nfields = COUNT(control_alive_fields),
};

static const struct ipc_field control_pair_fields[] = {
	IPC_F(struct control_pair, IPC_U32, row, UINT32_MAX),
	IPC_F(struct control_pair, IPC_U8, is_good, 1),
};
const struct ipc_type ipc_control_pair = {
	.number = 0x010d,
	.name = "control-pair",
	.size = sizeof(struct control_pair),
	.fields = control_pair_fields,
	.nfields = COUNT(control_pair_fields),
};
