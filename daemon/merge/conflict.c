#include "daemon/merge/parts.h"

#include <stdlib.h>

#include "proto/base/bytes.h"

struct merge_conflict *merge_conflict_add(struct merge *merge, const char *path,
					  size_t len, const uint32_t *sources,
					  size_t count)
{
	merge->conflict_count++;
	if (merge->kept_count == MERGE_CONFLICTS_KEPT)
		return NULL;
	struct merge_conflict *conflict = &merge->conflicts[merge->kept_count++];
	conflict->path = must_memdup(path, len);
	conflict->path_len = len;
	conflict->sources = must_alloc(count * sizeof(*sources));
	memcpy(conflict->sources, sources, count * sizeof(*sources));
	conflict->source_count = count;
	conflict->of_mode = false;
	return conflict;
}

void merge_conflicts_fini(struct merge *merge)
{
	for (size_t i = 0; i < merge->kept_count; i++) {
		free(merge->conflicts[i].path);
		free(merge->conflicts[i].sources);
	}
}

uint64_t merge_conflict_count(const struct merge *merge)
{
	return merge->conflict_count;
}

const struct merge_conflict *merge_conflicts(const struct merge *merge, size_t *ret_count)
{
	*ret_count = merge->kept_count;
	return merge->conflicts;
}
