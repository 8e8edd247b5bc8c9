/*
 * Names in a sentence: "`a`, `b` and `c`", or the first few "and 20 more", each of them
 * whole. One thread.
 */
#ifndef BATON_PROTO_BASE_ENUMERATION_H
#define BATON_PROTO_BASE_ENUMERATION_H

#include <stddef.h>

#include "proto/base/bytes.h"

/* Shown are so many at most, and so few that they leave room in a sentence for more: the
 * first always, others while all have fewer bytes. */
#define ENUMERATION_SHOWN_MAX 8u
#define ENUMERATION_LEN 480u

struct enumeration {
	struct buffer text; /* owned; all that are shown but the last */
	struct buffer last; /* owned; that one */
	size_t shown, more;
};

/* In a struct that is all zero at first. */
void enumeration_add(struct enumeration *enumeration, const char *item);
/* All that were added; nothing can be added any more. Borrowed. */
const char *enumeration_end(struct enumeration *enumeration);
void enumeration_fini(struct enumeration *enumeration);

#endif
