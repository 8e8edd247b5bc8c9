/*
 * What the configuration says of who may do what: issuers, users, groups. Constant once
 * read; counted references; any thread.
 */
#ifndef BATON_DAEMON_ACCESS_RULES_H
#define BATON_DAEMON_ACCESS_RULES_H

#include <stdatomic.h>

#include "daemon/access/issuer/issuer.h"
#include "daemon/access/peer_user.h"
#include "daemon/service/config.h"

struct rules {
	atomic_uint references;
	bool loopback_needs_token;
	struct issuer *issuers; /* owned; in the order of the file */
	size_t issuer_count;
	struct user_rules users;
};

/* With one reference. ERR_USAGE names the line of the file; ERR_LOCAL: a file of keys. */
int rules_read(const struct config *config, struct rules **ret_rules,
	       struct error *error);
struct rules *rules_ref(struct rules *rules);
/* NULL is fine. The last one may wait a second for threads that fetch keys. */
void rules_unref(struct rules *rules);

#endif
