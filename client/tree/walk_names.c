#include "client/tree/walk_names.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/path/path.h"

static void add(struct walk_names *names, unsigned char type, const char *name,
		size_t len)
{
	buffer_put_u8(&names->text, type);
	buffer_put(&names->text, name, len);
	buffer_put_u8(&names->text, 0);
	names->count++;
}

static void add_answers(struct walk_names *names, const char *answers, size_t len)
{
	for (size_t at = 0; at < len;) {
		const struct dirent64 *answer = (const void *)(answers + at);
		size_t name_len = strlen(answer->d_name);
		if (!path_is_dots(answer->d_name, name_len))
			add(names, answer->d_type, answer->d_name, name_len);
		at += answer->d_reclen;
	}
}

int walk_names_read(struct walk_names *names, int fd, void *scratch, size_t scratch_len)
{
	while (true) {
		ssize_t got = getdents64(fd, scratch, scratch_len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		add_answers(names, scratch, (size_t)got);
	}
}

void walk_names_add(struct walk_names *names, const char *name, size_t len)
{
	const struct buffer *text = &names->text;
	bool repeats = text->len >= len + 2 &&
		       text->at[text->len - len - 2] == DT_UNKNOWN &&
		       memcmp(text->at + text->len - len - 1, name, len) == 0;
	if (!repeats)
		add(names, DT_UNKNOWN, name, len);
}

void walk_names_recall(struct walk_names *names, unsigned char type, const char *name,
		       size_t len)
{
	add(names, type, name, len);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void walk_names_sort(struct walk_names *names)
{
	names->sorted = must_calloc(names->count + 1, sizeof(*names->sorted));
	const char *at = (const char *)names->text.at;
	for (size_t i = 0; i < names->count; i++) {
		names->sorted[i] = at + 1;
		at += 1 + strlen(at + 1) + 1;
	}
	size_t ascending = 1;
	while (ascending < names->count &&
	       strcmp(names->sorted[ascending - 1], names->sorted[ascending]) <= 0)
		ascending++;
	if (ascending < names->count)
		qsort(names->sorted, names->count, sizeof(*names->sorted), compare);
}

bool walk_names_has(const struct walk_names *names, const char *name)
{
	return names->count > 0 && bsearch(&name, names->sorted, names->count,
					   sizeof(*names->sorted), compare);
}

unsigned char walk_names_type(const char *name)
{
	return (unsigned char)name[-1];
}

void walk_names_fini(struct walk_names *names)
{
	buffer_fini(&names->text);
	free(names->sorted);
	*names = (struct walk_names){0};
}
