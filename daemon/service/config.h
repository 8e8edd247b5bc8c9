/*
 * What batond is told: initial values, then the configuration file, then the command
 * line.
 */
#ifndef BATON_DAEMON_SERVICE_CONFIG_H
#define BATON_DAEMON_SERVICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/config_section.h"
#include "daemon/service/log.h"
#include "proto/base/error.h"
#include "proto/options/option.h"
#include "proto/options/string_list.h"
#include "proto/transport/address.h"

#define CONFIG_LISTEN_MAX 16u

/* Places in the table of verbs. */
enum config_verb {
	CONFIG_SERVE,
	CONFIG_CHECK,
	CONFIG_REBUILD,
	CONFIG_BACKUP,
	CONFIG_RESTORE,
	CONFIG_METRICS,
	CONFIG_GC,
	CONFIG_TOKEN, /* token_command.h has its own */
	CONFIG_VERSION,
	CONFIG_HELP,
};

struct config {
	int argc;          /* what it was read from */
	char *const *argv; /* borrowed */
	enum config_verb verb;
	struct string_list arguments; /* of the verb */
	char *file;                   /* owned; NULL: none was read */
	char *data;                   /* owned */
	struct string_list listen;    /* URLs */
	/* For tls://, PEM files; owned; NULL: none was named. */
	char *certificate, *certificate_key, *client_ca;
	uint64_t address_connections; /* of one address, over TLS */
	bool tcp_token; /* loopback TCP, too, is for those with a token alone */
	struct address_access socket;    /* of the Unix sockets; mode 0: not said */
	struct config_sections sections; /* of the file; daemon/access reads them */
	struct log log;
	bool read_data;           /* check --read-data */
	bool mark;                /* check --mark */
	char *into;               /* rebuild --into; owned; NULL: not given */
	bool dry_run;             /* gc --dry-run */
	bool json;                /* gc --json */
	uint64_t sessions;        /* that may run at once */
	bool reuse_namespace;     /* not only what a grant reads is offered for reuse */
	uint64_t view_memory;     /* bytes that all running attaches hold of layers */
	uint64_t connections;     /* that may be open at once */
	uint64_t queue_wait_ms;   /* a request waits so long for a free worker, then it is
				     refused as busy */
	uint64_t stop_timeout_ms; /* SIGTERM lets sessions finish for so long */
	uint64_t silence_ms;      /* a session's peer may be silent for so long */
	uint64_t hello_ms;        /* a new connection has so long for its HELLO */
	uint64_t min_rate; /* bytes a second that a request must move while others wait
			    * for its place; 0: none */
	uint64_t min_rate_over_ms;
	uint64_t idle_ms;      /* a connection may be idle for so long between requests */
	uint64_t scrub_ms;     /* all is read once in so long; 0: never */
	uint64_t retention_ms; /* workflows without contact for longer expire; 0: never */
};

/* batond's verbs and options; what they say is kept in struct config. */
extern const struct program batond;

/* ERR_USAGE names the option or the file's line; ERR_LOCAL: the file cannot be read. */
int config_read(struct config *config, int argc, char *const *argv, struct error *error);
void config_fini(struct config *config);

#endif
