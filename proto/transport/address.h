/*
 * Where a daemon listens: `unix:/path`, `tcp://host:port`, `tls://host[:port][#pin]`, and
 * for other clients than ours `http://host:port` and `https://host:port`; connecting to
 * it, and listening there.
 *
 * An address is constant once parsed and belongs to no thread. Host names are resolved
 * by getaddrinfo(), which may block longer than a timeout.
 */
#ifndef BATON_PROTO_TRANSPORT_ADDRESS_H
#define BATON_PROTO_TRANSPORT_ADDRESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "proto/base/error.h"

enum address_kind {
	ADDRESS_UNIX,
	ADDRESS_TCP,
	ADDRESS_TLS,
	ADDRESS_HTTP,
	ADDRESS_HTTPS,
};

struct address {
	enum address_kind kind;
	char *url;  /* owned; as it was given but for the pin, for sentences */
	char *path; /* owned; Unix: absolute, short enough for a socket */
	char *host; /* owned; all but Unix: a name or a number, without brackets */
	char *port; /* owned; the same: decimal, 0 … 65535; 0 lets the system choose one
		     */
	char *pin;  /* owned; TLS: of the daemon's key (pin.h); NULL: none was given */
};

/* Where tls:// is without a port. */
#define ADDRESS_TLS_PORT "7433"

/* Reads a URL; a numeric IPv6 host stands in brackets. ERR_USAGE: not such a URL, a path
 * too long for a socket, a pin that can be none. On failure *ret_address is untouched. */
int address_parse(const char *url, struct address *ret_address, struct error *error);
void address_fini(struct address *address);

/* Where the daemon of the whole machine is looked for. */
#define ADDRESS_SYSTEM "unix:/run/batond/batond.sock"
#define ADDRESS_RUN_USER "/run/user"

/* Where this user's own daemon is looked for: batond/batond.sock in $XDG_RUNTIME_DIR or,
 * if that is not set, in RUN_USER/UID if it is there and this user's. A URL, owned by the
 * caller; NULL: there is no such directory. run_user: ADDRESS_RUN_USER but for tests. */
char *address_of_user(const char *run_user);

/*
 * Connects within timeout_ms (-1: for ever), trying each address of a host in turn.
 * Gives a close-on-exec, non-blocking descriptor, owned by the caller; TLS is still to
 * come. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_DENIED (the socket's permissions),
 * ERR_INTERRUPTED when wake_fd (-1: none) becomes readable.
 */
int address_connect(const struct address *address, int timeout_ms, int wake_fd,
		    int *ret_fd, struct error *error);

/* Who may connect to a Unix socket. */
struct address_access {
	mode_t mode; /* who may write to it may connect; 0: not said, which is 0660 with
		      * a group, else 0600 */
	bool has_group;
	gid_t group; /* else the process's own */
};

/*
 * Binds and listens. Gives a close-on-exec, non-blocking descriptor, owned by the caller.
 *
 * A Unix socket gets this mode and group before it listens, and is never open wider;
 * NULL: its owner alone. It lies in a directory that only its owner (this user or root)
 * can write to, and that those who may connect can enter: else ERR_DENIED. A missing
 * directory is made for them, its parent is not. A socket file that nobody listens on is
 * removed; a live one is ERR_BUSY ("another daemon listens at …"). Changes the process's
 * umask for a moment: call it before there are threads.
 *
 * ERR_UNREACHABLE for a host that cannot be resolved, ERR_BUSY for a port that is taken,
 * ERR_DENIED for a group that this user cannot give, else ERR_LOCAL.
 */
int address_listen(const struct address *address, const struct address_access *access,
		   int *ret_fd, struct error *error);

/* Removes the file of a Unix socket that address_listen() made; for others does nothing.
 */
void address_unlisten(const struct address *address);

/* Whether only this machine can reach it: a Unix socket, or a host of which every
 * resolved address is a loopback address. ERR_UNREACHABLE where it cannot be resolved. */
int address_is_loopback(const struct address *address, bool *ret_loopback,
			struct error *error);
/* The same of a connected TCP socket's other end. */
bool address_peer_is_loopback(int fd);

#endif
