/*
 * What batond is told: defaults, then the configuration file, then flags.
 *
 * The file has lines `key = value`; `#` begins a comment; a key is the flag's name
 * without dashes. `listen` may be repeated; listen flags replace those of the file.
 */
#ifndef BATON_DAEMON_SERVICE_CONFIG_H
#define BATON_DAEMON_SERVICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/log.h"
#include "proto/base/error.h"

#define CONFIG_LISTEN_MAX 16u

enum config_verb {
	CONFIG_SERVE,
	CONFIG_CHECK,
	CONFIG_HELP,
	CONFIG_VERSION,
};

struct config {
	enum config_verb verb;
	char *data;                      /* owned */
	char *listen[CONFIG_LISTEN_MAX]; /* owned; URLs */
	size_t listen_count;
	struct log log;
	bool read_data;           /* check --read-data */
	bool mark;                /* check --mark */
	uint64_t sessions;        /* that may run at once */
	uint64_t connections;     /* that may be open at once */
	uint64_t queue_wait_ms;   /* a request waits so long for a free worker, then it is
				     refused as busy */
	uint64_t stop_timeout_ms; /* SIGTERM lets sessions finish for so long */
	uint64_t silence_ms;      /* a session's peer may be silent for so long */
	uint64_t hello_ms;        /* a new connection has so long for its HELLO */
	uint64_t idle_ms;      /* a connection may be idle for so long between requests */
	uint64_t retention_ms; /* workflows without contact for longer expire; 0: never */
};

/* Defaults, file, flags. ERR_USAGE names the flag or the file's line; ERR_LOCAL. */
int config_read(struct config *config, int argc, char *const *argv, struct error *error);
void config_fini(struct config *config);

/* The text of --help. */
extern const char config_help[];

#endif
