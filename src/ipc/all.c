/*
 * all.c - every message type in one table.
 */
#include "ipc/all.h"

const struct ipc_type *const ipc_all[IPC_ALL_COUNT] = {
	&ipc_control_start,
	&ipc_control_channel,
	&ipc_control_listen,
	&ipc_control_file,
	&ipc_control_go,
	&ipc_control_ready,
	&ipc_control_ended,
	&ipc_control_stop,
	&ipc_control_stop_all,
	&ipc_deliver_job,
	&ipc_deliver_message,
	&ipc_deliver_recipient,
	&ipc_deliver_result,
	&ipc_deliver_end,
	&ipc_deliver_closed,
	&ipc_event_line,
	&ipc_event_dropped,
	&ipc_intake_segment,
	&ipc_intake_large,
	&ipc_intake_accepted,
	&ipc_intake_sealed,
	&ipc_intake_large_used,
	&ipc_intake_state,
	&ipc_lookup_rcpt,
	&ipc_lookup_rcpt_answer,
	&ipc_lookup_changed,
	&ipc_lookup_auth,
	&ipc_lookup_auth_answer,
	&ipc_lookup_connect,
	&ipc_lookup_connect_answer,
	&ipc_lookup_disconnect,
	&ipc_resolve_route,
	&ipc_resolve_route_answer,
	&ipc_resolve_host,
	&ipc_resolve_address,
	&ipc_steer_ask,
	&ipc_steer_row,
	&ipc_steer_end,
};

const struct ipc_type *
ipc_find(uint16_t number)
{
	for (size_t i = 0; i < IPC_ALL_COUNT; i++)
		if (ipc_all[i]->number == number)
			return ipc_all[i];
	return NULL;
}
