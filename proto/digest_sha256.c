/* SHA-256 by OpenSSL's current interface. */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "proto/bytes.h"
#include "proto/digest.h"
#include "proto/error.h"

/* Looking the algorithm up costs more than hashing a small unit, so it happens once, and
 * each thread keeps one context for sha256_of(). */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *algorithm;
static pthread_key_t context_key;

static void context_free(void *context)
{
	EVP_MD_CTX_free(context);
}

static void start(void)
{
	algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	claim(algorithm);
	claim(pthread_key_create(&context_key, context_free) == 0);
}

static EVP_MD_CTX *context_new(void)
{
	(void)pthread_once(&once, start);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	claim(context && EVP_DigestInit_ex2(context, algorithm, NULL) == 1);
	return context;
}

/* The thread's context, ready for a message. */
static EVP_MD_CTX *context_of_thread(void)
{
	(void)pthread_once(&once, start);
	EVP_MD_CTX *context = pthread_getspecific(context_key);
	if (!context) {
		context = context_new();
		claim(pthread_setspecific(context_key, context) == 0);
	}
	return context;
}

static struct digest finish(EVP_MD_CTX *context)
{
	struct digest digest;
	claim(EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1);
	claim(EVP_DigestInit_ex2(context, NULL, NULL) == 1);
	return digest;
}

struct digest sha256_of(const void *data, size_t len)
{
	EVP_MD_CTX *context = context_of_thread();
	claim(EVP_DigestUpdate(context, data, len) == 1);
	return finish(context);
}

struct sha256 {
	EVP_MD_CTX *context; /* owned */
};

struct sha256 *sha256_new(void)
{
	struct sha256 *sha = must_alloc(sizeof *sha);
	sha->context = context_new();
	return sha;
}

void sha256_update(struct sha256 *sha, const void *data, size_t len)
{
	claim(EVP_DigestUpdate(sha->context, data, len) == 1);
}

struct digest sha256_final(struct sha256 *sha)
{
	return finish(sha->context);
}

void sha256_free(struct sha256 *sha)
{
	if (!sha)
		return;
	EVP_MD_CTX_free(sha->context);
	free(sha);
}
