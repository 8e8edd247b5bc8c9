/*
 * When workflows end (rule L1), for sentences and figures. Any thread.
 */
#ifndef BATON_STORE_LIFE_ENDING_H
#define BATON_STORE_LIFE_ENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"
#include "proto/bounds.h"

/* What comes next in a namespace. */
struct ending {
	char workflow[NAME_LEN_MAX + 1]; /* "": nothing that has layers ever ends */
	bool has_expired;                /* its bytes come back when it is removed */
	uint64_t in_ms;                  /* else: so long from now */
};

/* Where workflows live for retention_ms after their last contact; 0: for ever. */
int ending_next(struct catalogue *catalogue, int64_t namespace_id, uint64_t retention_ms,
		struct ending *ret_ending, struct error *error);

#endif
