/* Listening at an address. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/link/address.h"
#include "proto/link/address_inet.h"

#define BACKLOG 128
#define STREAM (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int failed(const struct address *address, int error_number, struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, error_number, "%s: cannot listen there",
			       address->url);
}

static int live(const struct address *address, struct error *error)
{
	return error_set(error, ERR_BUSY, "another daemon listens at %s", address->url);
}

/* The socket's directory; owned by the caller. */
static char *directory_of(const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path);
	return must_memdup(path, len > 0 ? len : 1);
}

/* Who can write to the directory can put a socket of his own in the place of ours. */
static int check_directory(const char *directory, struct error *error)
{
	struct stat stat_of;
	if (stat(directory, &stat_of) < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "%s: the directory of the socket cannot be read",
				       directory);
	if (!S_ISDIR(stat_of.st_mode))
		return error_set_errno(error, ERR_LOCAL, ENOTDIR,
				       "%s: the directory of the socket", directory);
	if (stat_of.st_uid != geteuid() && stat_of.st_uid != 0)
		return error_set(error, ERR_DENIED,
				 "%s: the directory of the socket belongs to user %u, "
				 "who could replace the socket; choose one of your own",
				 directory, stat_of.st_uid);
	if (stat_of.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(
			error, ERR_DENIED,
			"%s: others can write to the directory of the socket (mode %04o) "
			"and could replace it; chmod go-w, or choose another",
			directory, stat_of.st_mode & 07777);
	return 0;
}

static int prepare_directory(const char *directory, struct error *error)
{
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "%s: the directory of the socket cannot be made; "
				       "with a DIR of your own use --listen "
				       "unix:DIR/batond.sock, and for clients "
				       "BATON_SERVER=unix:DIR/batond.sock",
				       directory);
	return check_directory(directory, error);
}

static int bind_unix(int fd, const struct sockaddr_un *at)
{
	mode_t before = umask(0177);
	int bound = bind(fd, (const struct sockaddr *)at, sizeof(*at));
	int error_number = errno;
	umask(before);
	errno = error_number;
	return bound;
}

/* A file is in the way: removes it if it is a socket that refuses connections. */
static int remove_stale(const struct address *address, const struct sockaddr_un *at,
			struct error *error)
{
	struct stat stat_of;
	if (lstat(address->path, &stat_of) < 0)
		return errno == ENOENT ? 0 : failed(address, errno, error);
	if (!S_ISSOCK(stat_of.st_mode))
		return error_set(error, ERR_LOCAL,
				 "%s: a file that is not a socket is there; remove it",
				 address->url);
	int probe AUTO_FD = socket(AF_UNIX, STREAM, 0);
	if (probe < 0)
		return failed(address, errno, error);
	if (connect(probe, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
	    errno == EAGAIN)
		return live(address, error);
	if (errno != ECONNREFUSED && errno != ENOENT)
		return failed(address, errno, error);
	if (unlink(address->path) < 0 && errno != ENOENT)
		return failed(address, errno, error);
	return 0;
}

static int listen_unix(const struct address *address, int *ret_fd, struct error *error)
{
	char *directory AUTO_FREE = directory_of(address->path);
	int err = prepare_directory(directory, error);
	if (err < 0)
		return err;
	int fd AUTO_FD = socket(AF_UNIX, STREAM, 0);
	if (fd < 0)
		return failed(address, errno, error);
	struct sockaddr_un at = address_unix_of(address);
	if (bind_unix(fd, &at) < 0) {
		if (errno != EADDRINUSE)
			return failed(address, errno, error);
		err = remove_stale(address, &at, error);
		if (err < 0)
			return err;
		if (bind_unix(fd, &at) < 0)
			return failed(address, errno, error);
	}
	if (listen(fd, BACKLOG) < 0)
		return failed(address, errno, error);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int listen_one(const struct address *address, const struct addrinfo *at,
		      int *ret_fd, struct error *error)
{
	int fd AUTO_FD = socket(at->ai_family, STREAM, 0);
	if (fd < 0)
		return failed(address, errno, error);
	int on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Accepted sockets inherit it. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return errno == EADDRINUSE ? live(address, error)
					   : failed(address, errno, error);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int listen_inet(const struct address *address, int *ret_fd, struct error *error)
{
	struct addrinfo *resolved AUTO(address_inet_free) = NULL;
	int err = address_inet_resolve(address, AI_PASSIVE, &resolved, error);
	if (err < 0)
		return err;
	for (struct addrinfo *at = resolved; at; at = at->ai_next) {
		err = listen_one(address, at, ret_fd, error);
		if (err == 0)
			break;
	}
	return err;
}

int address_listen(const struct address *address, int *ret_fd, struct error *error)
{
	return address->kind == ADDRESS_UNIX ? listen_unix(address, ret_fd, error)
					     : listen_inet(address, ret_fd, error);
}

void address_unlisten(const struct address *address)
{
	if (address->kind == ADDRESS_UNIX)
		(void)unlink(address->path);
}
