/*
 * How the end of a workflow's life is said in SQL: one formula for the pass that ends it
 * and for all that tell when that will be. For the files of this folder.
 */
#ifndef BATON_STORE_LIFE_SQL_H
#define BATON_STORE_LIFE_SQL_H

#include <stdint.h>

/* 2^63-1: what LIFETIME_NEVER_MS is in SQL. */
#define LIFE_NEVER_MS "9223372036854775807"

/* How long workflows live after their last contact, as the parameter of LIFE_ENDS_MS; 0:
 * for ever. */
static inline int64_t life_retention(uint64_t retention_ms)
{
	return retention_ms == 0 || retention_ms > INT64_MAX / 2 ? INT64_MAX
								 : (int64_t)retention_ms;
}

/* The store's time after which a row of workflows is over: it lives for its retention
 * after its last contact, at least until lives_ms, and without end while it is kept. */
#define LIFE_ENDS_MS(retention)                                                          \
	"CASE WHEN kept_ms NOT NULL OR " retention " = " LIFE_NEVER_MS                   \
	" THEN " LIFE_NEVER_MS " ELSE max(contact_ms + " retention                       \
	", coalesce(lives_ms, 0)) END"

#endif
