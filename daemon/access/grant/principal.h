/*
 * A principal: who asks, and what that one may do. Made once, when a connection has shown
 * who it is, then never changed; the connection owns it, and any thread may read it.
 */
#ifndef BATON_DAEMON_ACCESS_GRANT_PRINCIPAL_H
#define BATON_DAEMON_ACCESS_GRANT_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/access/grant/grant.h"
#include "daemon/access/grant/tier.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

struct principal {
	char *name; /* owned; "token 12bb159ec7cabc20 (ci)", "unix uid 1000"; clean */
	enum tier tier;
	struct grant *grants; /* owned */
	size_t grant_count;
	int64_t expires_s; /* Unix time from which nothing may be asked; 0: never */
	bool by_rules;     /* of the configuration: it counts as long as they do */
	uint64_t change;   /* how often the rules had changed (access.c) */
	char *token_id;    /* owned; of one of the daemon's own tokens; NULL: none */
};

/* Without a grant. */
struct principal *principal_new(const char *name, enum tier tier);
void principal_free(struct principal *principal); /* NULL is fine */

/* Whether it may ask nothing more, `grace_s` seconds after it expired. */
bool principal_is_expired(const struct principal *principal, int64_t now_s,
			  int64_t grace_s);

/* Takes what is in the grant, and leaves it empty. */
void principal_add(struct principal *principal, struct grant *grant);
/* Everything, everywhere. */
void principal_add_all(struct principal *principal);

/* What a request is about. Empty texts: no workflow, no job in particular, which only a
 * grant that is not bound to one covers. */
struct access_question {
	enum access_verb verb;
	struct text namespace, workflow, job;
	bool any_job; /* reading: what a grant says of jobs is not asked */
};

bool principal_allows(const struct principal *principal,
		      const struct access_question *question);
/* ERR_DENIED: one sentence that names principal, verb and grants. It is the same whether
 * what was asked for exists or not, since nothing was looked up. */
int principal_check(const struct principal *principal,
		    const struct access_question *question, struct error *error);

/* Whether any of its grants is about the namespace, whatever it allows there. */
bool principal_has_namespace(const struct principal *principal, struct text namespace);

/* Whether it may administer every namespace, and so see what concerns all of them. */
bool principal_is_admin_of_all(const struct principal *principal);

/* Appends all grants: "acme/web: read,write; acme/app: read", without a NUL. */
void principal_describe(const struct principal *principal, struct buffer *out);

#endif
