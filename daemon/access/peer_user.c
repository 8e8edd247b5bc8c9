#include "daemon/access/peer_user.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int peer_user_principal(int fd, struct principal **ret_principal, struct error *error)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return error_set_errno(error, ERR_DENIED, errno,
				       "the user of this connection is not known");
	char name[40];
	(void)snprintf(name, sizeof(name), "unix uid %u", (unsigned)who.uid);
	*ret_principal = principal_new(name, TIER_TRUSTED);
	principal_add_all(*ret_principal);
	return 0;
}
