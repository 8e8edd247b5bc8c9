/* A view as the daemon gives it: rows in messages, checked, counted into a digest. */
#include "tests/harness/view_example.h"

#include "client/view/rows.h"
#include "client/view/table.h"

static void says_layers(struct script *script, size_t count)
{
	struct msg_layer layers[3] = {
		{.layer = text_of("0000000000000001"), .job = text_of("build")},
		{.layer = text_of("0000000000000002"), .job = text_of("test")},
		{.layer = text_of("0000000000000003"), .job = text_of("lint")},
	};
	struct msg_view view = {.layers = {.items = layers, .count = count}};
	script_says_control(script, MSG_VIEW, &view);
}

/* Rows of layer 0, in one ROWS message. */
static void says_rows(struct script *script, const struct row *rows, uint32_t count,
		      enum codec_id codec)
{
	struct buffer raw AUTO(buffer_fini) = {0};
	for (uint32_t i = 0; i < count; i++) {
		buffer_put_varint(&raw, 0);
		buffer_put_u8(&raw, 0);
		row_encode(&raw, i ? rows[i - 1].path : NULL,
			   i ? rows[i - 1].path_len : 0, &rows[i], NULL);
	}
	struct buffer message AUTO(buffer_fini) = {0};
	uint8_t *packed AUTO_FREE = must_alloc(raw.len + 1);
	enum codec_id used = CODEC_RAW;
	size_t len = raw.len;
	memcpy(packed, raw.at, raw.len);
	struct error error = {0};
	struct codec *packer = codec_new(1);
	if (codec == CODEC_ZSTD)
		assert_int_equal(codec_pack(packer, raw.at, raw.len, packed, raw.len,
					    &used, &len, &error),
				 0);
	codec_free(packer);
	buffer_put_u8(&message, (uint8_t)used);
	buffer_put_u8(&message, 0);
	buffer_put_u16(&message, 0);
	buffer_put_u32(&message, (uint32_t)raw.len);
	buffer_put_u32(&message, count);
	buffer_put(&message, packed, len);
	script_says(script, MSG_ROWS, message.at, message.len);
}

static void says_end(struct script *script, const struct row *rows, size_t count)
{
	struct totals totals = {0};
	for (size_t i = 0; i < count; i++)
		totals_add_row(&totals, &rows[i]);
	struct msg_rows_end end = {.files = totals.files,
				   .directories = totals.directories,
				   .symlinks = totals.symlinks,
				   .bytes = totals.bytes,
				   .units = totals.units};
	script_says_control(script, MSG_ROWS_END, &end);
}

static int open_view(struct script *script, struct view_rows *view)
{
	struct msg_attach request = {.identity = {.workflow = text_of("w")}};
	return view_rows_open(view, &script->link, &request, &script->error);
}

/* All rows; the number, or the error. */
static int read_rows(struct script *script, struct view_rows *view,
		     struct view_table *table)
{
	struct view_row row;
	int got;
	int count = 0;
	while ((got = view_rows_next(view, &row, &script->error)) > 0) {
		assert_int_equal(view_table_add(table, &row.row, &script->error), 0);
		count++;
	}
	view_table_finish(table);
	return got < 0 ? got : count;
}

static struct digest digest_of(const struct row *rows, size_t count)
{
	struct piece_writer writer;
	struct error error = {0};
	piece_writer_init(&writer, (struct piece_sink){0});
	for (size_t i = 0; i < count; i++)
		assert_int_equal(piece_writer_add(&writer, &rows[i], &error), 0);
	assert_int_equal(piece_writer_finish(&writer, &error), 0);
	struct buffer root AUTO(buffer_fini) = {0};
	root_encode(&root, &writer.root);
	struct digest digest = sha256_of(root.at, root.len);
	piece_writer_fini(&writer);
	return digest;
}

static struct unit_name units[3][2];

static size_t example(struct row rows[4])
{
	rows[0] = file_row("a/b/one", "one", NULL, units[0]);
	rows[1] = (struct row){
		.path = "a/c", .path_len = 3, .type = ROW_DIRECTORY, .mode = 0755};
	rows[2] = (struct row){.path = "a/c/l",
			       .path_len = 5,
			       .type = ROW_SYMLINK,
			       .mode = 0777,
			       .target = "../b/one",
			       .target_len = 8};
	rows[3] = file_row("z", "two", "three", units[1]);
	return 4;
}

static void r5_digest_is_that_of_the_rows(void **state)
{
	struct script *script = *state;
	struct row rows[4];
	size_t count = example(rows);
	says_layers(script, 1);
	says_rows(script, rows, 2, CODEC_RAW);
	says_rows(script, rows + 2, 2, CODEC_ZSTD);
	says_end(script, rows, count);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_table table AUTO(view_table_fini) = {0};
	view_table_init(&table);
	assert_int_equal(open_view(script, &view), 0);
	assert_int_equal(read_rows(script, &view, &table), 4);
	struct digest digest = digest_of(rows, count);
	assert_true(digest_equal(&view.digest, &digest));
	assert_int_equal(view.totals.files, 2);
	assert_int_equal(view.totals.units, 3);
}

static void table_has_an_entry_for_implied_directories(void **state)
{
	struct script *script = *state;
	struct row rows[4];
	size_t count = example(rows);
	struct view_table table AUTO(view_table_fini) = {0};
	view_table_init(&table);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(view_table_add(&table, &rows[i], &script->error), 0);
	view_table_finish(&table);
	static const char *const paths[] = {".",   "a",     "a/b", "a/b/one",
					    "a/c", "a/c/l", "z"};
	static const uint32_t ends[] = {7, 6, 4, 4, 6, 6, 7};
	assert_int_equal(table.entry_count, 7);
	for (uint32_t i = 0; i < 7; i++) {
		char *path AUTO_FREE = view_table_shown(&table, i);
		assert_string_equal(path, paths[i]);
		assert_int_equal(view_table_end(&table, i), ends[i]);
	}
	assert_true(table.entries[1].implied && table.entries[2].implied);
	assert_false(table.entries[4].implied);
	assert_string_equal(view_table_target(&table, 5), "../b/one");
	assert_int_equal(view_table_size(&table, 6), 8);
	assert_int_equal(table.units[2].offset, 3);
	assert_int_equal(table.units[2].entry, 6);
}

static void view_may_come_in_several_parts(void **state)
{
	struct script *script = *state;
	struct msg_layer layer = {.layer = text_of("0000000000000009"),
				  .job = text_of("build"),
				  .shard = text_of("3/10"),
				  .run = text_of("2"),
				  .attempt = text_of("1")};
	struct msg_view part = {.layers = {.items = &layer, .count = 1}, .more = true};
	script_says_control(script, MSG_VIEW, &part);
	says_layers(script, 3);
	says_end(script, NULL, 0);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_row row;
	assert_int_equal(open_view(script, &view), 0);
	assert_int_equal(view.layers.count, 4);
	assert_int_equal(view_rows_next(&view, &row, &script->error), 0);
	char label[64];
	assert_string_equal(layer_label(&view.layers.items[0], label, sizeof(label)),
			    "build 3/10 (run 2)");
	assert_string_equal(layer_label(&view.layers.items[1], label, sizeof(label)),
			    "build");
}

/* ---- marked conflicts ---- */

static void says_conflict(struct script *script, uint64_t layer, uint8_t flags,
			  uint64_t count)
{
	struct row rows[4];
	(void)example(rows);
	struct buffer message AUTO(buffer_fini) = {0};
	struct buffer raw AUTO(buffer_fini) = {0};
	buffer_put_varint(&raw, layer);
	buffer_put_u8(&raw, flags);
	row_encode(&raw, NULL, 0, &rows[0], NULL);
	buffer_put_varint(&raw, count);
	for (uint64_t i = 0; i < count; i++)
		buffer_put_varint(&raw, i);
	buffer_put_u32(&message, 0);
	buffer_put_u32(&message, (uint32_t)raw.len);
	buffer_put_u32(&message, 1);
	buffer_put(&message, raw.at, raw.len);
	script_says(script, MSG_ROWS, message.at, message.len);
}

static void w7_marked_conflicts_name_their_layers(void **state)
{
	struct script *script = *state;
	says_layers(script, 2);
	says_conflict(script, 1, 3, 2);
	struct msg_rows_end end = {.files = 1, .bytes = 3, .units = 1, .conflicts = 1};
	script_says_control(script, MSG_ROWS_END, &end);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_row row;
	assert_int_equal(open_view(script, &view), 0);
	assert_int_equal(view_rows_next(&view, &row, &script->error), 1);
	assert_true(row.conflict);
	assert_int_equal(row.layer, 1);
	assert_int_equal(row.conflict_count, 2);
	assert_int_equal(row.conflict_layers[1], 1);
	assert_int_equal(view_rows_next(&view, &row, &script->error), 0);
}

/* ---- hostile daemons ---- */

static int read_conflict(struct script *script, uint64_t layer, uint8_t flags,
			 uint64_t count)
{
	says_layers(script, 2);
	says_conflict(script, layer, flags, count);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_row row;
	assert_int_equal(open_view(script, &view), 0);
	return view_rows_next(&view, &row, &script->error);
}

static void t5_layers_that_are_not_there_are_refused(void **state)
{
	assert_int_equal(read_conflict(*state, 2, 0, 0), ERR_PROTOCOL);
}

static void t5_conflicts_of_more_layers_than_there_are_are_refused(void **state)
{
	assert_int_equal(read_conflict(*state, 0, 3, 3), ERR_PROTOCOL);
}

static void t5_unknown_flags_are_refused(void **state)
{
	assert_int_equal(read_conflict(*state, 0, 4, 0), ERR_PROTOCOL);
}

static int read_one(struct script *script, const char *path)
{
	/* The encoder refuses such rows, so this one is patched. */
	struct row rows[1] = {file_row("xxxxxxxx", "one", NULL, units[0])};
	struct buffer raw AUTO(buffer_fini) = {0};
	buffer_put_u16(&raw, 0);
	row_encode(&raw, NULL, 0, rows, NULL);
	uint8_t *at = memmem(raw.at, raw.len, "xxxxxxxx", 8);
	assert_non_null(at);
	memcpy(at, path, 8);
	struct buffer message AUTO(buffer_fini) = {0};
	buffer_put_u32(&message, 0);
	buffer_put_u32(&message, (uint32_t)raw.len);
	buffer_put_u32(&message, 1);
	buffer_put(&message, raw.at, raw.len);
	says_layers(script, 1);
	script_says(script, MSG_ROWS, message.at, message.len);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_row row;
	assert_int_equal(open_view(script, &view), 0);
	return view_rows_next(&view, &row, &script->error);
}

static void t5_paths_that_climb_are_refused(void **state)
{
	assert_int_equal(read_one(*state, "a/../../"), ERR_DAMAGED);
}

static void t5_absolute_paths_are_refused(void **state)
{
	assert_int_equal(read_one(*state, "/etc/abc"), ERR_DAMAGED);
}

static void t5_rows_below_a_link_are_refused(void **state)
{
	struct script *script = *state;
	struct row rows[2];
	rows[0] = (struct row){.path = "l",
			       .path_len = 1,
			       .type = ROW_SYMLINK,
			       .mode = 0777,
			       .target = "/etc",
			       .target_len = 4};
	rows[1] = file_row("l/passwd", "one", NULL, units[0]);
	says_layers(script, 1);
	says_rows(script, rows, 2, CODEC_RAW);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_table table AUTO(view_table_fini) = {0};
	view_table_init(&table);
	assert_int_equal(open_view(script, &view), 0);
	assert_int_equal(read_rows(script, &view, &table), ERR_DAMAGED);
}

static void t5_rows_out_of_order_across_messages_are_refused(void **state)
{
	struct script *script = *state;
	struct row rows[4];
	(void)example(rows);
	says_layers(script, 1);
	says_rows(script, rows + 3, 1, CODEC_RAW);
	says_rows(script, rows, 1, CODEC_RAW);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_table table AUTO(view_table_fini) = {0};
	view_table_init(&table);
	assert_int_equal(open_view(script, &view), 0);
	assert_int_equal(read_rows(script, &view, &table), ERR_DAMAGED);
}

static void t6_totals_that_differ_are_damage(void **state)
{
	struct script *script = *state;
	struct row rows[4];
	size_t count = example(rows);
	says_layers(script, 1);
	says_rows(script, rows, (uint32_t)count, CODEC_RAW);
	says_end(script, rows, count - 1);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_table table AUTO(view_table_fini) = {0};
	view_table_init(&table);
	assert_int_equal(open_view(script, &view), 0);
	assert_int_equal(read_rows(script, &view, &table), ERR_DAMAGED);
}

static void t5_counts_without_bytes_are_refused(void **state)
{
	struct script *script = *state;
	struct buffer message AUTO(buffer_fini) = {0};
	says_layers(script, 1);
	buffer_put_u32(&message, 0);
	buffer_put_u32(&message, 0);
	buffer_put_u32(&message, UINT32_MAX);
	script_says(script, MSG_ROWS, message.at, message.len);
	struct view_rows view AUTO(view_rows_fini) = {0};
	struct view_row row;
	assert_int_equal(open_view(script, &view), 0);
	assert_true(view_rows_next(&view, &row, &script->error) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPT_TEST(r5_digest_is_that_of_the_rows),
		SCRIPT_TEST(table_has_an_entry_for_implied_directories),
		SCRIPT_TEST(view_may_come_in_several_parts),
		SCRIPT_TEST(w7_marked_conflicts_name_their_layers),
		SCRIPT_TEST(t5_layers_that_are_not_there_are_refused),
		SCRIPT_TEST(t5_conflicts_of_more_layers_than_there_are_are_refused),
		SCRIPT_TEST(t5_unknown_flags_are_refused),
		SCRIPT_TEST(t5_paths_that_climb_are_refused),
		SCRIPT_TEST(t5_absolute_paths_are_refused),
		SCRIPT_TEST(t5_rows_below_a_link_are_refused),
		SCRIPT_TEST(t5_rows_out_of_order_across_messages_are_refused),
		SCRIPT_TEST(t6_totals_that_differ_are_damage),
		SCRIPT_TEST(t5_counts_without_bytes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
