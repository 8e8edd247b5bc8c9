#include "client/connection/server_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/transport/address.h"

void server_list_of(const char *server, struct string_list *ret_servers)
{
	*ret_servers = (struct string_list){0};
	if (server) {
		string_list_add(ret_servers, server);
		return;
	}
	char *own AUTO_FREE = address_of_user(ADDRESS_RUN_USER);
	if (own)
		string_list_add(ret_servers, own);
	string_list_add(ret_servers, ADDRESS_SYSTEM);
}

static bool has_folder(const char *url)
{
	struct address address AUTO(address_fini) = {0};
	struct error ignored;
	if (address_parse(url, &address, &ignored) < 0 || address.kind != ADDRESS_UNIX)
		return false;
	char *last = strrchr(address.path, '/');
	if (!last)
		return false;
	*last = '\0';
	return access(address.path, F_OK) == 0;
}

bool server_list_expects(const char *server)
{
	struct string_list servers AUTO(string_list_fini) = {0};
	bool expects = server != NULL;
	server_list_of(server, &servers);
	for (size_t i = 0; !expects && i < servers.count; i++)
		expects = has_folder(servers.items[i]);
	return expects;
}

char *server_list_text(const struct string_list *servers)
{
	struct buffer text AUTO(buffer_fini) = {0};
	for (size_t i = 0; i < servers->count; i++) {
		struct text url = text_of(servers->items[i]);
		buffer_put(&text, " or ", i > 0 ? 4 : 0);
		buffer_put(&text, url.at, url.len);
	}
	return must_memdup(text.at, text.len);
}
