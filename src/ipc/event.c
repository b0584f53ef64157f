/*
 * event.c - how log lines cross.
 */
#include "ipc/event.h"

#include "base/log.h"

static const struct ipc_field event_line_fields[] = {
	IPC_F(struct event_line, IPC_U64, wall_ms, UINT64_MAX),
	IPC_F(struct event_line, IPC_U8, level, LOG_LEVEL_COUNT - 1),
	IPC_F(struct event_line, IPC_OCTETS, text, LOG_LINE_MAX),
};
const struct ipc_type ipc_event_line = {
	.number = 0x0601,
	.name = "event-line",
	.size = sizeof(struct event_line),
	.fields = event_line_fields,
	.nfields = COUNT(event_line_fields),
};

static const struct ipc_field event_dropped_fields[] = {
	IPC_F(struct event_dropped, IPC_U64, lines, UINT64_MAX),
};
const struct ipc_type ipc_event_dropped = {
	.number = 0x0602,
	.name = "event-dropped",
	.size = sizeof(struct event_dropped),
	.fields = event_dropped_fields,
	.nfields = COUNT(event_dropped_fields),
};
