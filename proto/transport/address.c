/* Reading URLs, resolving hosts. */
#include "proto/transport/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/transport/address_inet.h"
#include "proto/transport/pin.h"

/* Bytes of a path that fit with their NUL. */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define PORT_MAX 65535ul

static bool begins_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int parse_unix(const char *url, struct address *ret_address, struct error *error)
{
	const char *path = url + strlen("unix:");
	size_t len = strlen(path);
	if (path[0] != '/')
		return error_set(error, ERR_USAGE,
				 "%s: the path of a socket begins with /: unix:/path",
				 url);
	if (len > SOCKET_PATH_MAX)
		return error_set(error, ERR_USAGE,
				 "%s: the path has %zu bytes; a socket's path has at "
				 "most %zu, choose a shorter one",
				 url, len, SOCKET_PATH_MAX);
	ret_address->kind = ADDRESS_UNIX;
	ret_address->path = must_strdup(path);
	return 0;
}

static bool is_port(const char *text)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
	}
	return len >= 1 && len <= 5 && strtoul(text, NULL, 10) <= PORT_MAX;
}

/* A sentence of its own where it is only the port that is wrong; false: it is not. */
static bool is_bad_port(const char *url, const char *text, struct error *error)
{
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	if (!colon || colon == text || digits == 0 || colon[1 + digits] ||
	    is_port(colon + 1))
		return false;
	(void)error_set(error, ERR_USAGE, "%s: no port is %s; they go up to %lu", url,
			colon + 1, (unsigned long)PORT_MAX);
	return true;
}

/* Finds the host in "host:port" or "[host]:port": where it begins, its length, and the
 * port, which may be missing if there is a usual one; false if this is no such text. */
static bool split(const char *text, const char *usual_port, const char **ret_host,
		  size_t *ret_len, const char **ret_port)
{
	bool is_bracketed = text[0] == '[';
	const char *host = is_bracketed ? text + 1 : text;
	const char *end = host + strcspn(host, is_bracketed ? "]" : ":");
	const char *colon = is_bracketed && *end ? end + 1 : end;
	bool has_port = *colon == ':' && is_port(colon + 1);
	bool is_closed = !is_bracketed || *end;
	if (end == host || !is_closed || !(has_port || (usual_port && !*colon)))
		return false;
	*ret_host = host;
	*ret_len = (size_t)(end - host);
	*ret_port = has_port ? colon + 1 : usual_port;
	return true;
}

/* scheme: "tcp", "http" or "https". */
static int parse_plain(const char *url, const char *scheme, enum address_kind kind,
		       struct address *ret_address, struct error *error)
{
	const char *host, *port;
	size_t host_len;
	const char *text = url + strlen(scheme) + strlen("://");
	if (!split(text, NULL, &host, &host_len, &port))
		return is_bad_port(url, text, error)
			       ? ERR_USAGE
			       : error_set(error, ERR_USAGE,
					   "%s: not a host and a port: %s://host:port or "
					   "%s://[address]:port",
					   url, scheme, scheme);
	ret_address->kind = kind;
	ret_address->host = must_memdup(host, host_len);
	ret_address->port = must_strdup(port);
	return 0;
}

static int parse_pin(const char *url, const char *pin, struct error *error)
{
	if (pin_is_one(pin))
		return 0;
	return error_set(
		error, ERR_USAGE,
		"%s: what follows # is no pin, which has %u letters, digits, - and "
		"_; take the whole line that batond says at its start",
		url, PIN_LEN);
}

static int parse_tls(const char *url, struct address *ret_address, struct error *error)
{
	const char *text = url + strlen("tls://");
	size_t len = strcspn(text, "#");
	const char *pin = text[len] ? text + len + 1 : NULL;
	char *place AUTO_FREE = must_memdup(text, len);
	const char *host, *port;
	size_t host_len;
	if (!split(place, ADDRESS_TLS_PORT, &host, &host_len, &port))
		return is_bad_port(url, place, error)
			       ? ERR_USAGE
			       : error_set(
					 error, ERR_USAGE,
					 "%s: not a host: tls://host, tls://host:port or "
					 "tls://[address]:port, and #pin behind it",
					 url);
	int err = pin ? parse_pin(url, pin, error) : 0;
	if (err < 0)
		return err;
	ret_address->kind = ADDRESS_TLS;
	ret_address->host = must_memdup(host, host_len);
	ret_address->port = must_strdup(port);
	ret_address->pin = pin ? must_strdup(pin) : NULL;
	return 0;
}

int address_parse(const char *url, struct address *ret_address, struct error *error)
{
	struct address address = {0};
	int err;
	if (begins_with(url, "unix:"))
		err = parse_unix(url, &address, error);
	else if (begins_with(url, "tcp://"))
		err = parse_plain(url, "tcp", ADDRESS_TCP, &address, error);
	else if (begins_with(url, "http://"))
		err = parse_plain(url, "http", ADDRESS_HTTP, &address, error);
	else if (begins_with(url, "https://"))
		err = parse_plain(url, "https", ADDRESS_HTTPS, &address, error);
	else if (begins_with(url, "tls://"))
		err = parse_tls(url, &address, error);
	else
		err = error_set(error, ERR_USAGE,
				"%s: not a server's URL: unix:/path, tcp://host:port or "
				"tls://host:port",
				url);
	if (err < 0)
		return err;
	address.url = must_memdup(url, address.pin ? strcspn(url, "#") : strlen(url));
	*ret_address = address;
	return 0;
}

static bool is_own_directory(const char *path)
{
	struct stat stat_of;
	return stat(path, &stat_of) == 0 && S_ISDIR(stat_of.st_mode) &&
	       stat_of.st_uid == geteuid();
}

char *address_of_user(const char *run_user)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *usual AUTO_FREE = NULL;
	claim(asprintf(&usual, "%s/%u", run_user, (unsigned)geteuid()) > 0);
	/* The XDG base directory specification says to ignore a relative path. */
	if (!runtime || runtime[0] != '/')
		runtime = is_own_directory(usual) ? usual : NULL;
	char *url = NULL;
	if (runtime)
		claim(asprintf(&url, "unix:%s/batond/batond.sock", runtime) > 0);
	return url;
}

void address_fini(struct address *address)
{
	free(address->url);
	free(address->path);
	free(address->host);
	free(address->port);
	free(address->pin);
	*address = (struct address){0};
}

void address_inet_free(struct addrinfo **resolved)
{
	if (*resolved)
		freeaddrinfo(*resolved);
	*resolved = NULL;
}

/* A static program must not load other resolvers than those it has inside, which may be
 * of another C library than it is: it looks into /etc/hosts and asks the DNS. The one
 * name that needs no asking does not need the file either. */
static const char *host_of(const struct address *address)
{
	bool local = BATON_STATIC && strcmp(address->host, "localhost") == 0;
	return local ? "127.0.0.1" : address->host;
}

int address_inet_resolve(const struct address *address, int flags,
			 struct addrinfo **ret_resolved, struct error *error)
{
	struct addrinfo hints = {
		.ai_flags = flags | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	if (BATON_STATIC)
		(void)__nss_configure_lookup("hosts", "files dns");
	int failure = getaddrinfo(host_of(address), address->port, &hints, ret_resolved);
	if (failure == EAI_SYSTEM)
		return error_set_errno(error, ERR_UNREACHABLE, errno,
				       "%s: the host cannot be resolved", address->url);
	if (failure != 0)
		return error_set(error, ERR_UNREACHABLE,
				 "%s: the host cannot be resolved: %s", address->url,
				 gai_strerror(failure));
	return 0;
}

static bool is_loopback_v4(uint32_t address)
{
	return ntohl(address) >> 24 == IN_LOOPBACKNET;
}

static bool is_loopback(const struct sockaddr *at)
{
	if (at->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, at, sizeof(v4));
		return is_loopback_v4(v4.sin_addr.s_addr);
	}
	if (at->sa_family != AF_INET6)
		return false;
	struct sockaddr_in6 v6;
	memcpy(&v6, at, sizeof(v6));
	if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
	uint32_t mapped;
	memcpy(&mapped, &v6.sin6_addr.s6_addr[12], sizeof(mapped));
	return is_loopback_v4(mapped);
}

int address_is_loopback(const struct address *address, bool *ret_loopback,
			struct error *error)
{
	bool loopback = true;
	if (address->kind != ADDRESS_UNIX) {
		struct addrinfo *resolved AUTO(address_inet_free) = NULL;
		int err = address_inet_resolve(address, 0, &resolved, error);
		if (err < 0)
			return err;
		for (struct addrinfo *at = resolved; at; at = at->ai_next)
			loopback = loopback && is_loopback(at->ai_addr);
	}
	*ret_loopback = loopback;
	return 0;
}

bool address_peer_is_loopback(int fd)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);
	return getpeername(fd, (struct sockaddr *)&at, &len) == 0 &&
	       is_loopback((const struct sockaddr *)&at);
}
