/*
 * What somebody may have meant: the known name nearest to a misspelt one.
 */
#ifndef BATON_PROTO_OPTIONS_NEAREST_H
#define BATON_PROTO_OPTIONS_NEAREST_H

#include <stddef.h>

/* Letters to insert, drop, change or swap with their neighbour to make one of the other
 * (optimal string alignment); names of up to NEAREST_LEN_MAX bytes, else SIZE_MAX. */
#define NEAREST_LEN_MAX 32u
size_t nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

struct nearest {
	const char *spelt; /* borrowed; of len bytes */
	size_t len;
	const char *name; /* borrowed; of those considered, NULL while none is near */
	size_t distance;
};

void nearest_init(struct nearest *nearest, const char *spelt, size_t len);
/* Near is at most one mistake in three letters, and never more than three. A name that
 * begins as it was spelt is as near as one mistake. */
void nearest_consider(struct nearest *nearest, const char *known);

#endif
