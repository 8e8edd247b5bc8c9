/*
 * `batond rebuild`: makes a catalogue of the segments alone, and says what came of it.
 */
#ifndef BATON_DAEMON_REBUILD_COMMAND_H
#define BATON_DAEMON_REBUILD_COMMAND_H

#include "daemon/service/config.h"
#include "proto/base/error.h"

/* Its exit status is that of the error; 0 also where something is lost, which is told. */
int rebuild_command_run(const struct config *config, struct error *error);

#endif
