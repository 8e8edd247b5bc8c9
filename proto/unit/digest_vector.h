/*
 * XXH3-128 by the processor's wide registers, for a program that has libxxhash inside: the
 * archive has none of the choosing by processor that the shared library does, and is half as
 * fast without. x86-64 only; the caller sees to it that the processor can do it.
 */
#ifndef BATON_PROTO_UNIT_DIGEST_VECTOR_H
#define BATON_PROTO_UNIT_DIGEST_VECTOR_H

#include <stddef.h>
#include <xxhash.h>

XXH128_hash_t digest_vector_avx2(const void *data, size_t len);
XXH128_hash_t digest_vector_avx512(const void *data, size_t len);

#endif
