/*
 * Verifying one UNITS message on the crew: decompress, check each XXH3-128, compute each
 * SHA-256, all of it before the acknowledgement.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_UNIT_JOB_H
#define BATON_DAEMON_VERB_PERSIST_UNIT_JOB_H

#include <stdint.h>

#include "daemon/task/crew.h"
#include "proto/base/error.h"
#include "proto/unit/frame.h"

struct unit_job {
	struct crew_job job;
	uint8_t *payload; /* owned: the message as it came */
	struct units_message message;
	struct unit_name *units; /* owned; message.count entries, valid when done */
	int code;
	struct error error;
};

/* Takes ownership of payload, also on failure. ERR_PROTOCOL. */
int unit_job_new(uint8_t *payload, uint32_t len, struct unit_job **ret_job,
		 struct error *error);
void unit_job_free(struct unit_job *job); /* NULL is fine; must not be running */

#endif
