/*
 * Texts in their order; they may hold any bytes but NUL.
 */
#ifndef BATON_PROTO_OPTIONS_STRING_LIST_H
#define BATON_PROTO_OPTIONS_STRING_LIST_H

#include <stddef.h>

/* {0} is empty and ready. */
struct string_list {
	char **items; /* owned, each too */
	size_t count;
};

/* Adds a copy. */
void string_list_add(struct string_list *list, const char *text);
void string_list_fini(struct string_list *list);

#endif
