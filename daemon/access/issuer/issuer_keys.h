/*
 * The public keys of an issuer (rule A5): fetched by a thread of their own, so that
 * nobody waits for a slow or hostile server; kept in the vault, so that they serve for 24
 * hours while the issuer cannot be reached. Or from a file, read once. Any thread.
 */
#ifndef BATON_DAEMON_ACCESS_ISSUER_ISSUER_KEYS_H
#define BATON_DAEMON_ACCESS_ISSUER_ISSUER_KEYS_H

#include <jansson.h>
#include <stdint.h>

#include "proto/base/error.h"

/* A try to fetch them follows the one before after so long at the soonest. */
#define ISSUER_KEYS_PAUSE_MS 60000u
/* They are fetched again when they are older, or of the future by the clock; and not used
 * when they are further from now than ISSUER_KEYS_KEPT_S, in either direction. */
#define ISSUER_KEYS_FRESH_S 3600
#define ISSUER_KEYS_KEPT_S 86400

struct issuer_keys;

struct issuer_keys_source {
	const char *data; /* the data directory */
	const char *name; /* of the issuer: letters, digits, `-` */
	const char *url;  /* the issuer's own, which a discovery document has to name */
	/* An absolute path; or a URL, of a JWK set or of an OpenID configuration whose
	 * `jwks_uri` names one. */
	const char *keys;
};

/* Borrows nothing afterwards. ERR_USAGE, ERR_LOCAL: a file that is no JWK set. */
int issuer_keys_new(const struct issuer_keys_source *source,
		    struct issuer_keys **ret_keys, struct error *error);
/* Waits for the thread, which gives up what it is doing. NULL is fine. */
void issuer_keys_free(struct issuer_keys *keys);

/* The key of that id ("": the only one that there is); *ret_key is the caller's.
 * ERR_DENIED: the issuer has no such key, by what was fetched just now. ERR_BUSY: it is
 * being fetched, or cannot be: in a while it may be there. */
int issuer_keys_find(struct issuer_keys *keys, const char *key_id, json_t **ret_key,
		     struct error *error);

#endif
