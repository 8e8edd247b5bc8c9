/* Compiled once for each kind of registers: DIGEST_VECTOR is the function's name. */
#define XXH_INLINE_ALL
#include "proto/unit/digest_vector.h"

XXH128_hash_t DIGEST_VECTOR(const void *data, size_t len)
{
	return XXH3_128bits(data, len);
}
