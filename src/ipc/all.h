/*
 * all.h - the table of every message type, for whoever looks at all of them:
 * the tests and the fuzz target.
 */
#ifndef POSTHORSE_IPC_ALL_H
#define POSTHORSE_IPC_ALL_H

#include "ipc/backend.h"
#include "ipc/control.h"
#include "ipc/deliver.h"
#include "ipc/event.h"
#include "ipc/greylist.h"
#include "ipc/inquiry.h"
#include "ipc/intake.h"
#include "ipc/keys.h"
#include "ipc/login.h"
#include "ipc/lookup.h"
#include "ipc/resolve.h"
#include "ipc/steer.h"

#define IPC_ALL_COUNT	68u
extern const struct ipc_type *const ipc_all[IPC_ALL_COUNT];

#endif
