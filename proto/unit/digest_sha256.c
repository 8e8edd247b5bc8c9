/*
 * SHA-256 by OpenSSL's older functions: the same code, with the processor's instructions,
 * but without its providers. To load them takes each start of a client 1.5 ms, of the 6
 * that persisting a small file took, and makes a static program three times as large
 * (SHA256() has them too).
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/unit/digest.h"

struct sha256 {
	SHA256_CTX context;
};

struct digest sha256_of(const void *data, size_t len)
{
	struct sha256 sha;
	claim(SHA256_Init(&sha.context) == 1);
	sha256_update(&sha, data, len);
	return sha256_final(&sha);
}

struct sha256 *sha256_new(void)
{
	struct sha256 *sha = must_alloc(sizeof(*sha));
	claim(SHA256_Init(&sha->context) == 1);
	return sha;
}

void sha256_update(struct sha256 *sha, const void *data, size_t len)
{
	claim(SHA256_Update(&sha->context, data, len) == 1);
}

struct digest sha256_final(struct sha256 *sha)
{
	struct digest digest;
	claim(SHA256_Final(digest.bytes, &sha->context) == 1);
	claim(SHA256_Init(&sha->context) == 1);
	return digest;
}

void sha256_free(struct sha256 *sha)
{
	free(sha);
}
