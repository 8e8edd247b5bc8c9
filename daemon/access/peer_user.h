/*
 * Who is at the other end of a Unix socket (rule A9): the kernel says, so that no token
 * is needed. Any thread.
 */
#ifndef BATON_DAEMON_ACCESS_PEER_USER_H
#define BATON_DAEMON_ACCESS_PEER_USER_H

#include "daemon/access/principal.h"
#include "proto/base/error.h"

/* The principal of the socket's peer. ERR_DENIED: the kernel does not say who it is. */
int peer_user_principal(int fd, struct principal **ret_principal, struct error *error);

#endif
