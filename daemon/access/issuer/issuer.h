/*
 * An issuer of identity tokens that the configuration trusts (rule A5): `[issuer NAME]`.
 * Constant once read; any thread.
 */
#ifndef BATON_DAEMON_ACCESS_ISSUER_ISSUER_H
#define BATON_DAEMON_ACCESS_ISSUER_ISSUER_H

#include "daemon/access/grant/principal.h"
#include "daemon/access/issuer/condition.h"
#include "daemon/access/issuer/issuer_keys.h"
#include "daemon/access/token/jose.h"
#include "daemon/service/config_section.h"

struct issuer {
	char *name, *url, *audience; /* owned */
	char *namespace, *workflow,
		*job; /* owned; templates; NULL: any workflow or job */
	uint32_t verbs;
	enum tier tier;
	struct condition_list require;   /* all have to be met */
	struct condition_list untrusted; /* any makes the tier untrusted */
	uint32_t algorithms;             /* a bit for each place in jose_algorithms */
	struct issuer_keys *keys;        /* owned */
};

/* Reads a section, and begins to fetch the keys into the data directory. ERR_USAGE names
 * the line; so it does for an issuer that everybody can get a token of. */
int issuer_read(const struct config_section *section, const char *data,
		struct issuer *ret_issuer, struct error *error);
void issuer_fini(struct issuer *issuer);

/* Whether the token claims to be this issuer's, and so is for issuer_accept(). */
bool issuer_is_named(const struct issuer *issuer, const struct jose *jose);

/* Who bears this token: ERR_DENIED with the sentence; ERR_BUSY: the keys are not there
 * yet. */
int issuer_accept(const struct issuer *issuer, const struct jose *jose, int64_t now_s,
		  struct principal **ret_principal, struct error *error);

#endif
