/* Paths: as a layer has them, as people write them, and names that become folders. */
#include "proto/path/path.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/error.h"
#include "proto/base/memory.h"
#include "proto/bounds.h"
#include "tests/fuzz/fuzz.h"

static void check_clean(const char *text)
{
	char *clean AUTO_FREE = path_clean_name(text);
	char *again AUTO_FREE = path_clean_name(clean);
	claim(strcmp(clean, again) == 0);
	claim(strlen(clean) <= strlen(text) + 1);
}

/* Nothing in a stored path leads anywhere else. */
static void check_stored(const char *path, size_t len)
{
	claim(len > 0 && len <= PATH_LEN_MAX && !memchr(path, 0, len));
	claim(path[0] != '/' && path[len - 1] != '/');
	for (size_t at = 0; at < len;) {
		const char *end = memchr(path + at, '/', len - at);
		size_t name_len = end ? (size_t)(end - path) - at : len - at;
		claim(name_len > 0 && name_len <= COMPONENT_LEN_MAX);
		claim(!path_is_dots(path + at, name_len));
		at += name_len + 1;
	}
	size_t parent = path_parent_len(path, len);
	claim(parent == 0 || path_valid(path, parent));
	claim(path_below(path, len, path, parent));
	claim(path_compare(path, len, path, len) == 0);
	claim(path_compare(path, parent, path, len) < 0);
}

static void check_component(const char *name, size_t len)
{
	char *component AUTO_FREE = path_component_of(name, len);
	size_t component_len = strlen(component);
	claim(component_len <= 3 * len + 1 && !strchr(component, '/'));
	claim(component_len > 0 && !path_is_dots(component, component_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text AUTO_FREE = must_memdup(data, len);
	claim(text);
	if (path_valid((const char *)data, len))
		check_stored((const char *)data, len);
	check_clean(text);
	check_component((const char *)data, len);
	return 0;
}
