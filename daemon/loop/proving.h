/*
 * Finding out who a token makes of a peer: on libuv's pool, because it reads files and
 * costs some tenths of a millisecond. Belongs to the loop's thread but for `prove`.
 */
#ifndef BATON_DAEMON_LOOP_PROVING_H
#define BATON_DAEMON_LOOP_PROVING_H

#include <uv.h>

#include "daemon/access/access.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct proving {
	uv_work_t work;
	struct access *access; /* borrowed */
	struct buffer token;   /* owned */
	struct proof proof;    /* its token is the one above */
	/* Called on the loop, when the rest is there; the callee frees the struct. */
	void (*on_proved)(struct proving *proving);
	void *context;
	struct principal *principal; /* owned; NULL: nobody */
	struct error error;          /* why */
};

/* Begins. Takes what is in the token's buffer, and leaves that empty. */
struct proving *proving_begin(uv_loop_t *loop, struct access *access,
			      const struct proof *proof, struct buffer *token,
			      void (*on_proved)(struct proving *proving), void *context);

/* In on_proved() only. */
void proving_free(struct proving *proving);

#endif
