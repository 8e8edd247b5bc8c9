/*
 * What the files of a persist share of one. For these only.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_STATE_H
#define BATON_DAEMON_VERB_PERSIST_STATE_H

#include <stdint.h>

#include "daemon/session/persist_keys.h"
#include "daemon/session/session.h"
#include "daemon/store/transaction/transaction.h"
#include "proto/base/bytes.h"

struct unit_job;

/* UNITS that are on the crew at once, per session; then the session waits for the first:
 * enough to keep every core busy while the next message arrives. */
#define JOBS_MAX 4u

struct persisting {
	struct session *session; /* borrowed */
	struct contact contact;
	struct catalogue_history history; /* owned; as it was at the beginning */
	struct persist_claim key;
	struct transaction *transaction; /* owned */
	bool is_narrow; /* what it may be offered was told to the transaction */
	struct unit_job *jobs[JOBS_MAX]; /* owned; a ring */
	unsigned first_job, job_count;
	/* Owned; room for BULK_LEN_MAX bytes each. They are reused because the page
	 * faults of fresh ones cost 2 % of a cold persist. */
	uint8_t *spare[JOBS_MAX + 1];
	unsigned spare_count;
	uint8_t *root; /* owned; of a ROOT message */
	uint32_t root_len;
	struct digest *candidates; /* owned; ASK_UNITS_MAX × CANDIDATES_MAX */
	struct unit_key *keys;     /* owned; ASK_UNITS_MAX */
	struct buffer answer;      /* owned */
};

#endif
