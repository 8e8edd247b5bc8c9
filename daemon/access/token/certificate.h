/*
 * What the daemon is known by over TLS (rules A1, A2): its certificate and key, and whom
 * of its clients it demands a certificate of. Read from files that the configuration
 * names, or, where it names none, from DATA/access (FORMAT.md), where they are made at
 * the first start.
 *
 * Not for the loop's thread: it reads files. What was loaded is constant, and connections
 * keep what they began with.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_CERTIFICATE_H
#define BATON_DAEMON_ACCESS_TOKEN_CERTIFICATE_H

#include <openssl/types.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/transport/pin.h"

/* All borrowed; PEM. */
struct certificate_files {
	const char *data;        /* the data directory */
	const char *certificate; /* with what leads to its authority; NULL: its own */
	const char *key;         /* NULL: in the certificate's file */
	const char *client_ca;   /* whose certificates clients need; NULL: none */
};

struct certificate {
	SSL_CTX *context; /* owned; NULL: none was loaded */
	char pin[PIN_TEXT_SIZE];
};

/* On failure *ret_certificate is untouched. ERR_USAGE: a key without a certificate;
 * ERR_LOCAL: a file cannot be read or is not what it should be; ERR_DENIED: others can
 * read the key; ERR_DAMAGED: one of the two in DATA/access is gone. */
int certificate_load(const struct certificate_files *files,
		     struct certificate *ret_certificate, struct error *error);
/* What a library that is not OpenSSL wants of it: the certificate with what leads to its
 * authority, and its key, in PEM, each with a NUL. The key is the caller's to wipe.
 * ERR_INTERNAL. */
int certificate_pem(const struct certificate *certificate, struct buffer *ret_certificate,
		    struct buffer *ret_key, struct error *error);
void certificate_fini(struct certificate *certificate);

#endif
