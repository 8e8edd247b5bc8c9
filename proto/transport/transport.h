/*
 * A transport: a connected stream of bytes to another program, by a socket (Unix, TCP) or
 * by TLS over one (transport_tls.h). All that a connection sends and receives goes
 * through it.
 *
 * A handle, copied like a descriptor: one of the copies owns it, and closes it once.
 * Zeros are no transport.
 *
 * Nothing waits here. What would have to gives -1 with EAGAIN; poll() on fd then tells
 * when to try again. Input that has left the socket already is none of poll()'s business:
 * ask transport_pending() first. One thread may send while another receives.
 */
#ifndef BATON_PROTO_TRANSPORT_TRANSPORT_H
#define BATON_PROTO_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport {
	const struct transport_calls *calls; /* NULL: no transport */
	int fd;                              /* of the socket */
	struct tls *tls;                     /* NULL: the socket alone */
};

/* The socket, non-blocking from now on. */
struct transport transport_of_socket(int fd);

/* At least one byte, into pieces one behind the other; 0: the stream has ended; -1 and
 * errno. */
ssize_t transport_receive(const struct transport *transport, struct iovec *pieces,
			  size_t count);
/* The same into one piece, without taking it. */
ssize_t transport_peek(const struct transport *transport, void *at, size_t len);
/* Whether there is input that poll() does not know of. */
bool transport_pending(const struct transport *transport);

/* Takes at least one byte of the pieces and says how many; -1 and errno. `more`: what
 * follows at once may go out with it. */
ssize_t transport_send(const struct transport *transport, struct iovec *pieces,
		       size_t count, bool more);
/* Takes up to len bytes of a file from *offset on, and moves *offset; 0: the file ends
 * there. -1: of the file, where transport_is_file_error() says so, else of the
 * connection. */
ssize_t transport_send_file(const struct transport *transport, int file_fd, off_t *offset,
			    size_t len);
bool transport_is_file_error(int error_number);
/* 0: the kernel has all that was taken; -1 and errno: not yet, or never. */
int transport_flush(const struct transport *transport);

/* Sends nothing more, and says so. What the peer still sends can be received. */
void transport_end(const struct transport *transport);
/* Ends both ways at once: whoever waits for this transport wakes up. */
void transport_cut(const struct transport *transport);
/* Closes the socket. One that is none is fine; it is none afterwards. */
void transport_close(struct transport *transport);

#endif
