/*
 * `batond metrics`: the figures of the daemon that runs.
 */
#ifndef BATON_DAEMON_METRICS_COMMAND_H
#define BATON_DAEMON_METRICS_COMMAND_H

#include "daemon/service/config.h"
#include "proto/base/error.h"

int metrics_command_run(const struct config *config, struct error *error);

#endif
