#include "client/tree/one_mode.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "proto/base/cleanup.h"

static bool begins_with(const void *begin, size_t len, const char *magic,
			size_t magic_len)
{
	return len >= magic_len && memcmp(begin, magic, magic_len) == 0;
}

/* Text that anybody may run or change, or a script that nobody may run. */
void one_mode_note(struct tree *tree, mode_t mode, const void *begin, size_t len)
{
	bool is_script = begins_with(begin, len, "#!", 2);
	bool is_program = is_script || begins_with(begin, len, ELFMAG, SELFMAG);
	bool is_unfit = mode & 0111 ? !is_program || mode & 0022 : is_script;
	if (is_unfit)
		__atomic_store_n(&tree->has_unfit_mode, true, __ATOMIC_RELAXED);
}

/* Those that keep none, or need not: FAT, exFAT, NTFS (two drivers), SMB (three), 9P,
 * FUSE. On any other it was chosen. */
static bool may_lack_modes(int root_fd)
{
	static const uint32_t kinds[] = {
		0x00004d44, 0x2011bab0, 0x5346544e, 0x7366746e, 0xff534d42,
		0xfe534d42, 0x0000517b, 0x01021997, 0x65735546,
	};
	struct statfs status;
	if (fstatfs(root_fd, &status) != 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((uint32_t)status.f_type == kinds[i])
			return true;
	return false;
}

/* How many files there are, where all have one mode; 0: they do not. */
static uint64_t count_alike(const struct tree *tree, uint32_t *ret_first)
{
	uint64_t files = 0;
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct entry *entry = tree_entry(tree, i);
		if (!entry->is_row || entry->type != ROW_FILE)
			continue;
		if (files++ == 0)
			*ret_first = i;
		else if (entry->mode != tree_entry(tree, *ret_first)->mode)
			return 0;
	}
	return files;
}

char *one_mode_text(const struct tree *tree, int root_fd)
{
	uint32_t first = TREE_ROOT;
	bool is_unfit = __atomic_load_n(&tree->has_unfit_mode, __ATOMIC_RELAXED);
	uint64_t files = is_unfit && may_lack_modes(root_fd) ? count_alike(tree, &first)
							     : 0;
	if (files == 0)
		return NULL;
	char more[48] = "";
	if (files > 1)
		(void)snprintf(more, sizeof(more), ", and %" PRIu64 " more", files - 1);
	char *path AUTO_FREE = tree_path_text(tree, first);
	char *text = NULL;
	claim(asprintf(&text,
		       "`%s`%s: stored with mode %04o, which this file system seems to "
		       "give to all files; persist from one that keeps permissions",
		       path, more, (unsigned)tree_entry(tree, first)->mode) > 0);
	return text;
}
