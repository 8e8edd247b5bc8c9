/*
 * A recording of what a store's table of functions changes on the disk, and what a power
 * cut may leave of it.
 *
 * What was synced is there. Of what was not, any part may be: of the writes to files each
 * all, nothing or some of its sectors, in whatever order; of the names of a directory
 * likewise. trace_state makes the directory that such a cut leaves, one for each number.
 *
 * Recording: any thread. The rest belongs to one.
 */
#ifndef BATON_TESTS_TRACE_H
#define BATON_TESTS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"

struct trace;

/* What lies in the data directory, which may be nothing, is taken for durable. */
struct trace *trace_new(const char *directory);
void trace_free(struct trace *trace);
/* Borrowed. */
const struct io *trace_table(const struct trace *trace);
/* Changes and syncs so far; those of trace_new count. */
uint64_t trace_len(struct trace *trace);

/* Makes the data directory, which is not there yet, as the power cut number `choice`
 * behind the first `len` of the trace leaves it. False where there are fewer choices. The
 * same choice gives the same bytes; different ones may, too: `ret_sum` tells. Without a
 * directory it only tells that. */
bool trace_state(const struct trace *trace, uint64_t len, uint64_t choice,
		 const char *directory, uint64_t *ret_sum);

#endif
