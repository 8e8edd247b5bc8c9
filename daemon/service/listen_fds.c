#include "daemon/service/listen_fds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/bytes.h"

#define FIRST_FD 3

/* Any address that a passed socket may have. */
union name {
	struct sockaddr any;
	struct sockaddr_un unix_;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

static int refuse(int fd, int code, const char *why, struct error *error)
{
	return error_set(error, code,
			 "LISTEN_FDS: descriptor %d that the service manager passed: %s",
			 fd, why);
}

static bool has_option(int fd, int option, int expected)
{
	int value = 0;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == expected;
}

static int unix_url(int fd, const struct sockaddr_un *at, char **ret_url,
		    struct error *error)
{
	if (at->sun_path[0] != '/')
		return refuse(fd, ERR_DENIED,
			      "has no path; anyone could connect to an abstract socket",
			      error);
	claim(asprintf(ret_url, "unix:%.*s", (int)sizeof(at->sun_path), at->sun_path) >
	      0);
	return 0;
}

static void inet_url(const union name *name, char **ret_url)
{
	bool is_v6 = name->any.sa_family == AF_INET6;
	const void *host = is_v6 ? (const void *)&name->v6.sin6_addr : &name->v4.sin_addr;
	in_port_t port = is_v6 ? name->v6.sin6_port : name->v4.sin_port;
	char text[INET6_ADDRSTRLEN];
	claim(inet_ntop(name->any.sa_family, host, text, sizeof(text)));
	claim(asprintf(ret_url, is_v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", text,
		       ntohs(port)) > 0);
}

static int url_of(int fd, char **ret_url, struct error *error)
{
	union name name = {0};
	socklen_t len = sizeof(name);
	if (!has_option(fd, SO_ACCEPTCONN, 1) || !has_option(fd, SO_TYPE, SOCK_STREAM) ||
	    getsockname(fd, &name.any, &len) < 0)
		return refuse(fd, ERR_USAGE, "is not a listening stream socket", error);
	if (name.any.sa_family == AF_UNIX)
		return unix_url(fd, &name.unix_, ret_url, error);
	if (name.any.sa_family != AF_INET && name.any.sa_family != AF_INET6)
		return refuse(fd, ERR_USAGE, "is neither a Unix nor a TCP socket", error);
	inet_url(&name, ret_url);
	return 0;
}

static int adopt(int fd, struct listen_fd *ret_item, struct error *error)
{
	ret_item->fd = fd;
	int err = url_of(fd, &ret_item->url, error);
	if (err)
		return err;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "LISTEN_FDS: %d", fd);
	return 0;
}

/* $LISTEN_FDS, if it is for this process; 0 otherwise. */
static unsigned long passed_count(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	bool ours = pid && count && strtol(pid, NULL, 10) == getpid();
	return ours ? strtoul(count, NULL, 10) : 0;
}

int listen_fds_take(struct listen_fds *ret_fds, struct error *error)
{
	*ret_fds = (struct listen_fds){0};
	unsigned long count = passed_count();
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (count > CONFIG_LISTEN_MAX)
		return error_set(error, ERR_USAGE, "LISTEN_FDS=%lu: at most %u sockets",
				 count, CONFIG_LISTEN_MAX);
	int err = 0;
	while (err == 0 && ret_fds->count < count) {
		struct listen_fd *item = &ret_fds->items[ret_fds->count++];
		err = adopt(FIRST_FD + (int)(item - ret_fds->items), item, error);
	}
	return err;
}

void listen_fds_fini(struct listen_fds *fds)
{
	for (size_t i = 0; i < fds->count; i++) {
		if (fds->items[i].fd >= 0)
			(void)close(fds->items[i].fd);
		free(fds->items[i].url);
	}
	*fds = (struct listen_fds){0};
}
