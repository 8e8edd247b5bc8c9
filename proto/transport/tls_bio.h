/*
 * A socket for OpenSSL: non-blocking, without SIGPIPE, and with a bound on what may come.
 * Private to proto/transport; guarded by the mutex of its transport.
 */
#ifndef BATON_PROTO_TRANSPORT_TLS_BIO_H
#define BATON_PROTO_TRANSPORT_TLS_BIO_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_FIRST_LEN 8u

struct tls_bio {
	int fd;                       /* borrowed */
	size_t len_max;               /* bytes that may come; 0: any number */
	size_t received;              /* while there is a bound */
	bool too_long;                /* more came */
	uint8_t first[TLS_FIRST_LEN]; /* what came first */
	size_t first_len;
};

/* borrowed: for as long as the BIO lives. NULL: no memory. */
BIO *tls_bio_new(struct tls_bio *bio);

#endif
