/*
 * What jobs do to a catalogue, in as few words as a test can bear.
 */
#ifndef BATON_TESTS_CATALOGUE_STEPS_H
#define BATON_TESTS_CATALOGUE_STEPS_H

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/life/expiry.h"

#define WHO_NEEDS_MAX 4u

/* An identity; what is NULL is not said. */
struct who {
	const char *namespace, *workflow, *run, *job, *shard, *attempt, *execution;
	const char *retry_of;
	bool retry_none, retry_detected;
	enum tier tier;
	bool both;
	bool has_needs;
	const char *needs[WHO_NEEDS_MAX];
};

/* What a contact gives. {0} may be handed to visit_fini. */
struct visit {
	struct contact contact;
	struct catalogue_history history;
};
void visit_fini(struct visit *visit);

int visit_catalogue(struct catalogue *catalogue, const struct who *who,
		    enum contact_kind kind, struct visit *ret_visit, struct error *error);

/* Commits a layer whose key, digest, place and segment are made from `key`, its content
 * from `content`. */
int commit_numbered(struct catalogue *catalogue, const struct contact *contact,
		    uint32_t key, uint32_t content, struct layer_record *ret_record,
		    struct error *error);
/* A pass in which all namespaces have one retention; 0: for ever. However many are due,
 * they expire. */
int expire_after(struct catalogue *catalogue, uint64_t retention_ms,
		 struct expiry *ret_expiry, struct error *error);

void numbered_key(uint32_t number, uint8_t ret_key[KEY_LEN]);
struct digest numbered_digest(uint32_t number);

#endif
