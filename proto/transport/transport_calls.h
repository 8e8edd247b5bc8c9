/*
 * What a kind of transport does in its own way; transport.h has the contract of each.
 * Private to proto/transport.
 */
#ifndef BATON_PROTO_TRANSPORT_TRANSPORT_CALLS_H
#define BATON_PROTO_TRANSPORT_TRANSPORT_CALLS_H

#include "proto/transport/transport.h"

struct transport_calls {
	ssize_t (*receive)(const struct transport *transport, struct iovec *pieces,
			   size_t count, bool peek);
	bool (*pending)(const struct transport *transport);
	ssize_t (*send)(const struct transport *transport, struct iovec *pieces,
			size_t count, bool more);
	ssize_t (*send_file)(const struct transport *transport, int file_fd,
			     off_t *offset, size_t len);
	int (*flush)(const struct transport *transport);
	void (*end)(const struct transport *transport);
	void (*free)(struct tls *tls);
};

#endif
