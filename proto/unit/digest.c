#include "proto/unit/digest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <xxhash.h>
#if defined(__x86_64__) && !BATON_STATIC
#include <xxh_x86dispatch.h> /* AVX2 and AVX-512 where the processor has them */
#endif
#if defined(__x86_64__) && BATON_STATIC
#include <sys/platform/x86.h>

#include "proto/unit/digest_vector.h"
#endif

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/memory.h"

/* More than a state of XXH3 takes. */
#define STATE_LEN_MAX 4096u

static const char digest_prefix[] = "sha256:";

#if defined(__x86_64__) && BATON_STATIC
/* Below this length XXH3 does not use wide registers. */
#define VECTOR_LEN_MIN 241u

static XXH128_hash_t xxh3_of(const void *data, size_t len)
{
	if (len >= VECTOR_LEN_MIN && CPU_FEATURE_ACTIVE(AVX512F))
		return digest_vector_avx512(data, len);
	if (len >= VECTOR_LEN_MIN && CPU_FEATURE_ACTIVE(AVX2))
		return digest_vector_avx2(data, len);
	return XXH3_128bits(data, len);
}
#else
static XXH128_hash_t xxh3_of(const void *data, size_t len)
{
	return XXH3_128bits(data, len);
}
#endif

struct xxh128 xxh128_of(const void *data, size_t len)
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, xxh3_of(data, len));
	struct xxh128 hash;
	memcpy(hash.bytes, canonical.digest, sizeof(hash.bytes));
	return hash;
}

uint64_t xxh64_of(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

/* It comes from malloc(): where there is no room but in the reserve, that is given up for
 * it. */
static XXH3_state_t *new_state(void)
{
	XXH3_state_t *state = XXH3_createState();
	if (!state) {
		free(must_alloc(STATE_LEN_MAX));
		state = XXH3_createState();
	}
	return state;
}

uint64_t xxh64_of_two(const void *first, size_t first_len, const void *second,
		      size_t second_len)
{
	XXH3_state_t *state = new_state();
	claim(state && XXH3_64bits_reset(state) == XXH_OK);
	(void)XXH3_64bits_update(state, first, first_len);
	(void)XXH3_64bits_update(state, second, second_len);
	uint64_t hash = XXH3_64bits_digest(state);
	(void)XXH3_freeState(state);
	return hash;
}

/* ---- tables ---------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t table_seed[2];

/* If the kernel has no random bytes yet, takes those that it gave this process at its
 * start (getauxval(3)): their hash, because glibc uses them for secrets of its own. */
static void start(void)
{
	if (getrandom(table_seed, sizeof(table_seed), GRND_NONBLOCK) ==
	    (ssize_t)sizeof(table_seed))
		return;
	const void *given = (const void *)getauxval(AT_RANDOM);
	struct xxh128 hash = xxh128_of(given, given ? sizeof(table_seed) : 0);
	memcpy(table_seed, hash.bytes, sizeof(table_seed));
}

/* One folded multiplication (as in wyhash) with a seed of this process: keys are claims
 * of a peer, who must not be able to choose which of them share a bucket. */
uint64_t unit_key_hash(const struct unit_key *key)
{
	(void)pthread_once(&once, start);
	uint64_t halves[2];
	memcpy(halves, key->xxh.bytes, sizeof(halves));
	unsigned __int128 product = (unsigned __int128)(halves[0] ^ table_seed[0]) *
				    (halves[1] ^ table_seed[1] ^ key->len);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* ---- text ------------------------------------------------------------------------- */

const char *digest_text(const struct digest *digest, char ret_text[DIGEST_TEXT_SIZE])
{
	size_t prefix_len = sizeof(digest_prefix) - 1;
	memcpy(ret_text, digest_prefix, prefix_len);
	hex_encode(digest->bytes, sizeof(digest->bytes), ret_text + prefix_len);
	return ret_text;
}

bool digest_parse(const char *text, struct digest *ret_digest)
{
	size_t prefix_len = sizeof(digest_prefix) - 1;
	if (strncmp(text, digest_prefix, prefix_len) == 0)
		text += prefix_len;
	return hex_decode(text, sizeof(ret_digest->bytes), ret_digest->bytes);
}

void hex_encode(const void *data, size_t len, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	for (size_t i = 0; i < len; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	ret_text[2 * len] = '\0';
}

/* 0 … 15, or -1. */
static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool hex_decode(const char *text, size_t len, void *ret_data)
{
	if (strlen(text) != 2 * len || strspn(text, "0123456789abcdefABCDEF") != 2 * len)
		return false;
	uint8_t *bytes = ret_data;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(digit_value(text[2 * i]) * 16 +
				     digit_value(text[2 * i + 1]));
	return true;
}
