/*
 * Signed tokens (JWT in JWS's compact form, RFC 7519 and 7515) and the keys that verify
 * them (JWK, RFC 7517), as libcjose reads and makes them, jansson their JSON. Nothing
 * here trusts what it reads: a token is any bytes until jose_verify() gave 0, and its
 * header names a key only among those that the caller has. `jku`, `jwk`, `x5u` and `x5c`
 * of a header are never looked at.
 *
 * Any thread; a struct jose belongs to one.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_JOSE_H
#define BATON_DAEMON_ACCESS_TOKEN_JOSE_H

#include <jansson.h>
#include <stddef.h>

#include "proto/base/error.h"

struct jose {
	void *jws;               /* owned; libcjose's */
	json_t *claims;          /* owned; an object */
	const char *algorithm;   /* borrowed from jws; one of those of JOSE_ALGORITHMS */
	const char *key_id;      /* borrowed from jws; "" where the header has none */
	size_t signature_digits; /* of base64url */
};

/* What may have signed a token: never `none`, nothing symmetric. */
#define JOSE_ALGORITHMS "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512"
/* NULL-terminated list of the same. */
extern const char *const jose_algorithms[];

/* Takes the token apart: ERR_DENIED with a sentence, which shows nothing of it. */
int jose_open(const char *token, size_t len, struct jose *ret_jose, struct error *error);
void jose_fini(struct jose *jose);

/* Whether this key, a JWK, may and did sign it: ERR_DENIED. */
int jose_verify(const struct jose *jose, const json_t *key, struct error *error);

/* Signs with a private key of jose_make_key(); *ret_token is the caller's. */
int jose_sign(const json_t *key, const json_t *claims, char **ret_token,
	      struct error *error);

/* A new private key for ES256 (P-256) with this id, as a JWK; the caller's. */
int jose_make_key(const char *key_id, json_t **ret_key, struct error *error);

#endif
