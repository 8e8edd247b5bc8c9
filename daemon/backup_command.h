/*
 * `batond backup` and `batond restore`.
 */
#ifndef BATON_DAEMON_BACKUP_COMMAND_H
#define BATON_DAEMON_BACKUP_COMMAND_H

#include "daemon/service/config.h"
#include "proto/base/error.h"

/* Has the daemon do it, or does it where none runs. ERR_DAMAGED where the store lacks
 * segments, though all else is copied. */
int backup_command_run(const struct config *config, struct error *error);
int restore_command_run(const struct config *config, struct error *error);

#endif
