/*
 * `batond gc`: one pass of removal (daemon/store/removal) in a data directory of which no
 * daemon runs, or the wish that the one that does makes one now.
 */
#ifndef BATON_DAEMON_GC_COMMAND_H
#define BATON_DAEMON_GC_COMMAND_H

#include "daemon/service/config.h"
#include "proto/base/error.h"

/* Prints what went, or would go, and why. ERR_BUSY: with --dry-run, while a daemon runs.
 */
int gc_command_run(const struct config *config, struct error *error);

#endif
