/*
 * Globs: a pattern, a NUL, a path. What matches lies below directories that a walk
 * enters; a path, escaped, matches itself and nothing else does.
 */
#include "proto/path/glob.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/memory.h"
#include "proto/base/text.h"
#include "proto/bounds.h"
#include "proto/path/path.h"
#include "tests/fuzz/fuzz.h"

static void free_glob(struct glob **glob)
{
	glob_free(*glob);
}

static void check_above(const struct glob *glob, const char *path, size_t len)
{
	size_t above = len;
	while (above > 0) {
		above = path_parent_len(path, above);
		claim(glob_may_match_below(glob, path, above));
	}
}

static void check_escaped(const char *path, size_t len)
{
	struct error error = {0};
	struct glob *glob AUTO(free_glob) = NULL;
	char *name AUTO_FREE = must_alloc(len + 1);
	memcpy(name, path, len);
	name[len] = '\0';
	char *pattern AUTO_FREE = glob_escape(name);
	if (glob_new(pattern, strlen(pattern), &glob, &error) < 0) {
		claim(strlen(pattern) > PATTERN_LEN_MAX);
		return;
	}
	claim(glob_matches(glob, path, len, false));
	claim(glob_matches(glob, path, len - 1, false) == false);
}

static void check_set(const char *pattern, size_t pattern_len, const char *path,
		      size_t len)
{
	struct glob_filter filter AUTO(glob_filter_fini) = {.exclude.basename_anywhere =
								    true};
	struct error error = {0};
	if (glob_set_add(&filter.only, pattern, pattern_len, &error) < 0 ||
	    glob_set_add(&filter.exclude, path, len, &error) < 0)
		return;
	(void)glob_filter_takes(&filter, path, len, true);
	(void)glob_filter_enters(&filter, path, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *pattern = (const char *)data;
	const char *end = len ? memchr(pattern, 0, len) : NULL;
	if (!end)
		return 0;
	size_t pattern_len = (size_t)(end - pattern);
	const char *path = end + 1;
	size_t path_len = len - pattern_len - 1;
	bool is_path = path_valid(path, path_len);
	struct glob *glob AUTO(free_glob) = NULL;
	struct error error = {0};
	if (is_path)
		check_escaped(path, path_len);
	if (glob_new(pattern, pattern_len, &glob, &error) < 0) {
		claim(text_is_clean(text_of(error.text)));
		return 0;
	}
	if (is_path && glob_matches(glob, path, path_len, true))
		check_above(glob, path, path_len);
	if (is_path)
		check_set(pattern, pattern_len, path, path_len);
	return 0;
}
