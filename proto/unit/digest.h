/*
 * The two hashes, each for what it is good at: XXH3-128 finds accidents and candidates,
 * SHA-256 decides. Both are kept as bytes in their canonical order (XXH3-128 as
 * XXH128_canonicalFromHash gives it: big-endian, high half first).
 *
 * No thread affinity; a struct sha256 belongs to one thread. The library keeps one
 * context per thread, freed when the thread ends.
 */
#ifndef BATON_PROTO_UNIT_DIGEST_H
#define BATON_PROTO_UNIT_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHA256_LEN 32u
#define XXH128_LEN 16u
/* "sha256:" + 64 hexadecimal digits + NUL */
#define DIGEST_TEXT_SIZE 72u

struct digest {
	uint8_t bytes[SHA256_LEN];
};

struct xxh128 {
	uint8_t bytes[XXH128_LEN];
};

/* The name of a unit, and what finds it quickly. */
struct unit_key {
	struct xxh128 xxh;
	uint32_t len; /* bytes, 1 … UNIT_LEN_MAX */
};

struct unit_name {
	struct unit_key key;
	struct digest sha;
};

struct xxh128 xxh128_of(const void *data, size_t len);
uint64_t xxh64_of(const void *data, size_t len); /* XXH3-64, for headers and tables */
/* The same over two spans as if the second followed the first in memory. */
uint64_t xxh64_of_two(const void *first, size_t first_len, const void *second,
		      size_t second_len);
struct digest sha256_of(const void *data, size_t len);

/* A running SHA-256. _new never fails (out of memory aborts: a few hundred bytes). */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *sha, const void *data, size_t len);
struct digest sha256_final(struct sha256 *sha); /* and ready for another message */
void sha256_free(struct sha256 *sha);

/* Inline: a few instructions, some ten times for each file of a persist. */
static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline bool xxh128_equal(const struct xxh128 *a, const struct xxh128 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline bool unit_key_equal(const struct unit_key *a, const struct unit_key *b)
{
	return a->len == b->len && xxh128_equal(&a->xxh, &b->xxh);
}

static inline bool unit_name_equal(const struct unit_name *a, const struct unit_name *b)
{
	return unit_key_equal(&a->key, &b->key) && digest_equal(&a->sha, &b->sha);
}

/* A well-spread 64 bits of the key, for hash tables in memory: another number in each
 * process, so that a peer cannot choose keys that collide. */
uint64_t unit_key_hash(const struct unit_key *key);

/* Writes "sha256:HEX" with its NUL; returns ret_text. */
const char *digest_text(const struct digest *digest, char ret_text[DIGEST_TEXT_SIZE]);

/* Reads "sha256:HEX" or plain HEX, lower or upper case; false for anything else. */
bool digest_parse(const char *text, struct digest *ret_digest);

/* Lower-case hexadecimal of len bytes into ret_text (2 × len + 1 bytes). */
void hex_encode(const void *data, size_t len, char *ret_text);
/* The reverse; false unless text is exactly 2 × len hexadecimal digits. */
bool hex_decode(const char *text, size_t len, void *ret_data);

#endif
