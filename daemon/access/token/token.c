#include "daemon/access/token/token.h"

#include <stdio.h>
#include <string.h>

#include "daemon/access/token/claims.h"
#include "proto/base/cleanup.h"

/* ---- signing ---- */

static json_t *grant_claim(const struct token *token)
{
	const struct grant *grant = token->grant;
	json_t *namespaces = json_array();
	for (size_t i = 0; i < grant->namespaces.count; i++)
		(void)json_array_append_new(namespaces,
					    json_string(grant->namespaces.items[i]));
	return json_pack("{s:o, s:s, s:s*, s:s*, s:s}", "namespaces", namespaces, "verbs",
			 verbs_text(grant->verbs), "workflow", grant->workflow, "job",
			 grant->job, "tier", tier_text(token->tier));
}

static void free_json(json_t **json)
{
	json_decref(*json);
}

int token_sign(const struct token *token, const json_t *key, char **ret_text,
	       struct error *error)
{
	json_t *claims AUTO(free_json) = json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "iss", TOKEN_ISSUER, "jti",
		token->id, "sub", token->subject, "iat", (json_int_t)token->issued_s,
		"nbf", (json_int_t)token->issued_s, "exp", (json_int_t)token->expires_s,
		"baton", grant_claim(token));
	if (!claims)
		return error_set(error, ERR_NO_MEMORY, "no memory for a token");
	return jose_sign(key, claims, ret_text, error);
}

/* ---- accepting ---- */

/* Only this daemon writes such claims, so that what it cannot read is of a later one. */
static int not_understood(struct error *error)
{
	return error_set(error, ERR_DENIED,
			 "the token is refused: this daemon does not understand what it "
			 "grants; create it anew");
}

static int read_optional(const json_t *claim, const char *name, char **ret_text,
			 struct error *error)
{
	struct claim_text text;
	if (!json_object_get(claim, name))
		return 0;
	if (!claims_text(claim, name, &text))
		return not_understood(error);
	*ret_text = must_strdup(text.at);
	return 0;
}

static int read_grant(const json_t *claim, struct grant *grant, enum tier *ret_tier,
		      struct error *error)
{
	struct claim_text verbs, tier;
	const json_t *namespaces = json_object_get(claim, "namespaces");
	int err = json_array_size(namespaces) && claims_text(claim, "verbs", &verbs) &&
				  claims_text(claim, "tier", &tier)
			  ? 0
			  : not_understood(error);
	for (size_t i = 0; err == 0 && i < json_array_size(namespaces); i++) {
		const char *pattern = json_string_value(json_array_get(namespaces, i));
		err = pattern ? grant_add_namespace(grant, pattern, error)
			      : not_understood(error);
	}
	if (err == 0)
		err = verbs_parse(verbs.at, &grant->verbs, error);
	if (err == 0 && !tier_parse(tier.at, ret_tier))
		err = not_understood(error);
	if (err == 0)
		err = read_optional(claim, "workflow", &grant->workflow, error);
	if (err == 0)
		err = read_optional(claim, "job", &grant->job, error);
	return err ? not_understood(error) : 0;
}

int token_check_revoked(const struct ledger *ledger, const char *id, struct error *error)
{
	struct ledger_entry entry;
	if (!ledger_find(ledger, id, &entry))
		return error_set(
			error, ERR_DENIED,
			"token %s is refused: this daemon has no such token (any "
			"more); create a new one",
			id);
	if (entry.revoked)
		return error_set(error, ERR_DENIED,
				 "token %s was revoked; create a new one", id);
	return 0;
}

static int make_principal(const json_t *claims, const char *id, int64_t expires_s,
			  struct principal **ret_principal, struct error *error)
{
	struct claim_text subject = {"?"};
	struct grant grant AUTO(grant_fini) = {0};
	enum tier tier = TIER_UNTRUSTED;
	int err = read_grant(json_object_get(claims, "baton"), &grant, &tier, error);
	if (err)
		return err;
	char name[sizeof("token  ()") + ACCESS_ID_LEN + NAME_LEN_MAX];
	(void)claims_text(claims, "sub", &subject);
	(void)snprintf(name, sizeof(name), "token %s (%s)", id, subject.at);
	*ret_principal = principal_new(name, tier);
	(*ret_principal)->expires_s = expires_s;
	(*ret_principal)->token_id = must_strdup(id);
	principal_add(*ret_principal, &grant);
	return 0;
}

int token_accept(const struct jose *jose, const struct keyring *keyring,
		 const struct ledger *ledger, int64_t now_s,
		 struct principal **ret_principal, struct error *error)
{
	struct claim_text id = {""};
	int64_t expires_s = 0;
	const json_t *key = keyring_find(keyring, jose->key_id, now_s);
	if (!key)
		return error_set(error, ERR_DENIED,
				 "the token is refused: this daemon has no key that "
				 "signed it; is it another daemon's?");
	int err = jose_verify(jose, key, error);
	if (err == 0)
		err = claims_check_time(jose->claims, now_s, &expires_s, error);
	if (err == 0 &&
	    (!claims_text(jose->claims, "jti", &id) || strlen(id.at) != ACCESS_ID_LEN))
		err = not_understood(error);
	if (err == 0)
		err = token_check_revoked(ledger, id.at, error);
	return err ? err
		   : make_principal(jose->claims, id.at, expires_s, ret_principal, error);
}
