/* Listening at an address. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/transport/address.h"
#include "proto/transport/address_inet.h"

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

/* The group or the mode of the socket, or of its directory, cannot be set. */
static int cannot_give(const char *what, const struct address_access *access,
		       int error_number, struct error *error)
{
	if (error_number == EPERM && access->has_group)
		return error_set(error, ERR_DENIED,
				 "%s: user %u cannot give it to group %u, of which it is "
				 "no member",
				 what, geteuid(), access->group);
	return error_set_errno(error, ERR_LOCAL, error_number,
			       "%s: its group and mode cannot be set", what);
}

/* A directory made for the socket is open to those whom the socket is open to. */
static int open_directory(const char *directory, const struct address_access *access,
			  struct error *error)
{
	mode_t group = access->mode & S_IWGRP ? S_IRGRP | S_IXGRP : 0;
	mode_t others = access->mode & S_IWOTH ? S_IROTH | S_IXOTH : 0;
	int fd AUTO_FD = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (access->has_group && fchown(fd, (uid_t)-1, access->group) < 0) ||
	    fchmod(fd, 0700 | group | others) < 0)
		return cannot_give(directory, access, errno, error);
	return 0;
}

/* Of one that was there: an access list shows itself in the group's bits. */
static int check_entry(const char *directory, const struct address_access *access,
		       struct error *error)
{
	struct stat stat_of;
	bool others = access->mode & S_IWOTH;
	bool group = access->mode & S_IWGRP;
	if ((!group && !others) || stat(directory, &stat_of) < 0 ||
	    stat_of.st_mode & S_IXOTH || (!others && stat_of.st_mode & S_IXGRP))
		return 0;
	return error_set(error, ERR_DENIED,
			 "%s: who may connect to the socket (mode %04o) cannot enter its "
			 "directory (mode %04o): chmod %s, or choose another",
			 directory, access->mode, stat_of.st_mode & 07777,
			 others ? "a+x" : "g+x and chgrp");
}

static int prepare_directory(const char *directory, const struct address_access *access,
			     struct error *error)
{
	bool made = mkdir(directory, 0700) == 0;
	if (!made && errno != EEXIST)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "%s: the directory of the socket cannot be made; "
				       "with a DIR of your own use --listen "
				       "unix:DIR/batond.sock, and for clients "
				       "BATON_SERVER=unix:DIR/batond.sock",
				       directory);
	int err = made ? open_directory(directory, access, error) : 0;
	if (err == 0)
		err = check_directory(directory, error);
	return err == 0 ? check_entry(directory, access, error) : err;
}

/* ---- a Unix socket ------------------------------------------------------------------
 */

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

/* Bound, it is its owner's alone; nobody can connect before it listens. The path is safe:
 * only the owner can write to its directory. */
static int open_to(const struct address *address, const struct address_access *access,
		   struct error *error)
{
	if (access->has_group && fchownat(AT_FDCWD, address->path, (uid_t)-1,
					  access->group, AT_SYMLINK_NOFOLLOW) < 0)
		return cannot_give(address->url, access, errno, error);
	if (chmod(address->path, access->mode) < 0)
		return cannot_give(address->url, access, errno, error);
	return 0;
}

static int bind_anew(const struct address *address, int fd, struct error *error)
{
	struct sockaddr_un at = address_unix_of(address);
	if (bind_unix(fd, &at) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return failed(address, errno, error);
	int err = remove_stale(address, &at, error);
	if (err < 0)
		return err;
	return bind_unix(fd, &at) == 0 ? 0 : failed(address, errno, error);
}

static int listen_unix(const struct address *address, const struct address_access *access,
		       int *ret_fd, struct error *error)
{
	char *directory AUTO_FREE = directory_of(address->path);
	int err = prepare_directory(directory, access, error);
	if (err < 0)
		return err;
	int fd AUTO_FD = socket(AF_UNIX, STREAM, 0);
	if (fd < 0)
		return failed(address, errno, error);
	err = bind_anew(address, fd, error);
	if (err < 0)
		return err;
	err = open_to(address, access, error);
	if (err == 0 && listen(fd, BACKLOG) < 0)
		err = failed(address, errno, error);
	if (err < 0)
		address_unlisten(address);
	else
		*ret_fd = take_fd(&fd);
	return err;
}

/* ---- both ---------------------------------------------------------------------------
 */

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

int address_listen(const struct address *address, const struct address_access *access,
		   int *ret_fd, struct error *error)
{
	struct address_access full = access ? *access : (struct address_access){0};
	if (full.mode == 0)
		full.mode = full.has_group ? 0660 : 0600;
	return address->kind == ADDRESS_UNIX ? listen_unix(address, &full, ret_fd, error)
					     : listen_inet(address, ret_fd, error);
}

void address_unlisten(const struct address *address)
{
	if (address->kind == ADDRESS_UNIX)
		(void)unlink(address->path);
}
