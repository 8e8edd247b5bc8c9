/*
 * Byte ranges and conditions of a request (RFC 9110 §13, §14). Pure.
 */
#ifndef BATON_DAEMON_HTTP_SYNTAX_BYTE_RANGE_H
#define BATON_DAEMON_HTTP_SYNTAX_BYTE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/text.h"

enum byte_range_kind {
	RANGE_NONE,   /* all of it is meant */
	RANGE_PART,   /* first … last */
	RANGE_BEYOND, /* nothing of it is there */
};

struct byte_range {
	enum byte_range_kind kind;
	uint64_t first, last; /* both are meant */
};

/* What a `Range` header means of something with this many bytes. Another unit, several
 * ranges, and what is not well formed are passed over, as a server may. */
struct byte_range byte_range_parse(struct text header, uint64_t size);

/* Whether a list of entity tags has this one, which is quoted; `*` has any. weakly: as
 * If-None-Match compares, where `W/` in front makes no difference. */
bool entity_tag_listed(struct text header, const char *tag, bool weakly);

#endif
