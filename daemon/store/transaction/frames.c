/* What a transaction appends to its segment, one frame at a time (state.h). */
#include "daemon/store/transaction/state.h"
#include "proto/base/cleanup.h"

int transaction_append(struct transaction *transaction, const struct frame_input *frame,
		       struct segment **ret_segment, uint64_t *ret_offset,
		       struct error *error)
{
	struct frame_header header = {
		.kind = frame->kind,
		.codec = frame->codec,
		.unit_count = frame->unit_count,
		.raw_len = frame->raw_len,
		.stored_len = (uint32_t)frame->payload_len,
		.payload_xxh = xxh128_of(frame->payload, frame->payload_len),
	};
	buffer_clear(&transaction->head);
	int err = buffer_may_reserve(&transaction->head, frame_table_end(&header), error);
	if (err)
		return err;
	frame_head_encode(&transaction->head, &header, frame->units);
	err = segment_writer_append(&transaction->writer, &transaction->head,
				    frame->payload, frame->payload_len, ret_segment,
				    ret_offset, error);
	if (err)
		return err;
	segment_pins_add(&transaction->pins, transaction->store->segments, *ret_segment);
	return 0;
}

int transaction_put_single(struct transaction *transaction, enum frame_kind kind,
			   const struct buffer *data, struct stored_place *ret_place,
			   struct error *error)
{
	if (data->len > FRAME_RAW_MAX)
		return error_set(error, ERR_LIMIT,
				 "persist: its placement takes %zu bytes, at most %u",
				 data->len, FRAME_RAW_MAX);
	uint8_t *packed AUTO_FREE = may_alloc(data->len, error);
	if (!packed)
		return ERR_NO_MEMORY;
	enum codec_id codec;
	size_t packed_len;
	int err = codec_pack(transaction->pieces.codec, data->at, data->len, packed,
			     data->len, &codec, &packed_len, error);
	if (err)
		return err;
	struct unit_name name = {
		.key = {.xxh = xxh128_of(data->at, data->len),
			.len = (uint32_t)data->len},
		.sha = sha256_of(data->at, data->len),
	};
	struct frame_input frame = {
		.kind = (uint8_t)kind,
		.codec = (uint8_t)codec,
		.raw_len = (uint32_t)data->len,
		.units = &name,
		.unit_count = 1,
		.payload = packed,
		.payload_len = packed_len,
	};
	struct segment *segment;
	err = transaction_append(transaction, &frame, &segment, &ret_place->offset,
				 error);
	if (!err)
		ret_place->segment = segment->id;
	return err;
}
