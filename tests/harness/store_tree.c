#include "tests/harness/store_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/check/check.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/move.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

#define FRAME_UNITS 40u
#define FRAME_RAW (64u * 1024u)

/* ---- trees -------------------------------------------------------------------- */

static uint32_t scrambled(uint32_t number)
{
	number ^= number >> 16;
	number *= 0x7feb352du;
	number ^= number >> 15;
	number *= 0x846ca68bu;
	return number ^ number >> 16;
}

struct store_tree tree_new(size_t count, uint32_t content, uint32_t len_max)
{
	struct store_tree tree = {.files = must_calloc(count + 1, sizeof(*tree.files)),
				  .count = count};
	for (size_t i = 0; i < count; i++) {
		struct tree_file *file = &tree.files[i];
		(void)snprintf(file->path, sizeof(file->path), "dir%05zu/file%07zu",
			       i / 50, i);
		file->content = content + (uint32_t)i;
		file->len = 8 + scrambled(file->content) % len_max;
	}
	return tree;
}

void tree_fini(struct store_tree *tree)
{
	free(tree->files);
	*tree = (struct store_tree){0};
}

uint8_t *tree_bytes(const struct tree_file *file)
{
	uint8_t *bytes = must_alloc(file->len + 1);
	uint32_t state = file->content;
	for (uint32_t i = 0; i < file->len; i++) {
		if (i % 16 == 0)
			state = scrambled(state + 1);
		bytes[i] = (uint8_t)(i < 4 ? file->content >> (8 * i)
					   : 'a' + (state >> (i % 16)) % 16);
	}
	return bytes;
}

struct unit_name tree_unit_name(const struct tree_file *file)
{
	uint8_t *bytes AUTO_FREE = tree_bytes(file);
	return (struct unit_name){
		.key = {.xxh = xxh128_of(bytes, file->len), .len = file->len},
		.sha = sha256_of(bytes, file->len),
	};
}

/* ---- sending ------------------------------------------------------------------ */

struct sender {
	struct transaction *transaction;
	bool without_asking;
	struct codec *codec;
	struct root base;
	struct buffer raw;
	struct unit_name units[FRAME_UNITS];
	uint32_t unit_count;
	uint8_t kind;
	struct tree_figures figures;
};

static void sender_fini(struct sender *sender)
{
	codec_free(sender->codec);
	root_fini(&sender->base);
	buffer_fini(&sender->raw);
}

static int send_frame(struct sender *sender, struct error *error)
{
	if (sender->unit_count == 0)
		return 0;
	uint8_t *packed AUTO_FREE = must_alloc(sender->raw.len);
	enum codec_id codec;
	size_t len;
	int err = codec_pack(sender->codec, sender->raw.at, sender->raw.len, packed,
			     sender->raw.len, &codec, &len, error);
	if (err)
		return err;
	struct frame_input frame = {
		.kind = sender->kind,
		.codec = (uint8_t)codec,
		.raw_len = (uint32_t)sender->raw.len,
		.units = sender->units,
		.unit_count = sender->unit_count,
		.payload = packed,
		.payload_len = len,
	};
	sender->figures.sent += sender->unit_count;
	sender->unit_count = 0;
	buffer_clear(&sender->raw);
	return transaction_put(sender->transaction, &frame, error);
}

static int add_unit(struct sender *sender, uint8_t kind, const struct unit_name *name,
		    const uint8_t *bytes, struct error *error)
{
	if (sender->kind != kind || sender->unit_count == FRAME_UNITS ||
	    sender->raw.len + name->key.len > FRAME_RAW) {
		int err = send_frame(sender, error);
		if (err)
			return err;
	}
	sender->kind = kind;
	sender->units[sender->unit_count++] = *name;
	buffer_put(&sender->raw, bytes, name->key.len);
	return 0;
}

/* Asks, and sends what is not offered. */
static int give_unit(struct sender *sender, uint8_t kind, const struct unit_name *name,
		     const uint8_t *bytes, struct error *error)
{
	uint8_t count = 0;
	struct digest digests[CANDIDATES_MAX];
	if (!sender->without_asking) {
		int err = transaction_offer(sender->transaction, &name->key, 1, &count,
					    digests, error);
		if (err)
			return err;
	}
	for (uint8_t i = 0; i < count; i++)
		if (digest_equal(&digests[i], &name->sha)) {
			sender->figures.offered++;
			return 0;
		}
	return add_unit(sender, kind, name, bytes, error);
}

static int on_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		    size_t len, struct error *error)
{
	struct sender *sender = context;
	(void)len;
	sender->figures.pieces++;
	for (size_t i = 0; i < sender->base.piece_count; i++)
		if (unit_name_equal(&sender->base.pieces[i].name, &piece->name)) {
			sender->figures.pieces_of_base++;
			return 0;
		}
	return give_unit(sender, FRAME_PIECE, &piece->name, bytes, error);
}

static int send_file(struct sender *sender, struct piece_writer *writer,
		     const struct tree_file *file, struct error *error)
{
	struct unit_name name = tree_unit_name(file);
	uint8_t *bytes AUTO_FREE = tree_bytes(file);
	int err = give_unit(sender, FRAME_CONTENT, &name, bytes, error);
	if (err)
		return err;
	struct row row = {
		.path = file->path,
		.path_len = strlen(file->path),
		.type = ROW_FILE,
		.mode = 0644,
		.time = {1700000000, 1},
		.size = file->len,
		.units = &name,
		.unit_count = 1,
	};
	return piece_writer_add(writer, &row, error);
}

static int name_base(struct sender *sender, int64_t base, struct error *error)
{
	if (base == 0)
		return 0;
	struct buffer root AUTO(buffer_fini) = {0};
	int err = transaction_base(sender->transaction, base, &root, error);
	return err ? err : root_decode(root.at, root.len, &sender->base, error);
}

static int send_tree(struct sender *sender, const struct store_tree *tree,
		     struct buffer *ret_root, struct error *error)
{
	struct piece_writer writer AUTO(piece_writer_fini) = {0};
	piece_writer_init(&writer, (struct piece_sink){on_piece, sender});
	for (size_t i = 0; i < tree->count; i++) {
		int err = send_file(sender, &writer, &tree->files[i], error);
		if (err)
			return err;
	}
	int err = piece_writer_finish(&writer, error);
	if (!err)
		err = send_frame(sender, error);
	root_encode(ret_root, &writer.root);
	return err;
}

static void free_transaction(struct transaction **transaction)
{
	transaction_free(*transaction);
}

int tree_send(struct store *store, const struct tree_persist *persist,
	      struct transaction **ret_transaction, struct buffer *ret_root,
	      int64_t *ret_execution, struct tree_figures *ret_figures,
	      struct error *error)
{
	struct visit visit AUTO(visit_fini) = {0};
	int err = visit_catalogue(store_catalogue(store), &persist->who, CONTACT_PERSIST,
				  &visit, error);
	if (err)
		return err;
	struct transaction *transaction AUTO(free_transaction) = NULL;
	err = transaction_begin(store, visit.contact.namespace_id, &transaction, error);
	if (err)
		return err;
	struct sender sender AUTO(sender_fini) = {
		.transaction = transaction,
		.without_asking = persist->without_asking,
		.codec = codec_new(1),
	};
	err = name_base(&sender, persist->base, error);
	if (!err)
		err = send_tree(&sender, persist->tree, ret_root, error);
	if (err)
		return err;
	*ret_execution = visit.contact.execution_id;
	*ret_figures = sender.figures;
	*ret_transaction = take_ptr(&transaction);
	return 0;
}

int tree_persist(struct store *store, const struct tree_persist *persist,
		 struct layer_record *ret_record, struct tree_figures *ret_figures,
		 struct error *error)
{
	struct transaction *transaction AUTO(free_transaction) = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct tree_figures figures = {0};
	struct transaction_commit commit = {0};
	int err = tree_send(store, persist, &transaction, &root, &commit.execution_id,
			    &figures, error);
	if (err)
		return err;
	numbered_key(persist->key, commit.key);
	commit.root = root.at;
	commit.root_len = root.len;
	bool again;
	err = transaction_commit(transaction, &commit, ret_record, &again, error);
	if (!err && ret_figures)
		*ret_figures = figures;
	return err;
}

/* ---- reading back ------------------------------------------------------------- */

/* A frame as an attach gets it: read from the descriptor, checked by its receiver. */
struct received {
	struct frame_header header;
	struct unit_name *units;
	uint8_t *bytes, *raw;
	struct codec *codec;
};

static void received_fini(struct received *received)
{
	free(received->units);
	free(received->bytes);
	free(received->raw);
	codec_free(received->codec);
}

static int receive(struct received *received, const struct io *io,
		   const struct frame_place *place, struct error *error)
{
	received->bytes = must_alloc(place->len);
	received->codec = codec_new(1);
	if (segment_read(io, place->segment, received->bytes, place->len, place->offset) <
	    0)
		return error_set(error, ERR_LOCAL, "frame: cannot be read");
	int err = frame_header_decode(received->bytes, &received->header, error);
	if (err)
		return err;
	if (frame_len(&received->header) != place->len)
		return error_set(error, ERR_UNEXPECTED, "frame: another length");
	received->units =
		must_alloc(received->header.unit_count * sizeof(*received->units));
	received->raw = must_alloc(received->header.raw_len);
	err = frame_table_decode(&received->header, received->bytes, received->units,
				 error);
	if (err)
		return err;
	return frame_payload_decode(&received->header, received->units,
				    received->bytes + frame_table_end(&received->header),
				    received->codec, received->raw, error);
}

int tree_verify_row(struct layer_reader *reader, const struct io *io,
		    const struct row *row, uint64_t mention, const struct tree_file *file,
		    struct error *error)
{
	struct unit_name name = tree_unit_name(file);
	if (row->path_len != strlen(file->path) ||
	    memcmp(row->path, file->path, row->path_len) != 0 || row->unit_count != 1 ||
	    !unit_name_equal(&row->units[0], &name))
		return error_set(error, ERR_UNEXPECTED, "`%s`: another row", file->path);
	struct frame_place place;
	int err = layer_reader_place(reader, mention, &place, error);
	if (err)
		return err;
	struct received frame AUTO(received_fini) = {0};
	err = receive(&frame, io, &place, error);
	if (err)
		return err;
	uint8_t *bytes AUTO_FREE = tree_bytes(file);
	const uint8_t *at = frame.raw;
	for (uint32_t i = 0; i < frame.header.unit_count; i++) {
		if (unit_name_equal(&frame.units[i], &name) &&
		    memcmp(at, bytes, file->len) == 0)
			return 0;
		at += frame.units[i].key.len;
	}
	return error_set(error, ERR_UNEXPECTED, "`%s`: not in its frame", file->path);
}

static void free_reader(struct layer_reader **reader)
{
	layer_reader_free(*reader);
}

static void free_scratch(struct layer_scratch **scratch)
{
	layer_scratch_free(*scratch);
}

int tree_verify(struct store *store, int64_t layer_id, const struct store_tree *tree,
		struct error *error)
{
	struct layer_scratch *scratch AUTO(free_scratch) = layer_scratch_new(store);
	struct layer_reader *reader AUTO(free_reader) = NULL;
	int err = layer_reader_open(store, layer_id, scratch, &reader, error);
	size_t i = 0;
	struct row row;
	int got = err;
	while (!err && (got = layer_reader_next(reader, &row, error)) > 0) {
		if (i == tree->count)
			return error_set(error, ERR_UNEXPECTED, "more rows than files");
		err = tree_verify_row(reader, &io_system, &row, i, &tree->files[i],
				      error);
		i++;
	}
	if (err || got < 0)
		return err ? err : got;
	if (i != tree->count)
		return error_set(error, ERR_UNEXPECTED, "fewer rows than files");
	return 0;
}

/* ---- check -------------------------------------------------------------------- */

struct findings {
	char *text;
	size_t room;
};

static void on_damage(void *context, const char *sentence)
{
	struct findings *findings = context;
	if (!findings->text)
		return;
	size_t have = strlen(findings->text);
	(void)snprintf(findings->text + have, findings->room - have, "%s\n", sentence);
}

static void on_healed(void *context, const char *sentence)
{
	on_damage(context, "healed:");
	on_damage(context, sentence);
}

int tree_check(struct store *store, uint64_t *ret_damaged, char *text, size_t room,
	       struct error *error)
{
	struct findings findings = {text, room};
	if (text)
		text[0] = '\0';
	struct check_options options = {.read_data = true,
					.on_damage = on_damage,
					.on_healed = on_healed,
					.context = &findings};
	struct check_figures figures;
	int err = check_store(store, &options, &figures, error);
	if (!err)
		*ret_damaged = figures.damaged;
	return err;
}

/* ---- moving --------------------------------------------------------------------- */

int tree_move_segment(struct store *store, const struct segment_id *id,
		      struct error *error)
{
	struct segment *segment;
	int err = segment_table_pin(store->segments, id, &segment, error);
	if (err)
		return err;
	err = segment_table_lease_pinned(store->segments, segment, error);
	if (!err) {
		bool appendable = segment->appendable;
		err = segment_move(store, segment, NULL, error);
		segment_table_return(store->segments, segment, err && appendable);
	}
	segment_table_unpin(store->segments, segment);
	return err;
}
