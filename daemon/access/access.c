#include "daemon/access/access.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/access/rules.h"
#include "daemon/access/token/claims.h"
#include "daemon/access/token/jose.h"
#include "daemon/access/token/keyring.h"
#include "daemon/access/token/ledger.h"
#include "daemon/access/token/token.h"
#include "daemon/access/token/vault.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

struct access {
	char *data;                  /* owned; the data directory */
	pthread_mutex_t rules_mutex; /* guards rules; held for a moment */
	struct rules *rules;         /* owned reference */
	_Atomic uint64_t changes;    /* of the rules so far */
	pthread_mutex_t mutex; /* guards all below; held while an own token is verified */
	struct keyring keyring;
	struct ledger ledger;
};

int access_new(const struct config *config, struct access **ret_access,
	       struct error *error)
{
	struct access *access = must_calloc(1, sizeof(*access));
	access->data = must_strdup(config->data);
	(void)pthread_mutex_init(&access->mutex, NULL);
	(void)pthread_mutex_init(&access->rules_mutex, NULL);
	int err = rules_read(config, &access->rules, error);
	if (err) {
		access_free(access);
		return err;
	}
	*ret_access = access;
	return 0;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	rules_unref(access->rules);
	keyring_fini(&access->keyring);
	ledger_fini(&access->ledger);
	(void)pthread_mutex_destroy(&access->mutex);
	(void)pthread_mutex_destroy(&access->rules_mutex);
	free(access->data);
	free(access);
}

/* ---- rules ---- */

/* Those of now; the caller's reference. */
static struct rules *rules_of(struct access *access, uint64_t *ret_change)
{
	HOLD(&access->rules_mutex);
	*ret_change = access->changes;
	return rules_ref(access->rules);
}

static struct rules *replace(struct access *access, struct rules *rules)
{
	HOLD(&access->rules_mutex);
	struct rules *old = access->rules;
	access->rules = rules;
	access->changes++;
	return old;
}

int access_reload(struct access *access, const struct config *config, struct error *error)
{
	struct rules *rules = NULL;
	int err = rules_read(config, &rules, error);
	if (err == 0)
		rules_unref(replace(access, rules));
	return err;
}

static void unref_rules(struct rules **rules)
{
	rules_unref(*rules);
}

static int64_t now_s(void)
{
	return clock_wall_ms() / 1000;
}

/* ---- the daemon's own tokens ---- */

static int refresh_keyring(struct access *access, int vault_fd, struct error *error)
{
	if (vault_is_same(vault_fd, KEYRING_NAME, &access->keyring.seen))
		return 0;
	keyring_fini(&access->keyring);
	return keyring_load(vault_fd, &access->keyring, error);
}

static int refresh_ledger(struct access *access, int vault_fd, struct error *error)
{
	if (vault_is_same(vault_fd, LEDGER_NAME, &access->ledger.seen))
		return 0;
	ledger_fini(&access->ledger);
	return ledger_load(vault_fd, &access->ledger, error);
}

/* Reads again what `batond token` has changed. Where nothing can be read there are no
 * tokens. */
static int refresh_locked(struct access *access, struct error *error)
{
	int vault_fd AUTO_FD = -1;
	int err = vault_open(access->data, false, &vault_fd, error);
	if (err == 0)
		err = refresh_keyring(access, vault_fd, error);
	if (err == 0)
		err = refresh_ledger(access, vault_fd, error);
	if (err == 0)
		return 0;
	keyring_fini(&access->keyring);
	ledger_fini(&access->ledger);
	return err == ERR_NOT_FOUND ? 0 : err;
}

static int prove_own_token(struct access *access, const struct jose *jose,
			   struct principal **ret_principal, struct error *error)
{
	HOLD(&access->mutex);
	int err = refresh_locked(access, error);
	return err ? err
		   : token_accept(jose, &access->keyring, &access->ledger, now_s(),
				  ret_principal, error);
}

/* ---- those of issuers ---- */

/* The sections of one issuer in turn: the first that takes the token decides, else the
 * last says why not. */
static int prove_issued(const struct rules *rules, const struct jose *jose,
			struct principal **ret_principal, struct error *error)
{
	struct claim_text issuer = {""};
	int err = 0;
	bool is_known = false;
	for (size_t i = 0; i < rules->issuer_count; i++) {
		if (!issuer_is_named(&rules->issuers[i], jose))
			continue;
		is_known = true;
		err = issuer_accept(&rules->issuers[i], jose, now_s(), ret_principal,
				    error);
		if (err == 0 || err == ERR_BUSY)
			return err;
	}
	if (is_known)
		return err;
	(void)claims_text(jose->claims, "iss", &issuer);
	return error_set(error, ERR_DENIED,
			 "the token is refused: this daemon trusts no issuer `%s`",
			 issuer.at);
}

static int prove_token(struct access *access, const struct rules *rules,
		       struct text token, struct principal **ret_principal,
		       struct error *error)
{
	struct jose jose AUTO(jose_fini) = {0};
	struct claim_text issuer = {""};
	int err = jose_open(token.at, token.len, &jose, error);
	if (err)
		return err;
	(void)claims_text(jose.claims, "iss", &issuer);
	if (strcmp(issuer.at, TOKEN_ISSUER) == 0)
		return prove_own_token(access, &jose, ret_principal, error);
	err = prove_issued(rules, &jose, ret_principal, error);
	if (err == 0)
		(*ret_principal)->by_rules = true;
	return err;
}

/* ---- everybody ---- */

static int ask_for_token(struct error *error)
{
	(void)error_set(error, ERR_DENIED, "this daemon wants a token");
	return error_advise(error, ADVICE_GIVE_TOKEN);
}

/* Who came without a token. */
static int prove_place(const struct rules *rules, const struct proof *proof,
		       struct principal **ret_principal, struct error *error)
{
	if (proof->way == PROOF_TLS ||
	    (proof->way == PROOF_LOOPBACK && rules->loopback_needs_token))
		return ask_for_token(error);
	if (proof->way == PROOF_UNIX) {
		int err = peer_user_principal(&rules->users, proof->fd, ret_principal,
					      error);
		if (err)
			return err;
	} else {
		*ret_principal = principal_new("loopback", TIER_TRUSTED);
		principal_add_all(*ret_principal);
	}
	(*ret_principal)->by_rules = true;
	return 0;
}

int access_prove(struct access *access, const struct proof *proof,
		 struct principal **ret_principal, struct error *error)
{
	uint64_t change;
	struct rules *rules AUTO(unref_rules) = rules_of(access, &change);
	int err = proof->token.len > 0
			  ? prove_token(access, rules, proof->token, ret_principal, error)
			  : prove_place(rules, proof, ret_principal, error);
	if (err == 0)
		(*ret_principal)->change = change;
	return err;
}

static int check_revoked(struct access *access, const char *token_id, struct error *error)
{
	HOLD(&access->mutex);
	int err = refresh_locked(access, error);
	return err ? err : token_check_revoked(&access->ledger, token_id, error);
}

static int check_expiry(const struct principal *principal, int64_t grace_s,
			struct error *error)
{
	if (!principal_is_expired(principal, now_s(), grace_s))
		return 0;
	return error_set(error, ERR_DENIED, "%s: the token expired at %s; get a new one",
			 principal->name,
			 time_text_of(principal->expires_s - CLOCK_TOLERANCE_S).at);
}

int access_still(struct access *access, const struct principal *principal,
		 struct error *error)
{
	int err = check_expiry(principal, 0, error);
	if (err)
		return err;
	if (principal->by_rules && principal->change != access->changes)
		return error_set(error, ERR_BUSY,
				 "the daemon's configuration was read again; connect "
				 "again");
	return principal->token_id ? check_revoked(access, principal->token_id, error)
				   : 0;
}

int access_may_finish(struct access *access, const struct principal *principal,
		      struct error *error)
{
	int err = check_expiry(principal, ACCESS_FINISH_S, error);
	if (err == 0 && principal->token_id)
		err = check_revoked(access, principal->token_id, error);
	return err;
}
