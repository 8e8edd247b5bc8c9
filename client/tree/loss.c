#include "client/tree/loss.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

uint8_t loss_of_mode(mode_t mode)
{
	return (uint8_t)((mode & S_ISUID ? LOSS_SETUID : 0) |
			 (mode & S_ISGID ? LOSS_SETGID : 0) |
			 (mode & S_ISVTX ? LOSS_STICKY : 0));
}

uint8_t loss_of_capabilities(int fd, mode_t mode, const void *begin, size_t len)
{
	bool is_program = (mode & 0111) && len >= SELFMAG &&
			  memcmp(begin, ELFMAG, SELFMAG) == 0;
	bool has = is_program && fgetxattr(fd, "security.capability", NULL, 0) > 0;
	return has ? LOSS_CAPABILITIES : 0;
}

void loss_note(struct tree *tree, struct entry *entry, uint8_t loss)
{
	entry->loses = loss != 0;
	if (loss)
		(void)__atomic_fetch_or(&tree->losses, loss, __ATOMIC_RELAXED);
}

/* "setuid, sticky and capabilities"; owned by the caller. */
static char *kinds_text(uint8_t losses)
{
	static const char *const kinds[] = {"setuid", "setgid", "sticky", "capabilities"};
	struct buffer text AUTO(buffer_fini) = {0};
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct text kind = text_of(kinds[i]);
		if (!(losses & 1u << i))
			continue;
		const char *gap = text.len == 0 ? "" : losses >> (i + 1) ? ", " : " and ";
		buffer_put(&text, gap, text_of(gap).len);
		buffer_put(&text, kind.at, kind.len);
	}
	return must_memdup(text.at, text.len);
}

/* How many rows lose something, and the first of them. */
static uint64_t count(const struct tree *tree, uint32_t *ret_first)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct entry *entry = tree_entry(tree, i);
		if (!entry->is_row || !entry->loses)
			continue;
		if (rows++ == 0)
			*ret_first = i;
	}
	return rows;
}

char *loss_text(const struct tree *tree)
{
	uint32_t first = TREE_ROOT;
	uint64_t rows = tree->losses ? count(tree, &first) : 0;
	if (rows == 0)
		return NULL;
	char more[48] = "";
	if (rows > 1)
		(void)snprintf(more, sizeof(more), " (and %" PRIu64 " more)", rows - 1);
	char *path AUTO_FREE = tree_path_text(tree, first);
	char *kinds AUTO_FREE = kinds_text(tree->losses);
	char *text = NULL;
	bool is_one = (tree->losses & (tree->losses - 1)) == 0 &&
		      tree->losses != LOSS_CAPABILITIES;
	if (asprintf(&text, "`%s`%s: %s %s not kept", path, more, kinds,
		     is_one ? "is" : "are") < 0)
		return NULL;
	return text;
}
