/* Sets of layer ids: a byte with the number of others, those, then the bytes of a set. A
 * set that was read is written the same, and what was united has all of both. */
#include "daemon/store/database/id_set.h"

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

#define IDS_MAX 16u

static size_t count_of(struct reader bytes, bool *ret_is_set)
{
	struct id_set_reader in = {.bytes = bytes};
	int64_t id, last = 0;
	size_t count = 0;
	for (; id_set_next(&in, &id); count++, last = id)
		claim(id > last);
	*ret_is_set = !in.bytes.failed;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	int64_t ids[IDS_MAX];
	size_t count = reader_u8(&in) % IDS_MAX;
	for (size_t i = 0; i < count; i++)
		ids[i] = 1 + (int64_t)(reader_u64(&in) >> 1) % (INT64_MAX - 1);
	if (in.failed)
		return 0;
	struct buffer same AUTO(buffer_fini) = {0}, united AUTO(buffer_fini) = {0};
	bool is_set;
	size_t had = count_of(in, &is_set);
	claim((id_set_unite(in, ids, 0, &same) == 0) == is_set);
	claim(!is_set || same_bytes(in.at, in.left, same.at, same.len));
	size_t added = id_set_unite(in, ids, count, &united);
	claim((added != SIZE_MAX) == is_set);
	if (is_set)
		claim(count_of(reader_of(united.at, united.len), &is_set) == had + added);
	return 0;
}
