/*
 * A certificate that makes itself (rule A2): a new key, EC P-256, and a certificate for
 * this machine's name that the key signs itself. It never expires (RFC 5280 §4.1.2.5):
 * clients know the key by its pin, and whoever wants a bound brings a certificate of his
 * own. Any thread.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_SELF_SIGNED_H
#define BATON_DAEMON_ACCESS_TOKEN_SELF_SIGNED_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Both in PEM, into empty buffers. ERR_NO_MEMORY, ERR_INTERNAL. */
int self_signed_make(struct buffer *ret_certificate, struct buffer *ret_key,
		     struct error *error);

#endif
