#include "proto/options/string_list.h"

#include <stdlib.h>

#include "proto/base/bytes.h"

void string_list_add(struct string_list *list, const char *text)
{
	list->items = must_realloc(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = must_strdup(text);
}

void string_list_fini(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){0};
}
