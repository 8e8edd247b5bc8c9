#include "daemon/access/token/jose.h"

#include <cjose/cjose.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* What is shorter can be broken today (NIST SP 800-131A). */
#define RSA_BITS_MIN 2048u

const char *const jose_algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
				       "PS512", "ES256", "ES384", "ES512", NULL};

/* ---- what a token leaves in memory ---- */

static void free_wiped(void *at)
{
	if (at)
		OPENSSL_cleanse(at, malloc_usable_size(at));
	free(at);
}

static void *realloc_wiped(void *at, size_t len)
{
	size_t had = at ? malloc_usable_size(at) : 0;
	void *fresh = malloc(len);
	if (fresh && at) {
		memcpy(fresh, at, had < len ? had : len);
		free_wiped(at);
	}
	return fresh;
}

static void install_wiping(void)
{
	cjose_set_alloc_funcs(malloc, realloc_wiped, free_wiped);
}

/* From now on nothing that libcjose frees, and the JSON that it reads, stays readable: it
 * has tokens, which count as long as they have not expired, and private keys. */
static void wipe_what_is_freed(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, install_wiping);
}

static void free_jws(cjose_jws_t **jws)
{
	if (*jws)
		cjose_jws_release(*jws);
}

static void free_jwk(cjose_jwk_t **jwk)
{
	if (*jwk)
		(void)cjose_jwk_release(*jwk);
}

static void free_header(cjose_header_t **header)
{
	if (*header)
		cjose_header_release(*header);
}

/* OpenSSL keeps what failed in a list of the thread's, in which TLS on the same thread
 * would find it. */
static int refuse(struct error *error, const char *why)
{
	ERR_clear_error();
	return error_set(error, ERR_DENIED, "the token is refused: %s", why);
}

/* ---- taking apart ---- */

/* Three parts. *ret_last: the length of the last. */
static bool has_the_form(const char *token, size_t len, size_t *ret_last)
{
	size_t dots = 0;
	*ret_last = 0;
	for (size_t i = 0; i < len; i++) {
		char c = token[i];
		bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
				(c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!is_digit && c != '.')
			return false;
		dots += c == '.';
		*ret_last = is_digit ? *ret_last + 1 : 0;
	}
	return dots == 2;
}

static bool is_allowed(const char *algorithm)
{
	for (const char *const *at = jose_algorithms; algorithm && *at; at++)
		if (strcmp(*at, algorithm) == 0)
			return true;
	return false;
}

/* A member that one must understand to verify rightly (RFC 7515, 4.1.11). */
static bool has_critical(cjose_header_t *header)
{
	char *critical AUTO_FREE = cjose_header_get_raw(header, "crit", NULL);
	return critical != NULL;
}

static int read_header(struct jose *jose, struct error *error)
{
	cjose_header_t *header = cjose_jws_get_protected(jose->jws);
	jose->algorithm = cjose_header_get(header, "alg", NULL);
	if (!is_allowed(jose->algorithm))
		return refuse(error, "it is not signed with one of " JOSE_ALGORITHMS);
	if (has_critical(header))
		return refuse(error, "its header demands what this daemon does not know");
	jose->key_id = cjose_header_get(header, "kid", NULL);
	if (!jose->key_id)
		jose->key_id = "";
	return 0;
}

static int read_claims(struct jose *jose, struct error *error)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	if (cjose_jws_get_plaintext(jose->jws, &bytes, &len, NULL))
		jose->claims = json_loadb((const char *)bytes, len,
					  JSON_REJECT_DUPLICATES, NULL);
	return json_is_object(jose->claims)
		       ? 0
		       : refuse(error, "its claims are not one JSON object in which each "
				       "stands once");
}

int jose_open(const char *token, size_t len, struct jose *ret_jose, struct error *error)
{
	struct jose jose AUTO(jose_fini) = {0};
	wipe_what_is_freed();
	if (len > TOKEN_LEN_MAX)
		return refuse(error, "it is too long");
	if (!has_the_form(token, len, &jose.signature_digits))
		return refuse(error, "it is not a signed JWT (three parts in base64url "
				     "with dots between); was it copied whole?");
	jose.jws = cjose_jws_import(token, len, NULL);
	if (!jose.jws)
		return refuse(error, "its header is not that of a signed JWT");
	int err = read_header(&jose, error);
	if (err == 0)
		err = read_claims(&jose, error);
	if (err)
		return err;
	*ret_jose = jose;
	jose = (struct jose){0};
	return 0;
}

void jose_fini(struct jose *jose)
{
	json_decref(jose->claims);
	if (jose->jws)
		cjose_jws_release(jose->jws);
	*jose = (struct jose){0};
}

/* ---- keys ---- */

static int import_key(const json_t *key, cjose_jwk_t **ret_jwk, struct error *error)
{
	char *text AUTO_FREE = json_dumps(key, JSON_COMPACT);
	cjose_jwk_t *jwk = text ? cjose_jwk_import(text, strlen(text), NULL) : NULL;
	if (!jwk)
		return refuse(error, "the key that it names cannot be read");
	*ret_jwk = jwk;
	return 0;
}

/* A text member of the key; NULL: it has none. */
static const char *member(const json_t *key, const char *name)
{
	return json_string_value(json_object_get(key, name));
}

/* Each algorithm has one curve, and its signatures one length (RFC 7518, 3.4); libcjose
 * would take any curve, and a longer signature whose beginning is right. */
static bool is_for_curve(const struct jose *jose, const cjose_jwk_t *jwk)
{
	static const struct {
		const char *algorithm;
		cjose_jwk_ec_curve curve;
		size_t digits; /* of two coordinates in base64url */
	} curves[] = {
		{"ES256", CJOSE_JWK_EC_P_256, 86},
		{"ES384", CJOSE_JWK_EC_P_384, 128},
		{"ES512", CJOSE_JWK_EC_P_521, 176},
	};
	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++)
		if (strcmp(curves[i].algorithm, jose->algorithm) == 0)
			return cjose_jwk_EC_get_curve(jwk, NULL) == curves[i].curve &&
			       jose->signature_digits == curves[i].digits;
	return false;
}

static int check_key(const struct jose *jose, const json_t *key, const cjose_jwk_t *jwk,
		     struct error *error)
{
	const char *use = member(key, "use"), *algorithm = member(key, "alg");
	cjose_jwk_kty_t type = jose->algorithm[0] == 'E' ? CJOSE_JWK_KTY_EC
							 : CJOSE_JWK_KTY_RSA;
	if (cjose_jwk_get_kty(jwk, NULL) != type || (use && strcmp(use, "sig") != 0) ||
	    (algorithm && strcmp(algorithm, jose->algorithm) != 0))
		return refuse(error, "the key that it names is not for its algorithm");
	if (type == CJOSE_JWK_KTY_EC && !is_for_curve(jose, jwk))
		return refuse(error, "its signature is not what its algorithm makes");
	if (type == CJOSE_JWK_KTY_RSA && cjose_jwk_get_keysize(jwk, NULL) < RSA_BITS_MIN)
		return refuse(error, "the key that it names is too short");
	return 0;
}

int jose_verify(const struct jose *jose, const json_t *key, struct error *error)
{
	cjose_jwk_t *jwk AUTO(free_jwk) = NULL;
	int err = import_key(key, &jwk, error);
	if (err == 0)
		err = check_key(jose, key, jwk, error);
	if (err == 0 && !cjose_jws_verify(jose->jws, jwk, NULL))
		err = refuse(error, "its signature is not that of the key it names; it "
				    "was changed or cut");
	return err;
}

/* ---- signing ---- */

static int cannot_sign(struct error *error)
{
	ERR_clear_error();
	return error_set(error, ERR_INTERNAL, "the key cannot be used to sign a token");
}

static bool fill_header(cjose_header_t *header, const json_t *key)
{
	return header && cjose_header_set(header, "alg", "ES256", NULL) &&
	       cjose_header_set(header, "kid", member(key, "kid"), NULL) &&
	       cjose_header_set(header, "typ", "JWT", NULL);
}

int jose_sign(const json_t *key, const json_t *claims, char **ret_token,
	      struct error *error)
{
	cjose_jwk_t *jwk AUTO(free_jwk) = NULL;
	cjose_header_t *header AUTO(free_header) = cjose_header_new(NULL);
	cjose_jws_t *jws AUTO(free_jws) = NULL;
	const char *text = NULL;
	char *payload AUTO_FREE = json_dumps(claims, JSON_COMPACT);
	if (!payload || !fill_header(header, key) || import_key(key, &jwk, error))
		return cannot_sign(error);
	jws = cjose_jws_sign(jwk, header, (const uint8_t *)payload, strlen(payload),
			     NULL);
	if (!jws || !cjose_jws_export(jws, &text, NULL))
		return cannot_sign(error);
	*ret_token = must_strdup(text);
	return 0;
}

int jose_make_key(const char *key_id, json_t **ret_key, struct error *error)
{
	cjose_jwk_t *jwk AUTO(free_jwk) =
		cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	if (!jwk || !cjose_jwk_set_kid(jwk, key_id, strlen(key_id), NULL))
		return cannot_sign(error);
	char *text AUTO_FREE = cjose_jwk_to_json(jwk, true, NULL);
	*ret_key = text ? json_loads(text, 0, NULL) : NULL;
	return *ret_key ? 0 : cannot_sign(error);
}
