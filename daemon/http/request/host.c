#include "daemon/http/request/host.h"

#include "daemon/http/syntax/host_name.h"

int host_check(const struct http_request *request, struct error *error)
{
	static const char *const tokens[] = {"Authorization", "Circle-Token",
					     "PRIVATE-TOKEN"};
	if (request->visitor->way != PROOF_LOOPBACK)
		return 0;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		if (http_request_header(request, tokens[i]).len)
			return 0;
	}
	if (host_name_is_loopback(http_request_header(request, "Host")))
		return 0;
	return error_set(error, ERR_DENIED,
			 "without a token this daemon is to be asked as localhost or "
			 "127.0.0.1, not under the name in the Host header");
}
