#include "daemon/access/issuer/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access/grant/namespace_pattern.h"
#include "daemon/access/issuer/template.h"
#include "daemon/access/token/claims.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static void free_json(json_t **json)
{
	json_decref(*json);
}

void issuer_fini(struct issuer *issuer)
{
	issuer_keys_free(issuer->keys);
	condition_list_fini(&issuer->require);
	condition_list_fini(&issuer->untrusted);
	free(issuer->name);
	free(issuer->url);
	free(issuer->audience);
	free(issuer->namespace);
	free(issuer->workflow);
	free(issuer->job);
	*issuer = (struct issuer){0};
}

bool issuer_is_named(const struct issuer *issuer, const struct jose *jose)
{
	const char *url = json_string_value(json_object_get(jose->claims, "iss"));
	return url && strcmp(url, issuer->url) == 0;
}

/* ---- what a token claims ---- */

static int check_algorithm(const struct issuer *issuer, const struct jose *jose,
			   struct error *error)
{
	for (unsigned i = 0; jose_algorithms[i]; i++)
		if (issuer->algorithms & 1u << i &&
		    strcmp(jose_algorithms[i], jose->algorithm) == 0)
			return 0;
	return error_set(error, ERR_DENIED,
			 "the token is refused: tokens of issuer %s are not to be signed "
			 "with %s",
			 issuer->name, jose->algorithm);
}

static int check_signature(const struct issuer *issuer, const struct jose *jose,
			   struct error *error)
{
	json_t *key AUTO(free_json) = NULL;
	int err = check_algorithm(issuer, jose, error);
	if (err == 0)
		err = issuer_keys_find(issuer->keys, jose->key_id, &key, error);
	return err ? err : jose_verify(jose, key, error);
}

static int check_claims(const struct issuer *issuer, const json_t *claims, int64_t now_s,
			int64_t *ret_expires_s, struct error *error)
{
	int err = claims_check_time(claims, now_s, ret_expires_s, error);
	if (err)
		return err;
	if (!claims_have_audience(claims, issuer->audience))
		return error_set(error, ERR_DENIED,
				 "the token is refused: it is not for the audience `%s`; "
				 "ask issuer %s for one that is",
				 issuer->audience, issuer->name);
	const struct condition *unmet = condition_list_unmet(&issuer->require, claims);
	struct claim_text text = {""};
	if (!unmet)
		return 0;
	bool claimed = claims_text(claims, unmet->claim, &text);
	return error_set(error, ERR_DENIED,
			 "the token is refused: issuer %s has to say %s=%s, and says "
			 "%s%s%s",
			 issuer->name, unmet->claim, unmet->pattern, claimed ? "`" : "",
			 claimed ? text.at : "nothing of it", claimed ? "`" : "");
}

/* ---- what it makes of its bearer ---- */

static int fill(const char *template, const json_t *claims, char **ret_text,
		struct error *error)
{
	static const struct template_word none = {NULL, NULL};
	struct claim_text text;
	if (!template)
		return 0;
	int err = template_fill(template, &none, claims, &text, error);
	if (err == 0)
		*ret_text = must_strdup(text.at);
	return err;
}

static int make_grant(const struct issuer *issuer, const json_t *claims,
		      struct grant *grant, struct error *error)
{
	char *namespace AUTO_FREE = NULL;
	grant->verbs = issuer->verbs;
	grant->exact = template_has_blanks(issuer->namespace);
	int err = fill(issuer->namespace, claims, &namespace, error);
	if (err == 0 && !namespace_pattern_is_straight(namespace))
		err = error_set(error, ERR_DENIED,
				"the token is refused: what it claims makes a namespace "
				"with `.` or `..` in it");
	if (err == 0)
		err = fill(issuer->workflow, claims, &grant->workflow, error);
	if (err == 0)
		err = fill(issuer->job, claims, &grant->job, error);
	if (err == 0)
		string_list_add(&grant->namespaces, namespace);
	return err;
}

static struct principal *make_principal(const struct issuer *issuer, const json_t *claims,
					struct grant *grant)
{
	struct claim_text subject = {"?"};
	char *name AUTO_FREE = NULL;
	(void)claims_text(claims, "sub", &subject);
	claim(asprintf(&name, "%s %s", issuer->name, subject.at) > 0);
	bool untrusted = issuer->tier == TIER_UNTRUSTED ||
			 condition_list_has_any_met(&issuer->untrusted, claims);
	struct principal *principal =
		principal_new(name, untrusted ? TIER_UNTRUSTED : TIER_TRUSTED);
	principal_add(principal, grant);
	return principal;
}

int issuer_accept(const struct issuer *issuer, const struct jose *jose, int64_t now_s,
		  struct principal **ret_principal, struct error *error)
{
	struct grant grant AUTO(grant_fini) = {0};
	int64_t expires_s = 0;
	int err = check_signature(issuer, jose, error);
	if (err == 0)
		err = check_claims(issuer, jose->claims, now_s, &expires_s, error);
	if (err == 0)
		err = make_grant(issuer, jose->claims, &grant, error);
	if (err)
		return err;
	*ret_principal = make_principal(issuer, jose->claims, &grant);
	(*ret_principal)->expires_s = expires_s;
	return 0;
}
