/*
 * Which tokens the daemon has signed: tokens.json in the vault (FORMAT.md) has each one's
 * id, subject and expiry, and whether it was revoked; nothing that would be of use to
 * somebody who reads it. A token that is not in it is not accepted. One that has expired
 * stays until its place is needed, so that a clock that was ahead once takes no token
 * away. A struct belongs to one thread.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_LEDGER_H
#define BATON_DAEMON_ACCESS_TOKEN_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "proto/base/error.h"

#define LEDGER_NAME "tokens.json"
/* As many may be there; it is read again whenever it changes. */
#define LEDGER_MAX 4096u

struct ledger {
	json_t *root;     /* owned; NULL: empty */
	struct stat seen; /* the file that it was read from */
};

struct ledger_entry {
	const char *id, *subject; /* borrowed from the ledger */
	int64_t expires_s;        /* Unix time */
	bool revoked;
};

/* ERR_DAMAGED where it cannot be understood: then no token of the daemon is accepted. */
int ledger_load(int vault_fd, struct ledger *ret_ledger, struct error *error);
void ledger_fini(struct ledger *ledger);

/* With the vault's lock held. */
int ledger_save(struct ledger *ledger, int vault_fd, struct error *error);

size_t ledger_count(const struct ledger *ledger);
struct ledger_entry ledger_at(const struct ledger *ledger, size_t at);
/* False: it has no token of this id. */
bool ledger_find(const struct ledger *ledger, const char *id,
		 struct ledger_entry *ret_entry);

/* Takes the place of the one that expired first, where it is full. ERR_LIMIT: none had by
 * now_s. */
int ledger_add(struct ledger *ledger, const struct ledger_entry *entry, int64_t now_s,
	       struct error *error);
/* ERR_NOT_FOUND. One that is revoked already may be revoked again. */
int ledger_revoke(struct ledger *ledger, const char *id, struct error *error);
/* When the last of its tokens that was not revoked expires; 0: there is none. */
int64_t ledger_last_expiry(const struct ledger *ledger);

#endif
