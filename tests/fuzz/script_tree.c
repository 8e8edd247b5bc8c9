#include "tests/fuzz/script_tree.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"

/* In manifest order; what has others below it is a directory. */
static const struct {
	const char *path;
	bool is_dir;
} paths[] = {
	{"a", true}, {"a/b", false}, {"a/c", false},   {"b", false},
	{"d", true}, {"d/e", true},  {"d/e/f", false}, {"g\xff", false},
};

#define PATHS (sizeof(paths) / sizeof(*paths))

/* The same for everybody, so that sessions have units in common. */
static void unit_bytes(unsigned number, struct buffer *out)
{
	for (unsigned i = 0; i < 5 + number * number * 40; i++)
		buffer_put_u8(out, (uint8_t)(number * 31 + i / 7));
}

uint32_t script_tree_units(const struct script_tree *tree, uint8_t which,
			   struct unit_name ret_names[SCRIPT_UNITS],
			   struct buffer *ret_raw)
{
	uint32_t count = 0;
	(void)tree;
	if (!which)
		which = 0xff;
	for (unsigned i = 0; i < SCRIPT_UNITS; i++) {
		struct buffer bytes AUTO(buffer_fini) = {0};
		if (!(which & 1u << i))
			continue;
		unit_bytes(i, &bytes);
		ret_names[count++] = (struct unit_name){
			.key = {xxh128_of(bytes.at, bytes.len), (uint32_t)bytes.len},
			.sha = sha256_of(bytes.at, bytes.len)};
		if (ret_raw)
			buffer_put(ret_raw, bytes.at, bytes.len);
	}
	return count;
}

static int on_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		    size_t len, struct error *error)
{
	struct script_tree *tree = context;
	(void)error;
	tree->name = piece->name;
	buffer_put(&tree->piece, bytes, len);
	return 0;
}

/* One path: whether it is a directory, a link or a file, and of which units. */
static void put_row(struct piece_writer *writer, unsigned number, struct reader *in)
{
	struct unit_name units[SCRIPT_UNITS];
	struct error error = {0};
	uint8_t how = reader_u8(in), which = reader_u8(in);
	struct row row = {
		.path = paths[number].path,
		.path_len = strlen(paths[number].path),
		.type = paths[number].is_dir ? ROW_DIRECTORY
			: how & 1            ? ROW_SYMLINK
					     : ROW_FILE,
		.mode = paths[number].is_dir ? 0755 : 0644,
		.time = {how, which},
	};
	if (row.type == ROW_SYMLINK) {
		row.mode = 0777;
		row.target = "../x";
		row.target_len = 1 + which % 4;
	} else if (row.type == ROW_FILE && how & 2) {
		row.units = units;
		row.unit_count = script_tree_units(NULL, which, units, NULL);
		for (size_t i = 0; i < row.unit_count; i++)
			row.size += units[i].key.len;
	}
	claim(piece_writer_add(writer, &row, &error) == 0);
}

void script_tree_read(struct reader *in, struct script_tree *ret_tree)
{
	struct piece_writer writer AUTO(piece_writer_fini) = {0};
	struct error error = {0};
	uint8_t which = reader_u8(in) | 1;
	piece_writer_init(&writer, (struct piece_sink){on_piece, ret_tree});
	for (unsigned i = 0; i < PATHS; i++)
		if (which & 1u << i)
			put_row(&writer, i, in);
	claim(piece_writer_finish(&writer, &error) == 0);
	root_encode(&ret_tree->root, &writer.root);
}

void script_tree_fini(struct script_tree *tree)
{
	buffer_fini(&tree->piece);
	buffer_fini(&tree->root);
}
