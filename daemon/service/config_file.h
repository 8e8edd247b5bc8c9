/*
 * The configuration file: lines `key = value`; `#` begins a comment. A key is the name
 * of an option with a value, without its dashes, but for --config itself. The last line
 * of a key counts, or all where the option is a list. Behind a line `[kind name]` stand
 * the lines of that section (config_section.h).
 */
#ifndef BATON_DAEMON_SERVICE_CONFIG_FILE_H
#define BATON_DAEMON_SERVICE_CONFIG_FILE_H

#include "daemon/service/config.h"

/* Sets what it says. ERR_USAGE names the line; ERR_LOCAL: it cannot be read. */
int config_file_read(struct config *config, const char *file, struct error *error);

#endif
