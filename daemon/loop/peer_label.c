#include "daemon/loop/peer_label.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum proof_way peer_way(const struct transport *transport)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);
	if (transport->tls)
		return PROOF_TLS;
	(void)getsockopt(transport->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (domain == AF_UNIX)
		return PROOF_UNIX;
	return domain == AF_INET || domain == AF_INET6 ? PROOF_LOOPBACK : PROOF_TLS;
}

static void label_user(int fd, char ret_label[PEER_LABEL_SIZE])
{
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		snprintf(ret_label, PEER_LABEL_SIZE, "unix uid %u", (unsigned)who.uid);
	else
		snprintf(ret_label, PEER_LABEL_SIZE, "unix");
}

void peer_label(const struct transport *transport, char ret_label[PEER_LABEL_SIZE])
{
	const char *kind = transport->tls ? "tls" : "tcp";
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {0};
	socklen_t len = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "?";
	if (peer_way(transport) == PROOF_UNIX) {
		label_user(transport->fd, ret_label);
		return;
	}
	if (getpeername(transport->fd, &address.any, &len) < 0)
		address.any.sa_family = AF_UNSPEC;
	if (address.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
		snprintf(ret_label, PEER_LABEL_SIZE, "%s %s:%u", kind, host,
			 (unsigned)ntohs(address.v4.sin_port));
	} else if (address.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
		snprintf(ret_label, PEER_LABEL_SIZE, "%s [%s]:%u", kind, host,
			 (unsigned)ntohs(address.v6.sin6_port));
	} else {
		snprintf(ret_label, PEER_LABEL_SIZE, "%s gone", kind);
	}
}
