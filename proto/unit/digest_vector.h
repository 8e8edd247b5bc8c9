/*
 * XXH3-128 with the processor's wide registers, for a statically linked program: the
 * archive of libxxhash does not choose by processor as the shared library does, and is
 * half as fast. x86-64 only; the caller must check that the processor has these
 * registers.
 */
#ifndef BATON_PROTO_UNIT_DIGEST_VECTOR_H
#define BATON_PROTO_UNIT_DIGEST_VECTOR_H

#include <stddef.h>
#include <xxhash.h>

XXH128_hash_t digest_vector_avx2(const void *data, size_t len);
XXH128_hash_t digest_vector_avx512(const void *data, size_t len);

#endif
