/*
 * Where a daemon may be: the one that was named, or the usual places in their order.
 */
#ifndef BATON_CLIENT_CONNECTION_SERVER_LIST_H
#define BATON_CLIENT_CONNECTION_SERVER_LIST_H

#include <stdbool.h>

#include "proto/options/string_list.h"

/* Fills a list of URLs, most wanted first, at least one. server: NULL: none was named.
 * The caller frees the list. */
void server_list_of(const char *server, struct string_list *ret_servers);

/* Whether a daemon is to be expected, even if it is about to start: a server was named,
 * or the folder of one of the usual sockets is there. */
bool server_list_expects(const char *server);

/* All URLs for a sentence: "unix:/a or unix:/b". Owned by the caller. */
char *server_list_text(const struct string_list *servers);

#endif
