/*
 * One try of a persist, between PERSIST and COMMIT: walks, reads, asks, compresses and
 * sends at the same time, in bounded memory, and leaves the root of a manifest whose
 * pieces the daemon has.
 *
 * The calling thread walks, then makes the manifest's rows as their files are settled;
 * workers, as many as cores, each do whatever is next: finish a batch that was answered
 * (hash the candidates, compress and send the rest), or read a further one and ask about
 * it; one thread receives. A small tree is the calling thread's alone. The order of
 * threads, queues and locks is in exchange.h.
 *
 * Memory: a dozen batches of at most 2 MiB each, two more and 2 MiB for each
 * worker, and some 130 bytes for each file.
 */
#ifndef BATON_CLIENT_UPLOAD_UPLOAD_H
#define BATON_CLIENT_UPLOAD_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/content/units.h"
#include "client/options/choices.h"
#include "client/record/scout.h"
#include "client/select/own.h"
#include "client/select/select.h"
#include "client/terminal/progress.h"
#include "client/tree/tree.h"
#include "proto/base/error.h"
#include "proto/link/link.h"
#include "proto/manifest/manifest.h"

struct upload_result;

struct upload_request {
	struct link *link;            /* borrowed; PERSIST was sent */
	uint32_t ask_window;          /* units, of WELCOME; at least 1 */
	struct selection *selection;  /* borrowed */
	const char *prefix;           /* borrowed; clean; "" or NULL: none */
	const struct record *record;  /* borrowed; NULL: none */
	const struct own_places *own; /* borrowed; left out; NULL: none is known */
	const struct root *base; /* borrowed; of the record's base, if the daemon has it;
				  * or NULL */
	enum if_changed if_changed;
	struct text secret; /* borrowed; no file, name or target may hold it; empty:
				none */
	enum if_empty if_empty;
	unsigned workers;          /* 0: as many as cores, or none for a small tree */
	struct progress *progress; /* borrowed; may be NULL */
	/* Called before the first message is sent; it receives READY, if nobody has. May
	 * be NULL. */
	int (*on_begin)(void *context, struct error *error);
	/* Called when everything was sent, with the complete result: it may send
	 * something more while the daemon still answers. May be NULL. */
	int (*on_sent)(void *context, const struct upload_result *result,
		       struct error *error);
	/* For tests: called between opening and reading a file; when threads are started.
	 * May be NULL. */
	void (*on_opened)(void *context, const char *path, unsigned attempt);
	void (*on_threads)(void *context);
	void *context; /* borrowed */
};

struct upload_result {
	struct tree tree;     /* owned */
	struct units *units;  /* owned; what the tree's numbers mean */
	struct buffer root;   /* owned; encoded */
	struct digest digest; /* of the root: the layer's */
	struct totals totals;
	bool beyond_base; /* the stat record knew files that do not stand in its base */
	uint64_t skipped; /* entries that could not be kept */
	struct string_list warnings; /* owned; sentences, also after a failure */
	struct faults faults; /* what is wrong with files, if that was the failure */
};

/*
 * Runs one try. ret_result is filled also on failure, as far as it came, and is the
 * caller's to end. After a failure nothing more can be sent over the link.
 * ERR_LOCAL, ERR_CHANGED, ERR_LIMIT, ERR_EMPTY about a path; what link.h and the daemon
 * have to say; ERR_INTERRUPTED when the link's wake-up is readable.
 */
int upload_run(const struct upload_request *request, struct upload_result *ret_result,
	       struct error *error);
void upload_result_fini(struct upload_result *result);

#endif
