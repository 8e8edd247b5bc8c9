/*
 * Tokens as they come with a HELLO: any bytes, taken apart and held against a key. Those
 * that the key did not sign are refused.
 */
#include <jansson.h>

#include "daemon/access/token/jose.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

/* RFC 7515, A.3: what its private key signed is in the corpus. */
static json_t *key_of_rfc(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x",
			 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y",
			 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "kid", "k");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static json_t *key;
	struct jose jose AUTO(jose_fini) = {0};
	struct error error = {0};
	if (!key)
		key = key_of_rfc();
	int err = jose_open((const char *)data, len, &jose, &error);
	if (err == 0) {
		claim(json_is_object(jose.claims) && jose.algorithm && jose.key_id);
		err = jose_verify(&jose, key, &error);
	}
	claim(err == 0 || (err == ERR_DENIED && text_is_clean(text_of(error.text))));
	return 0;
}
