/*
 * One pass of the collector: what its parts share. Not for others.
 */
#ifndef BATON_STORE_REMOVAL_PASS_H
#define BATON_STORE_REMOVAL_PASS_H

#include "daemon/store/disk/parts.h"
#include "daemon/store/life/removal.h"
#include "daemon/store/removal/collector.h"

struct ids {
	struct segment_id *at; /* owned; ascending in the end */
	size_t count, room;
};

struct namespaces {
	int64_t *ids; /* owned */
	size_t count, room;
};

struct collector {
	struct store *store; /* borrowed */
	struct ids dirty;    /* to be looked at */
	bool begun; /* all that were there at the first pass are, or were, in it */
	atomic_bool stop;
};

struct collector_pass {
	struct collector *collector;             /* borrowed */
	struct store *store;                     /* borrowed */
	const struct collector_options *options; /* borrowed */
	struct collector_report *report;         /* borrowed */
	struct removed removed;
	int64_t *without; /* owned; of a dry run: the layers that would be gone */
	struct namespaces damaged;
};

void pass_fini(struct collector_pass *pass);

/* Lets others go first; false: it was told to stop. For marks_run, too. */
bool pass_breathe(void *context);
int pass_interrupted(struct error *error);
void pass_tell(const struct collector_pass *pass,
	       const struct collector_finding *finding);

/* The next pass looks at it. */
void pass_add_dirty(struct collector *collector, const struct segment_id *id);

/* Whether damage is known in the namespace; from now on it is. */
bool pass_is_stopped(const struct collector_pass *pass, int64_t namespace_id);
void pass_stop_for(struct collector_pass *pass, int64_t namespace_id, const char *why);

#endif
