#include "client/server_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/bytes.h"
#include "proto/cleanup.h"

void server_list_of(const struct options *options, struct string_list *ret_servers)
{
	*ret_servers = (struct string_list){0};
	if (options->server.value) {
		string_list_add(ret_servers, options->server.value);
		return;
	}
	/* The base directory specification has a relative path ignored. */
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *url AUTO_FREE = NULL;
	if (runtime && runtime[0] == '/' &&
	    asprintf(&url, "unix:%s/batond/batond.sock", runtime) >= 0)
		string_list_add(ret_servers, url);
	string_list_add(ret_servers, SERVER_SYSTEM);
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
