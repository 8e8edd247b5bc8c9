/*
 * Who is at the other end of a Unix socket (rule A9): the kernel says, so that no token
 *is needed. By default everybody whom the socket's permissions let through may do
 *everything; sections of the configuration narrow that:
 *
 *	[user NAME]	that user; `*`: all who are in no section, root and the daemon's
 *			own user aside
 *	[group NAME]	its members, who have no section of their own, root and the
 *			daemon's own user aside; of several groups they have all
 *
 * Constant once read; any thread.
 */
#ifndef BATON_DAEMON_ACCESS_PEER_USER_H
#define BATON_DAEMON_ACCESS_PEER_USER_H

#include <sys/types.h>

#include "daemon/access/grant/principal.h"
#include "daemon/service/config_section.h"
#include "proto/base/error.h"

enum user_rule_kind {
	USER_RULE_USER,
	USER_RULE_GROUP,
	USER_RULE_OTHERS,
};

struct user_rule {
	enum user_rule_kind kind;
	id_t id; /* of the user or group */
	struct grant grant;
	enum tier tier;
};

struct user_rules {
	struct user_rule *items; /* owned */
	size_t count;
};

/* Adds that of a section `user` or `group`; its name may be a number. ERR_USAGE names the
 * line. */
int user_rules_add(struct user_rules *rules, const struct config_section *section,
		   struct error *error);
void user_rules_fini(struct user_rules *rules);

/* The principal of the socket's peer. ERR_DENIED: the kernel does not say who it is. */
int peer_user_principal(const struct user_rules *rules, int fd,
			struct principal **ret_principal, struct error *error);

#endif
