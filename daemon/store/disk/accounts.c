#include "daemon/store/disk/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"

void accounts_fini(struct accounts *accounts)
{
	free(accounts->items);
	*accounts = (struct accounts){0};
}

/* Of the first one that is not before this namespace. */
static size_t position_of(const struct accounts *accounts, int64_t namespace_id)
{
	size_t first = 0, end = accounts->count;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		if (accounts->items[middle].namespace_id < namespace_id)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

struct account *accounts_of(struct accounts *accounts, int64_t namespace_id)
{
	size_t at = position_of(accounts, namespace_id);
	if (at < accounts->count && accounts->items[at].namespace_id == namespace_id)
		return &accounts->items[at];
	array_make_room(accounts->items, accounts->count, accounts->room);
	memmove(accounts->items + at + 1, accounts->items + at,
		(accounts->count - at) * sizeof(*accounts->items));
	accounts->items[at] = (struct account){.namespace_id = namespace_id};
	accounts->count++;
	return &accounts->items[at];
}
