/*
 * Stat records. Whatever is accepted can be asked everything: each entry lies in its
 * directory and is found by its path.
 */
#include "client/record/record.h"

#include <string.h>

#include "client/record/parse.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"
#include "tests/fuzz/fuzz.h"

static void ask(const struct record *record, uint32_t at)
{
	struct record_entry entry = record_get(record, at);
	struct record_name name = record_name_of(record, at);
	struct buffer path AUTO(buffer_fini) = {0};
	claim(name.name_len == entry.name_len && name.type == entry.type);
	claim(record_end(record, at) > at &&
	      record_end(record, at) <= record_count(record));
	claim(record_parent(record, at) <= at);
	for (uint32_t i = 0; i < entry.unit_count; i++)
		claim(record_unit(&entry, i).key.len > 0);
	record_path(record, at, &path);
	const char *text = path.at ? (const char *)path.at : "";
	claim(record_find(record, text, path.len) == at);
	claim(record_flags_at(record, at) < record->len);
}

static void ask_all(const struct record *record)
{
	size_t count;
	const struct record_view *views = record_views(record, &count);
	for (size_t i = 0; i < count; i++)
		claim(record_view_is_known(&views[i]));
	claim(count <= RECORD_VIEWS_MAX && record_base(record) &&
	      record_own_view(record));
	for (uint32_t at = 0; at < record_count(record); at++)
		ask(record, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct record *record = must_calloc(1, sizeof(*record));
	record->bytes = data;
	record->len = len;
	if (record_parse(record))
		ask_all(record);
	record_close(record);
	return 0;
}

#ifdef FUZZING
static void put_u64(uint8_t *at, uint64_t value)
{
	for (unsigned i = 0; i < sizeof(value); i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t room, unsigned seed)
{
	len = LLVMFuzzerMutate(data, len, room);
	if (len < RECORD_HEADER_LEN || seed % 8 == 0)
		return len;
	memcpy(data, RECORD_MAGIC, strlen(RECORD_MAGIC));
	put_u64(data + RECORD_CHECKED_AT, len);
	put_u64(data + RECORD_CHECKSUM_AT,
		xxh64_of(data + RECORD_CHECKED_AT, len - RECORD_CHECKED_AT));
	return len;
}
#endif
