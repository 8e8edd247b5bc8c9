/*
 * The search for a token in a file that is read in pieces: two lengths, the token, the
 * file. It is found exactly where it stands in the whole.
 */
#include "client/content/secret.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	size_t secret_len = reader_u8(&in) % SECRET_LEN_MAX + 1;
	size_t step = reader_u8(&in) + (size_t)1;
	const char *at = (const char *)reader_bytes(&in, secret_len);
	if (!at)
		return 0;
	struct text secret = {at, secret_len};
	struct secret_watch watch = {0};
	bool found = false;
	for (size_t offset = 0; offset < in.left; offset += step) {
		size_t part = in.left - offset < step ? in.left - offset : step;
		found |= secret_watch_finds(&watch, secret, offset, in.at + offset, part);
	}
	claim(found == (memmem(in.at, in.left, secret.at, secret.len) != NULL));
	return 0;
}
