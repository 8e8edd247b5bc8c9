/*
 * A daemon without loop and sockets for the sessions of a fuzz target: a store on tmpfs,
 * and all that a request may use (daemon/session/services.h).
 *
 * Each input has a namespace of its own, in which nothing is yet; so the store need not
 * be made anew for each. After WORLD_INPUTS_MAX of them it is checked, byte for byte, and
 * thrown away. Belongs to one thread.
 */
#ifndef BATON_TESTS_FUZZ_WORLD_H
#define BATON_TESTS_FUZZ_WORLD_H

#include "daemon/access/grant/principal.h"
#include "daemon/service/log.h"
#include "daemon/session/services.h"

#define WORLD_INPUTS_MAX 256u

/* Who asks; the bearer of a small grant is bound to the workflow "w" and the job "a". */
enum world_asker {
	ASKER_ANY,
	ASKER_UNTRUSTED,
	ASKER_READER,
	ASKER_BOUND,
	ASKERS,
};

struct world {
	struct services services;
	struct log log;
	char *directory;                  /* owned */
	unsigned inputs;                  /* that this store has seen */
	char namespace[16];               /* of the present input */
	struct principal *askers[ASKERS]; /* owned; for that namespace */
};

/* The only one, with a namespace in which nothing is. Ended by the next call. */
struct world *world_begin(void);
/* After the last session of an input: nothing is left over, and nothing has failed. */
void world_end(struct world *world);

#endif
