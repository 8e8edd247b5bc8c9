/*
 * TLS over a socket, as PROTOCOL.md §1 asks for: version 1.3 alone, ALPN `baton/1`,
 * neither tickets nor early data. Who the peer has to be is for the context's maker to
 * say.
 *
 * The functions of transport.h may be called by a sender and a receiver at a time: a
 * mutex is held for each call of OpenSSL, none of which waits. A connection holds 16 KiB
 * while it sends, and next to nothing while it is idle.
 *
 * The end of the stream needs no close_notify: a message says its length, and a request
 * its end, so that nobody gains by cutting it.
 */
#ifndef BATON_PROTO_TRANSPORT_TRANSPORT_TLS_H
#define BATON_PROTO_TRANSPORT_TRANSPORT_TLS_H

#include <openssl/types.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/transport/transport.h"

#define TLS_ALPN "baton/1"

/* Why there is no TLS with this peer. */
enum tls_failure {
	TLS_NO_FAILURE,
	TLS_LOST,       /* the connection ended; errno tells more */
	TLS_NOT_TLS,    /* the peer speaks something else */
	TLS_HTTP,       /* … HTTP, in clear */
	TLS_OLD,        /* the peer knows TLS 1.2 or older only */
	TLS_NO_ALPN,    /* the peer does not name `baton/1` */
	TLS_UNTRUSTED,  /* its certificate was refused here */
	TLS_NO_CLIENT,  /* a client without the certificate that is demanded */
	TLS_BAD_CLIENT, /* the certificate of a client was refused there */
	TLS_TOO_LONG,   /* more than the handshake may have */
	TLS_BROKEN,     /* anything else */
};

/* What both sides have in common. Owned by the caller (SSL_CTX_free()). */
int tls_context_new(bool is_server, SSL_CTX **ret_context, struct error *error);

/* Takes ownership of fd, also on failure. The context is referenced for as long as
 * needed. len_max: bytes that may come until the handshake is over; 0: any number.
 * ERR_NO_MEMORY. */
int transport_of_tls(SSL_CTX *context, int fd, size_t len_max,
		     struct transport *ret_transport, struct error *error);

/* Goes on with the handshake, which comes before all else. 0: it is over. -1 and EAGAIN:
 * not before poll() shows *ret_events. -1 otherwise: transport_tls_failure(). */
int transport_tls_shake(const struct transport *transport, short *ret_events);

/* The first failure, of the handshake or after it. */
enum tls_failure transport_tls_failure(const struct transport *transport);
/* OpenSSL's words for it: ASCII without control characters; "" where it has none. */
const char *transport_tls_words(const struct transport *transport);
/* The first bytes that came. */
const uint8_t *transport_tls_first(const struct transport *transport);

/* For what OpenSSL knows of this connection, between other calls only. */
SSL *transport_tls_ssl(const struct transport *transport);

/* After a failed handshake: the socket alone, for a word in clear to a peer that speaks
 * no TLS, and for what it still sends. */
void transport_tls_give_up(struct transport *transport);

#endif
