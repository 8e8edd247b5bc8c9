/*
 * The socket addresses of an address, for connecting and listening. Private to
 * address*.c; no thread affinity.
 */
#ifndef BATON_PROTO_TRANSPORT_ADDRESS_INET_H
#define BATON_PROTO_TRANSPORT_ADDRESS_INET_H

#include <netdb.h>
#include <string.h>
#include <sys/un.h>

#include "proto/transport/address.h"

/* The addresses of a TCP or TLS address's host, at least one; flags as getaddrinfo()
 * takes them. Freed with address_inet_free(). ERR_UNREACHABLE. */
int address_inet_resolve(const struct address *address, int flags,
			 struct addrinfo **ret_resolved, struct error *error);
void address_inet_free(struct addrinfo **resolved); /* and sets it to NULL */

/* The socket address of a Unix address; address_parse() has checked that it fits. */
static inline struct sockaddr_un address_unix_of(const struct address *address)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, address->path, strlen(address->path));
	return at;
}

#endif
