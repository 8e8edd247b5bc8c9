/*
 * What the daemon has counted since it began: requests by verb and result, how long they
 * took, what went over the wire and into the store. Any thread; one mutex inside, which
 * no other lock is taken under.
 */
#ifndef BATON_DAEMON_METRICS_METRICS_H
#define BATON_DAEMON_METRICS_METRICS_H

#include <stdint.h>

#include "proto/base/bytes.h"

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* A request that has ended. Its verb and result are literals. */
struct request_count {
	const char *verb, *result;
	uint64_t elapsed_ms;
	uint64_t received, sent;   /* bytes over the wire */
	uint64_t bytes, new_bytes; /* of content: in the layer or view, and of it new */
};

/* A request begins; *ret_begun is what metrics_end() is given. */
void metrics_begin(struct metrics *metrics, uint64_t *ret_begun);
void metrics_end(struct metrics *metrics, uint64_t begun,
		 const struct request_count *count);

/* Writes all of it in Prometheus' text format (exposition.h). */
void metrics_write(struct metrics *metrics, struct buffer *out);

#endif
