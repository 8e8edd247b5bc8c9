/*
 * TLS with a daemon: who it has to be, and who we are (PROTOCOL.md §1).
 *
 * With a pin in the URL the pin alone decides. Without one the certificate has to name
 * the host, and an authority to vouch for it: one of the system's, or of a file.
 */
#ifndef BATON_CLIENT_CONNECTION_SECURITY_H
#define BATON_CLIENT_CONNECTION_SECURITY_H

#include "proto/base/error.h"
#include "proto/transport/address.h"
#include "proto/transport/transport.h"

/* Files, in PEM; all borrowed. */
struct security_files {
	const char *ca;          /* authorities to trust; NULL: the system's */
	const char *certificate; /* ours, with what leads to its authority; NULL: none */
	const char *key;         /* its key; NULL: in the same file */
};

/*
 * Takes ownership of fd, connected to the address, and makes the handshake, waiting at
 * most timeout_ms (-1: for ever) at a time; wake_fd (-1: none) ends it with
 * ERR_INTERRUPTED.
 *
 * Each failure has a sentence that says what to do: ERR_DENIED (the daemon is not who it
 * has to be, or takes us for nobody), ERR_PROTOCOL (it speaks no TLS, or not for us),
 * ERR_VERSION (TLS 1.2 or older), ERR_LOCAL (a file cannot be read), ERR_LOST,
 * ERR_TIMEOUT.
 */
int security_begin(const struct address *address, const struct security_files *files,
		   int fd, int timeout_ms, int wake_fd, struct transport *ret_transport,
		   struct error *error);

/* After a request failed on the connection: if it was our certificate that the daemon did
 * not like, which it may say after the handshake, sets the sentence that says so. Returns
 * the error's code. */
int security_explain(const char *url, const struct transport *transport,
		     struct error *error);

#endif
