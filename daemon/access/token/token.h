/*
 * The daemon's own tokens: a JWT signed with ES256, which carries its whole grant.
 *
 *	iss "batond"; jti its id; sub its subject; iat, nbf, exp; and
 *	baton {namespaces: [pattern, …], verbs, workflow?, job?, tier}
 *
 * Pure but for the key's use; any thread.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_TOKEN_H
#define BATON_DAEMON_ACCESS_TOKEN_TOKEN_H

#include <jansson.h>
#include <stdint.h>

#include "daemon/access/grant/grant.h"
#include "daemon/access/grant/principal.h"
#include "daemon/access/token/jose.h"
#include "daemon/access/token/keyring.h"
#include "daemon/access/token/ledger.h"
#include "proto/base/error.h"

#define TOKEN_ISSUER "batond"

struct token {
	const char *id, *subject;  /* borrowed */
	const struct grant *grant; /* borrowed */
	enum tier tier;
	int64_t issued_s, expires_s; /* Unix time */
};

/* Signs one with this key; *ret_text is the caller's. */
int token_sign(const struct token *token, const json_t *key, char **ret_text,
	       struct error *error);

/* Who bears this token, if one of the keys signed it, the ledger has it, and now_s is in
 * its time: ERR_DENIED with the sentence. */
int token_accept(const struct jose *jose, const struct keyring *keyring,
		 const struct ledger *ledger, int64_t now_s,
		 struct principal **ret_principal, struct error *error);

/* Whether the ledger still has it: ERR_DENIED where it was revoked. */
int token_check_revoked(const struct ledger *ledger, const char *id, struct error *error);

#endif
