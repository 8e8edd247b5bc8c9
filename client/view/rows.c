#include "client/view/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/message/label.h"

#define ROW_FLAG_CONFLICT 1u
#define ROW_FLAG_LAYERS 2u
/* Parts of one list of layers: some 100 layers fit into a part. */
#define VIEW_PARTS_MAX 1024u

static int malformed(struct error *error, const char *why)
{
	return error_set(error, ERR_PROTOCOL, "the daemon's view: %s", why);
}

/* ---- VIEW ---- */

/* Appends `more` items to a list whose items are owned. */
static void *append(void *items, size_t count, const void *more, size_t more_count,
		    size_t item_size)
{
	if (more_count == 0)
		return items;
	items = must_realloc(items, (count + more_count) * item_size);
	memcpy((char *)items + count * item_size, more, more_count * item_size);
	return items;
}

static void append_layers(struct msg_layer_list *list, const struct msg_layer_list *more)
{
	list->items = append(list->items, list->count, more->items, more->count,
			     sizeof(*more->items));
	list->count += more->count;
}

static void append_texts(struct text_list *list, const struct text_list *more)
{
	list->items = append(list->items, list->count, more->items, more->count,
			     sizeof(*more->items));
	list->count += more->count;
}

static int take_part(struct view_rows *view, bool *ret_more, struct error *error)
{
	struct link_message message = {0};
	int err = link_expect(view->link, MSG_VIEW, &message, error);
	if (err) {
		free(message.payload);
		return err;
	}
	view->payloads = must_realloc(view->payloads, (view->payload_count + 1) *
							      sizeof(*view->payloads));
	view->payloads[view->payload_count++] = message.payload;
	struct msg_view part;
	err = message_decode(&view->memory, MSG_VIEW, message.payload, message.len, &part,
			     error);
	if (err)
		return err;
	append_layers(&view->layers, &part.layers);
	append_layers(&view->stale, &part.stale);
	append_layers(&view->left_out, &part.left_out);
	view->left_out_count += part.left_out_count;
	append_texts(&view->unknown_needs, &part.unknown_needs);
	append_texts(&view->unknown_from, &part.unknown_from);
	append_texts(&view->unknown_prefer, &part.unknown_prefer);
	append_texts(&view->warnings, &part.warnings);
	if (part.tag.len)
		memcpy(view->tag.bytes, part.tag.at, SHA256_LEN);
	view->held |= part.held;
	*ret_more = part.more;
	if (view->layers.count > WORKSPACE_LAYERS_MAX ||
	    view->stale.count > WORKSPACE_LAYERS_MAX ||
	    view->left_out.count > WORKSPACE_LAYERS_MAX ||
	    view->payload_count >= VIEW_PARTS_MAX)
		return malformed(error, "more layers than a workspace can have");
	return 0;
}

int view_rows_open(struct view_rows *view, struct link *link,
		   const struct msg_attach *request, struct error *error)
{
	*view = (struct view_rows){.link = link, .codec = codec_new(1)};
	piece_writer_init(&view->digest_writer, (struct piece_sink){0});
	int err = 0;
	bool more = true;
	while (!err && more)
		err = take_part(view, &more, error);
	if (!err && view->held && request->holds.count == 0)
		return malformed(error, "said to be held, though none is");
	return err;
}

int view_rows_want(struct view_rows *view, struct error *error)
{
	struct msg_empty want = {0};
	view->held = false;
	return link_send_control(view->link, MSG_WANT_ROWS, &want, error);
}

void view_rows_fini(struct view_rows *view)
{
	free(view->layers.items);
	free(view->stale.items);
	free(view->left_out.items);
	free(view->unknown_needs.items);
	free(view->unknown_from.items);
	free(view->unknown_prefer.items);
	free(view->warnings.items);
	for (size_t i = 0; i < view->payload_count; i++)
		free(view->payloads[i]);
	free(view->payloads);
	message_memory_fini(&view->memory);
	codec_free(view->codec);
	free(view->message);
	free(view->raw);
	free(view->conflict_layers);
	row_decoder_fini(&view->decoder);
	piece_writer_fini(&view->digest_writer);
	*view = (struct view_rows){0};
}

/* ---- ROWS ---- */

/* Unpacks the message into view->raw where it is compressed; *ret_rows borrows. */
static int unpack_rows(struct view_rows *view, uint8_t codec, struct reader *in,
		       size_t raw_len, const uint8_t **ret_rows, struct error *error)
{
	free(take_ptr(&view->raw));
	if (codec == CODEC_RAW) {
		if (in->left != raw_len)
			return malformed(error, "ROWS whose length is not what it says");
		*ret_rows = in->at;
		return 0;
	}
	view->raw = must_alloc(raw_len ? raw_len : 1);
	int err = codec_unpack(view->codec, codec, in->at, in->left, view->raw, raw_len,
			       error);
	*ret_rows = view->raw;
	return err;
}

static int begin_rows(struct view_rows *view, const struct link_message *message,
		      struct error *error)
{
	struct reader in = reader_of(message->payload, message->len);
	uint8_t codec = reader_u8(&in);
	bool padded = reader_u8(&in) == 0 && reader_u16(&in) == 0;
	uint32_t raw_len = reader_u32(&in);
	uint32_t count = reader_u32(&in);
	if (in.failed || !padded || codec > CODEC_ZSTD || raw_len > BULK_LEN_MAX)
		return malformed(error, "ROWS with a malformed header");
	const uint8_t *rows = NULL;
	int err = unpack_rows(view, codec, &in, raw_len, &rows, error);
	if (err)
		return err;
	if (view->has_rows)
		row_decoder_continue(&view->decoder, rows, raw_len, count);
	else
		row_decoder_init(&view->decoder, rows, raw_len, count);
	view->has_rows = true;
	return 0;
}

static int end_rows(struct view_rows *view, const struct link_message *message,
		    struct error *error)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_rows_end end;
	int err = message_decode(&memory, MSG_ROWS_END, message->payload, message->len,
				 &end, error);
	if (err)
		return err;
	const struct totals *totals = &view->totals;
	if (end.files != totals->files || end.directories != totals->directories ||
	    end.symlinks != totals->symlinks || end.bytes != totals->bytes ||
	    end.units != totals->units || end.conflicts != view->conflicts)
		return error_set(error, ERR_DAMAGED,
				 "the daemon's view: its rows and its totals differ");
	err = piece_writer_finish(&view->digest_writer, error);
	if (err)
		return err;
	struct buffer root AUTO(buffer_fini) = {0};
	root_encode(&root, &view->digest_writer.root);
	view->digest = sha256_of(root.at, root.len);
	view->ended = true;
	return 0;
}

/* The message that goes on: more rows, or their end. */
static int next_message(struct view_rows *view, struct error *error)
{
	struct link_message message = {0};
	int err = link_receive(view->link, &message, 0, error);
	free(view->message);
	view->message = message.payload;
	if (err)
		return err;
	if (message.type == MSG_ROWS)
		return begin_rows(view, &message, error);
	if (message.type == MSG_ROWS_END)
		return end_rows(view, &message, error);
	return malformed(error, "neither rows nor their end");
}

/* The layers of a conflict, behind its row. */
static int take_conflict_layers(struct view_rows *view, struct view_row *row,
				struct error *error)
{
	struct reader *in = &view->decoder.in;
	uint64_t count = reader_varint(in);
	if (in->failed || count > view->layers.count)
		return malformed(error, "a conflict between more layers than it has");
	if (!view->conflict_layers)
		view->conflict_layers = must_calloc(view->layers.count + 1,
						    sizeof(*view->conflict_layers));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t position = reader_varint(in);
		if (in->failed || position >= view->layers.count)
			return malformed(error,
					 "a conflict with a layer it does not have");
		view->conflict_layers[i] = (uint32_t)position;
	}
	row->conflict_layers = view->conflict_layers;
	row->conflict_count = (size_t)count;
	return 0;
}

static int take_row(struct view_rows *view, struct view_row *row, struct error *error)
{
	struct reader *in = &view->decoder.in;
	uint64_t layer = reader_varint(in);
	uint8_t flags = reader_u8(in);
	if (in->failed || layer >= view->layers.count ||
	    flags > (ROW_FLAG_CONFLICT | ROW_FLAG_LAYERS))
		return malformed(error, "a row of a layer that it does not have, or with "
					"flags that are not known");
	*row = (struct view_row){.layer = (uint32_t)layer,
				 .conflict = flags & ROW_FLAG_CONFLICT};
	int got = row_decoder_next(&view->decoder, &row->row, error);
	if (got <= 0)
		return got;
	int err = flags & ROW_FLAG_LAYERS ? take_conflict_layers(view, row, error) : 0;
	if (!err)
		err = piece_writer_add(&view->digest_writer, &row->row, error);
	totals_add_row(&view->totals, &row->row);
	view->conflicts += row->conflict;
	return err ? err : 1;
}

int view_rows_next(struct view_rows *view, struct view_row *ret_row, struct error *error)
{
	claim(!view->held);
	while (!view->ended) {
		if (view->decoder.rows_left > 0)
			return take_row(view, ret_row, error);
		/* Asks for one more than there are: something left over is refused. */
		int got = view->has_rows
				  ? row_decoder_next(&view->decoder, &ret_row->row, error)
				  : 0;
		int err = got < 0 ? got : next_message(view, error);
		if (err)
			return err;
	}
	return 0;
}

/* ---- labels ---- */

const char *layer_label(const struct msg_layer *layer, char *ret_text, size_t size)
{
	const struct label label = {
		.job = layer->job,
		.shard = layer->shard,
		.run = layer->run,
		.attempt = layer->attempt,
	};
	return label_text(&label, ret_text, size);
}
