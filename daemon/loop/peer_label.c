#include "daemon/loop/peer_label.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

bool peer_label(const struct transport *transport, char ret_label[PEER_LABEL_SIZE])
{
	int fd = transport->fd;
	const char *kind = transport->tls ? "tls" : "tcp";
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} address = {0};
	socklen_t len = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "?";
	struct ucred who = {0};
	socklen_t who_len = sizeof(who);
	if (getpeername(fd, &address.any, &len) < 0)
		address.any.sa_family = AF_UNSPEC;
	if (address.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
		snprintf(ret_label, PEER_LABEL_SIZE, "%s %s:%u", kind, host,
			 (unsigned)ntohs(address.v4.sin_port));
	} else if (address.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
		snprintf(ret_label, PEER_LABEL_SIZE, "%s [%s]:%u", kind, host,
			 (unsigned)ntohs(address.v6.sin6_port));
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len) == 0) {
		snprintf(ret_label, PEER_LABEL_SIZE, "unix uid %u", (unsigned)who.uid);
	} else {
		snprintf(ret_label, PEER_LABEL_SIZE, "unix");
	}
	return address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6;
}
