#include "daemon/http/syntax/host_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/* Without the port; an IPv6 address without its brackets. Cut where it is longer. */
static void bare_name(struct text host, char ret_name[64])
{
	bool bracketed = host.len > 0 && *host.at == '[';
	const char *begin = host.at + bracketed;
	size_t room = host.len - bracketed;
	const char *end = room ? memchr(begin, bracketed ? ']' : ':', room) : NULL;
	size_t len = end ? (size_t)(end - begin) : room;
	len = len < 63 ? len : 63;
	memcpy(ret_name, begin, len);
	ret_name[len] = '\0';
}

static bool is_loopback_number(const char *name)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, name, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return inet_pton(AF_INET6, name, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool host_name_is_loopback(struct text host)
{
	static const char word[] = "localhost";
	char name[64];
	if (host.len == 0 || host.len > 63)
		return false;
	bare_name(host, name);
	size_t len = strlen(name);
	bool ends = len >= sizeof(word) - 1 &&
		    strcasecmp(name + len - (sizeof(word) - 1), word) == 0;
	bool whole = ends && (len == sizeof(word) - 1 || name[len - sizeof(word)] == '.');
	return whole || is_loopback_number(name);
}
