/*
 * Who may do what: what a connection shows of itself in, a principal out. Any thread, but
 * access_prove() with a token takes a while and reads files: not on the loop.
 */
#ifndef BATON_DAEMON_ACCESS_ACCESS_H
#define BATON_DAEMON_ACCESS_ACCESS_H

#include <stdbool.h>

#include "daemon/access/grant/principal.h"
#include "daemon/service/config.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

struct access;

/* So long after its token expired a request that runs may finish: the tokens of some CI
 * systems are good for five minutes, which an upload may take. */
#define ACCESS_FINISH_S (60 * 60)

/* By which way a peer came. */
enum proof_way {
	PROOF_UNIX,     /* its user id stands for a token */
	PROOF_LOOPBACK, /* TCP, in clear, on this machine */
	PROOF_TLS,      /* from anywhere: nobody without a token */
};

/* What a peer shows of itself. */
struct proof {
	struct text token; /* borrowed; empty: none */
	enum proof_way way;
	int fd; /* borrowed; PROOF_UNIX: the socket */
};

/* Before there are other threads. What the configuration says is taken over; it is not
 * needed afterwards. ERR_USAGE names the line of the file that is wrong. */
int access_new(const struct config *config, struct access **ret_access,
	       struct error *error);
void access_free(struct access *access); /* NULL is fine */

/* What the configuration says now; after an error what it said before counts on. Waits:
 * not on the loop. Whoever was let in by the old rules is asked to connect again. */
int access_reload(struct access *access, const struct config *config,
		  struct error *error);

/* Who that is; a token, where there is one, decides alone. ERR_DENIED: nobody who may do
 * anything; ERR_BUSY: it cannot be checked yet. *ret_principal is the caller's. */
int access_prove(struct access *access, const struct proof *proof,
		 struct principal **ret_principal, struct error *error);

/* Before each request: whether the principal's token has neither expired nor been revoked
 * since. ERR_DENIED; ERR_BUSY: the rules have changed. */
int access_still(struct access *access, const struct principal *principal,
		 struct error *error);

/* In a request that runs, before it commits and before content is sent: ERR_DENIED where
 * the token was revoked since, or expired more than ACCESS_FINISH_S ago. Rules that were
 * read again disturb nothing that runs (A2). */
int access_may_finish(struct access *access, const struct principal *principal,
		      struct error *error);

#endif
