/*
 * The folder DATA/access (FORMAT.md), where the daemon's own keys and what it knows of
 * tokens lie. `batond token` changes it beside a running daemon: whoever writes holds the
 * lock from before it reads until after it has written, and replaces files whole, so that
 * who only reads needs no lock.
 *
 * Not for the loop's thread.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_VAULT_H
#define BATON_DAEMON_ACCESS_TOKEN_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* A file there is smaller than this: 4,000 tokens are half a MiB. */
#define VAULT_FILE_MAX (4u * 1024u * 1024u)

/* Opens DATA/access; makes it (0700) where it is not there and `make`. Owned descriptor;
 * ERR_NOT_FOUND: there is no such folder. */
int vault_open(const char *data, bool make, int *ret_fd, struct error *error);

/* Waits for the lock; it is held until the descriptor is closed. */
int vault_lock(int vault_fd, int *ret_fd, struct error *error);

/* Reads a file whole, into an empty buffer. One that is not there is empty, and *ret_stat
 * zero. ERR_DENIED where others may read or write it; ERR_DAMAGED where it is larger than
 * VAULT_FILE_MAX. */
int vault_read(int vault_fd, const char *name, struct buffer *ret_bytes,
	       struct stat *ret_stat, struct error *error);

/* Replaces a file (0600), which is durable then. Like the folder it belongs to whom DATA
 * belongs to, also where root does this. */
int vault_replace(int vault_fd, const char *name, const void *bytes, size_t len,
		  struct error *error);

/* Whether the file is still the one that vault_read() saw. */
bool vault_is_same(int vault_fd, const char *name, const struct stat *seen);

#endif
