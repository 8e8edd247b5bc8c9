#include "daemon/http/request/framing.h"

#include <string.h>
#include <strings.h>

struct framing {
	unsigned lengths;
	bool body; /* one of them says that there is one, or none that can be read */
};

static bool is_name(const char *key, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(key, name, len) == 0;
}

static enum MHD_Result look_at(void *context, enum MHD_ValueKind kind, const char *key,
			       size_t key_len, const char *value, size_t value_len)
{
	struct framing *framing = context;
	(void)kind;
	if (is_name(key, key_len, MHD_HTTP_HEADER_TRANSFER_ENCODING))
		framing->body = true;
	if (!is_name(key, key_len, MHD_HTTP_HEADER_CONTENT_LENGTH))
		return MHD_YES;
	framing->lengths++;
	framing->body = framing->body || value_len != 1 || *value != '0';
	return MHD_YES;
}

bool framing_is_bare(const struct http_request *request)
{
	struct framing framing = {0};
	(void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, look_at,
					  &framing);
	return framing.lengths <= 1 && !framing.body;
}
