#include "client/tree/tree.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"

#define BLOCK_ENTRIES 8192u
#define BLOCKS_MAX (LAYER_ROWS_MAX / BLOCK_ENTRIES + 1)
#define STRINGS_BLOCK_LEN (256u * 1024u)
#define PARENT_MAX 0x7fffffffu

_Static_assert(sizeof(struct entry) <= 64, "compact");
_Static_assert(LAYER_ROWS_MAX <= PARENT_MAX, "each entry can be a parent");

void tree_init(struct tree *tree)
{
	*tree = (struct tree){
		.blocks = must_calloc(BLOCKS_MAX, sizeof(*tree->blocks)),
		.strings.block_len = STRINGS_BLOCK_LEN,
	};
	struct error unused;
	uint32_t root;
	claim(tree_add(tree, TREE_ROOT, "", 0, &root, &unused) == 0 && root == TREE_ROOT);
	tree_entry(tree, root)->type = ROW_DIRECTORY;
}

void tree_fini(struct tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		struct entry *entry = tree_entry(tree, i);
		if (entry->type == ROW_FILE && entry->unit_count > 1)
			free(entry->units);
	}
	for (uint32_t i = 0; i < tree->count; i += BLOCK_ENTRIES)
		free(tree->blocks[i / BLOCK_ENTRIES]);
	free(tree->blocks);
	arena_fini(&tree->strings);
	*tree = (struct tree){0};
}

const char *tree_text(struct tree *tree, const char *text, size_t len)
{
	return arena_text(&tree->strings, (struct text){text, len});
}

int tree_add(struct tree *tree, uint32_t parent, const char *name, size_t name_len,
	     uint32_t *ret_entry, struct error *error)
{
	if (tree->count >= LAYER_ROWS_MAX)
		return error_set(error, ERR_LIMIT,
				 "persist: more than %u files and directories; persist "
				 "parts of the tree one by one",
				 LAYER_ROWS_MAX);
	claim(name_len <= COMPONENT_LEN_MAX);
	struct entry **block = &tree->blocks[tree->count / BLOCK_ENTRIES];
	if (!*block)
		*block = must_calloc(BLOCK_ENTRIES, sizeof(**block));
	char *copy = arena_bytes(&tree->strings, name_len);
	memcpy(copy, name, name_len);
	(*block)[tree->count % BLOCK_ENTRIES] = (struct entry){
		.name = copy,
		.name_len = (uint8_t)name_len,
		.parent = parent & PARENT_MAX,
	};
	*ret_entry = tree->count++;
	return 0;
}

void tree_drop_last(struct tree *tree)
{
	tree->count--;
}

struct entry *tree_entry(const struct tree *tree, uint32_t entry)
{
	return &tree->blocks[entry / BLOCK_ENTRIES][entry % BLOCK_ENTRIES];
}

const uint32_t *entry_units(const struct entry *entry)
{
	return entry->unit_count > 1 ? entry->units : &entry->unit;
}

void entry_set_units(struct entry *entry, const uint32_t *units, uint32_t count)
{
	if (entry->unit_count > 1)
		free(entry->units);
	entry->units = NULL;
	entry->unit_count = count;
	if (count == 1)
		entry->unit = units[0];
	if (count > 1) {
		entry->units = must_alloc(count * sizeof(*units));
		memcpy(entry->units, units, count * sizeof(*units));
	}
}

void entry_settle(struct entry *entry)
{
	__atomic_store_n(&entry->settled, true, __ATOMIC_RELEASE);
}

bool entry_is_settled(const struct entry *entry)
{
	return __atomic_load_n(&entry->settled, __ATOMIC_ACQUIRE);
}

/* How many bytes its path below another entry has. */
static size_t path_len_of(const struct tree *tree, uint32_t above, uint32_t entry)
{
	size_t len = 0;
	for (; entry != above; entry = tree_entry(tree, entry)->parent)
		len += tree_entry(tree, entry)->name_len + 1u;
	return len ? len - 1 : 0;
}

void tree_path_from(const struct tree *tree, uint32_t above, uint32_t entry,
		    struct buffer *out)
{
	buffer_clear(out);
	size_t end = path_len_of(tree, above, entry);
	buffer_reserve(out, end + 1);
	out->len = end;
	while (entry != above) {
		const struct entry *at = tree_entry(tree, entry);
		end -= at->name_len;
		memcpy(out->at + end, at->name, at->name_len);
		if (end > 0)
			out->at[--end] = '/';
		entry = at->parent;
	}
}

void tree_path(const struct tree *tree, uint32_t entry, struct buffer *out)
{
	tree_path_from(tree, TREE_ROOT, entry, out);
}

char *tree_path_text(const struct tree *tree, uint32_t entry)
{
	if (entry == TREE_ROOT)
		return must_strdup(".");
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path(tree, entry, &path);
	return escape_encode((const char *)path.at, path.len);
}
