#include "daemon/access/access.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/access/claims.h"
#include "daemon/access/jose.h"
#include "daemon/access/keyring.h"
#include "daemon/access/ledger.h"
#include "daemon/access/peer_user.h"
#include "daemon/access/token.h"
#include "daemon/access/vault.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

struct access {
	char *data; /* owned; the data directory */
	bool loopback_needs_token;
	pthread_mutex_t mutex; /* guards all below; held while a token is verified */
	struct keyring keyring;
	struct ledger ledger;
};

struct access *access_new(const struct config *config)
{
	struct access *access = must_calloc(1, sizeof(*access));
	access->data = must_strdup(config->data);
	access->loopback_needs_token = config->tcp_token;
	(void)pthread_mutex_init(&access->mutex, NULL);
	return access;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	keyring_fini(&access->keyring);
	ledger_fini(&access->ledger);
	(void)pthread_mutex_destroy(&access->mutex);
	free(access->data);
	free(access);
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

static int prove_token(struct access *access, struct text token,
		       struct principal **ret_principal, struct error *error)
{
	struct jose jose AUTO(jose_fini) = {0};
	struct claim_text issuer = {""};
	int err = jose_open(token.at, token.len, &jose, error);
	if (err)
		return err;
	(void)claims_text(jose.claims, "iss", &issuer);
	if (strcmp(issuer.at, TOKEN_ISSUER) == 0)
		return prove_own_token(access, &jose, ret_principal, error);
	return error_set(error, ERR_DENIED,
			 "the token is refused: this daemon trusts no issuer `%s`",
			 issuer.at);
}

/* ---- everybody ---- */

static int ask_for_token(struct error *error)
{
	(void)error_set(error, ERR_DENIED, "this daemon wants a token");
	return error_advise(error, ADVICE_GIVE_TOKEN);
}

int access_prove(struct access *access, const struct proof *proof,
		 struct principal **ret_principal, struct error *error)
{
	if (proof->token.len > 0)
		return prove_token(access, proof->token, ret_principal, error);
	if (proof->way == PROOF_UNIX)
		return peer_user_principal(proof->fd, ret_principal, error);
	if (proof->way == PROOF_TLS || access->loopback_needs_token)
		return ask_for_token(error);
	*ret_principal = principal_new("loopback", TIER_TRUSTED);
	principal_add_all(*ret_principal);
	return 0;
}

static int check_revoked(struct access *access, const char *token_id, struct error *error)
{
	HOLD(&access->mutex);
	int err = refresh_locked(access, error);
	return err ? err : token_check_revoked(&access->ledger, token_id, error);
}

int access_still(struct access *access, const struct principal *principal,
		 struct error *error)
{
	if (principal->expires_s && now_s() >= principal->expires_s)
		return error_set(
			error, ERR_DENIED, "%s: the token expired at %s; get a new one",
			principal->name,
			time_text_of(principal->expires_s - CLOCK_TOLERANCE_S).at);
	return principal->token_id ? check_revoked(access, principal->token_id, error)
				   : 0;
}
