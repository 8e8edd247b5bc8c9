/*
 * What somebody may have meant: the known name nearest to a misspelt one.
 */
#ifndef BATON_PROTO_OPTIONS_NEAREST_H
#define BATON_PROTO_OPTIONS_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *spelt; /* borrowed; of len bytes */
	size_t len;
	const char *name; /* borrowed; of those considered, NULL while none is near */
	size_t distance;
};

void nearest_init(struct nearest *nearest, const char *spelt, size_t len);
/* Near is at most one mistake in three letters, and never more than three; a mistake is a
 * letter to insert, drop, change or swap with its neighbour (optimal string alignment). A
 * name that begins as it was spelt is as near as one mistake. A name or spelling of more
 * than 32 bytes is never near. */
void nearest_consider(struct nearest *nearest, const char *known);

#endif
