#include "daemon/http/request/page.h"

#include <ctype.h>
#include <stdlib.h>

static bool parse_limit(struct text text, size_t *ret_limit)
{
	if (text.len == 0 || text.len > 5)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!isdigit((unsigned char)text.at[i]))
			return false;
	}
	*ret_limit = strtoul(text.at, NULL, 10);
	return *ret_limit >= 1 && *ret_limit <= PAGE_ENTRIES_MAX;
}

int page_read(struct http_request *request, size_t usual, struct page *ret_page,
	      struct error *error)
{
	bool bad = false;
	struct text limit = http_request_query(request, "limit", &bad);
	*ret_page = (struct page){usual, http_request_query(request, "after", &bad)};
	if (bad)
		return error_set(error, ERR_USAGE, "limit, after: are not well encoded");
	if (limit.len && !parse_limit(limit, &ret_page->limit))
		return error_set(error, ERR_USAGE, "limit: is a number from 1 to %u",
				 PAGE_ENTRIES_MAX);
	return 0;
}
