/*
 * Who may connect to the daemon's Unix sockets: `socket-group` and `socket-mode` of the
 * configuration.
 */
#ifndef BATON_DAEMON_SERVICE_SOCKET_ACCESS_H
#define BATON_DAEMON_SERVICE_SOCKET_ACCESS_H

#include "daemon/service/listen_fds.h"
#include "proto/base/error.h"
#include "proto/options/option.h"
#include "proto/options/string_list.h"
#include "proto/transport/address.h"

/* Both keep what they are given in a struct address_access. */
extern const struct option_kind option_socket_group; /* a name or a number */
extern const struct option_kind option_socket_mode;  /* four octal digits */

/* ERR_USAGE: something is said of Unix sockets, and none of the URLs is one. */
int socket_access_check(const struct address_access *access,
			const struct string_list *listen, struct error *error);

/* The service manager decides itself who may connect to what it opened: ERR_USAGE where
 * that is not what is said here. */
int socket_access_check_passed(const struct address_access *access,
			       const struct listen_fds *passed, struct error *error);

#endif
