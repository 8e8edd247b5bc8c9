/*
 * The daemon's own signing keys: keys.json in the vault (FORMAT.md), a JWK set. The first
 * key signs; the others only verify, until the last token that they signed has expired.
 * A struct belongs to one thread.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_KEYRING_H
#define BATON_DAEMON_ACCESS_TOKEN_KEYRING_H

#include <jansson.h>
#include <stdint.h>
#include <sys/stat.h>

#include "proto/base/error.h"

#define KEYRING_NAME "keys.json"
/* As many keys may be there at once: a token that lives for long keeps its key. */
#define KEYRING_MAX 64u

struct keyring {
	json_t *root;     /* owned; NULL: empty */
	struct stat seen; /* the file that it was read from */
};

/* ERR_DAMAGED where it cannot be understood: then nothing can be signed or verified. */
int keyring_load(int vault_fd, struct keyring *ret_keyring, struct error *error);
void keyring_fini(struct keyring *keyring);

/* With the vault's lock held: writes it, without keys that signed nothing that could be
 * valid, and, as far as room is needed, those whose time was over at now_s: a clock that
 * is ahead once takes no key away. */
int keyring_save(struct keyring *keyring, int vault_fd, int64_t now_s,
		 struct error *error);

/* The key that signs, borrowed; NULL: there is none yet. */
const json_t *keyring_signer(const struct keyring *keyring);

/* A key that may still verify, borrowed; NULL: there is none of that id. */
const json_t *keyring_find(const struct keyring *keyring, const char *key_id,
			   int64_t now_s);

/* Makes a new key first; the one that signed so far verifies until until_s. ERR_LIMIT. */
int keyring_rotate(struct keyring *keyring, int64_t until_s, struct error *error);

/* A random id, for keys and tokens. */
#define ACCESS_ID_LEN 16u
int access_id_make(char ret_id[ACCESS_ID_LEN + 1], struct error *error);

#endif
