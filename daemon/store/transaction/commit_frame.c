#include "daemon/store/transaction/commit_frame.h"

#include "proto/base/cleanup.h"

#define COMMIT_FRAME_VERSION 1u

/* Numbers are never given a second meaning. */
enum field {
	FIELD_STORE = 1,   /* u64: which catalogue */
	FIELD_COMMITS = 2, /* u64: its last durable change before this persist's own */
};

static void put_number(struct buffer *out, enum field field, uint64_t number)
{
	buffer_put_varint(out, field);
	buffer_put_varint(out, sizeof(number));
	buffer_put_u64(out, number);
}

void commit_frame_encode(struct buffer *out, const struct stamp_mark *mark)
{
	buffer_put_u8(out, COMMIT_FRAME_VERSION);
	put_number(out, FIELD_STORE, mark->store);
	put_number(out, FIELD_COMMITS, mark->commits);
}

static int damaged(const char *why, struct error *error)
{
	return error_set(error, ERR_DAMAGED, "commit frame: %s", why);
}

/* Where the number of a field goes; NULL for a field that is not known. */
static uint64_t *number_of(struct stamp_mark *mark, uint64_t field)
{
	switch (field) {
	case FIELD_STORE:
		return &mark->store;
	case FIELD_COMMITS:
		return &mark->commits;
	default:
		return NULL;
	}
}

int commit_frame_decode(const uint8_t *bytes, size_t len, struct stamp_mark *ret_mark,
			struct error *error)
{
	struct reader in = reader_of(bytes, len);
	uint8_t version = reader_u8(&in);
	if (version > COMMIT_FRAME_VERSION)
		return error_set(error, ERR_VERSION,
				 "commit frame: format %u is newer than this program",
				 version);
	if (version != COMMIT_FRAME_VERSION)
		return damaged("its format version is 0", error);
	struct stamp_mark mark = {0};
	for (uint64_t last = 0, field; in.left > 0 && !in.failed; last = field) {
		field = reader_varint(&in);
		uint64_t field_len = reader_varint(&in);
		if (in.failed || field <= last || field_len > in.left)
			return damaged("its fields do not follow one another", error);
		uint64_t *number = number_of(&mark, field);
		if (number && field_len != sizeof(*number))
			return damaged("a number of another length", error);
		if (number)
			*number = reader_u64(&in);
		else
			(void)reader_bytes(&in, (size_t)field_len);
	}
	*ret_mark = mark;
	return 0;
}
