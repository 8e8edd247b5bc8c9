/*
 * What a token claims, by whoever signs it: JSON. The signature is taken for good
 * (--wrap=jose_verify), for who can sign may claim anything: a principal has no more than
 * its claims, whatever they are, and issuers only what their patterns say.
 */
#include "daemon/access/token/claims.h"

#include <string.h>

#include "daemon/access/issuer/issuer.h"
#include "daemon/access/token/token.h"
#include "daemon/service/config_section.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define NOW_S 1800000000
#define TOKEN_ID "0123456789abcdef"

int __wrap_jose_verify(const struct jose *jose, const json_t *key, struct error *error);

int __wrap_jose_verify(const struct jose *jose, const json_t *key, struct error *error)
{
	(void)jose;
	(void)key;
	(void)error;
	return 0;
}

int __wrap_issuer_keys_find(struct issuer_keys *keys, const char *key_id,
			    json_t **ret_key, struct error *error);

int __wrap_issuer_keys_find(struct issuer_keys *keys, const char *key_id,
			    json_t **ret_key, struct error *error)
{
	(void)keys;
	(void)key_id;
	(void)error;
	*ret_key = json_object();
	return 0;
}

static void check(int err, struct principal *principal, const struct error *error)
{
	claim(err == 0 || err == ERR_DENIED || err == ERR_BUSY);
	claim(err == 0 || text_is_clean(text_of(error->text)));
	if (!principal)
		return;
	struct buffer text AUTO(buffer_fini) = {0};
	claim(text_is_clean(text_of(principal->name)) && principal->expires_s >= NOW_S);
	principal_describe(principal, &text);
	const struct access_question question = {.verb = VERB_WRITE,
						 .namespace = text_of("acme/web")};
	(void)principal_allows(principal, &question);
	principal_free(principal);
}

static void accept_own(const struct jose *jose)
{
	static struct keyring keyring;
	static struct ledger ledger;
	struct principal *principal = NULL;
	struct error error = {0};
	if (!keyring.root)
		keyring.root = json_pack("{s:[{s:s}]}", "keys", "kid", "k");
	if (!ledger.root)
		ledger.root = json_pack("{s:[{s:s, s:s, s:I}]}", "tokens", "id", TOKEN_ID,
					"subject", "s", "expires", (json_int_t)2 * NOW_S);
	claim(keyring.root && ledger.root);
	int err = token_accept(jose, &keyring, &ledger, NOW_S, &principal, &error);
	check(err, principal, &error);
}

/* Whoever comes by this issuer has to be acme's, and gets a repository of that name. */
static void accept_issued(const struct jose *jose)
{
	static char *repository, *run, *job;
	static struct issuer issuer;
	struct principal *principal = NULL;
	struct error error = {0};
	if (!issuer.name) {
		issuer = (struct issuer){.name = must_strdup("ci"),
					 .url = must_strdup("https://ci.example"),
					 .audience = must_strdup("baton"),
					 .verbs = VERB_READ | VERB_WRITE,
					 .algorithms = ~0u};
		issuer.namespace = repository = must_strdup("{repository}");
		issuer.workflow = run = must_strdup("{run_id}/{attempt}");
		issuer.job = job = must_strdup("{job}");
		claim(condition_list_read(&issuer.require, "test", "owner=acme",
					  &error) == 0);
		claim(condition_list_read(&issuer.untrusted, "test", "event=pull*",
					  &error) == 0);
	}
	if (!issuer_is_named(&issuer, jose))
		return;
	int err = issuer_accept(&issuer, jose, NOW_S, &principal, &error);
	struct claim_text text;
	claim(err || (claims_text(jose->claims, "owner", &text) &&
		      strcmp(text.at, "acme") == 0));
	check(err, principal, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct jose jose = {.algorithm = "ES256", .key_id = "k"};
	jose.claims = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(jose.claims)) {
		accept_own(&jose);
		accept_issued(&jose);
	}
	json_decref(jose.claims);
	return 0;
}
