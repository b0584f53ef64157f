/*
 * resolve.c - how questions about hosts cross.
 */
#include "ipc/resolve.h"

static const struct ipc_field resolve_route_fields[] = {
	IPC_F(struct resolve_route, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct resolve_route, IPC_OCTETS, domain, 255),
	IPC_F(struct resolve_route, IPC_U8, is_host, 1),
};
const struct ipc_type ipc_resolve_route = {
	.number = 0x0501,
	.name = "resolve-route",
	.size = sizeof(struct resolve_route),
	.fields = resolve_route_fields,
	.nfields = COUNT(resolve_route_fields),
};

static const struct ipc_field resolve_route_answer_fields[] = {
	IPC_F(struct resolve_route_answer, IPC_U64, tag, UINT64_MAX),
	IPC_F(struct resolve_route_answer, IPC_U8, status,
	    RESOLVE_STATUS_COUNT - 1),
	IPC_F(struct resolve_route_answer, IPC_U8, security,
	    RESOLVE_SECURITY_COUNT - 1),
	IPC_F(struct resolve_route_answer, IPC_OCTETS, hosts, 32768),
	IPC_F(struct resolve_route_answer, IPC_U32, ttl_s, UINT32_MAX),
	IPC_F(struct resolve_route_answer, IPC_OCTETS, why, 256),
};
const struct ipc_type ipc_resolve_route_answer = {
	.number = 0x0502,
	.name = "resolve-route-answer",
	.size = sizeof(struct resolve_route_answer),
	.fields = resolve_route_answer_fields,
	.nfields = COUNT(resolve_route_answer_fields),
};

static const struct ipc_field resolve_host_fields[] = {
	IPC_F(struct resolve_host, IPC_U16, preference, UINT16_MAX),
	IPC_F(struct resolve_host, IPC_OCTETS, name, 255),
	IPC_F(struct resolve_host, IPC_U8, security,
	    RESOLVE_SECURITY_COUNT - 1),
	IPC_F(struct resolve_host, IPC_U16, port, UINT16_MAX),
	IPC_F(struct resolve_host, IPC_OCTETS, addresses, 512),
};
const struct ipc_type ipc_resolve_host = {
	.number = 0x0503,
	.name = "resolve-host",
	.size = sizeof(struct resolve_host),
	.fields = resolve_host_fields,
	.nfields = COUNT(resolve_host_fields),
};

static const struct ipc_field resolve_address_fields[] = {
	IPC_F(struct resolve_address, IPC_OCTETS, address, 16),
};
const struct ipc_type ipc_resolve_address = {
	.number = 0x0504,
	.name = "resolve-address",
	.size = sizeof(struct resolve_address),
	.fields = resolve_address_fields,
	.nfields = COUNT(resolve_address_fields),
};
