/*
 * Lists that come in pages: `limit` says how many entries one has at most, `after` goes
 * on behind what the page before gave as `next`.
 */
#ifndef BATON_DAEMON_HTTP_REQUEST_PAGE_H
#define BATON_DAEMON_HTTP_REQUEST_PAGE_H

#include <stddef.h>

#include "daemon/http/request/http_request.h"

#define PAGE_ENTRIES 100u
#define PAGE_ENTRIES_MAX 10000u

struct page {
	size_t limit;      /* 1 … PAGE_ENTRIES_MAX */
	struct text after; /* decoded; empty: from the beginning */
};

/* ERR_USAGE: a limit that is no such number. */
int page_read(struct http_request *request, size_t usual, struct page *ret_page,
	      struct error *error);

#endif
