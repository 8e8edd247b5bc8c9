/*
 * The columns of the row that a query gave last.
 */
#ifndef BATON_STORE_DATABASE_ROW_H
#define BATON_STORE_DATABASE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/database/query.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* The values as they are. */
int64_t row_number(const struct query *query, int column);
bool row_is_null(const struct query *query, int column);
const char *row_text(const struct query *query, int column); /* borrowed; "" for NULL */

/*
 * Values that batond wrote, and that are not believed. For a column that holds what
 * batond never writes there each of these gives a harmless value, and row_check() tells
 * of the first such column in any row so far: ERR_DAMAGED.
 */
int row_check(const struct query *query, struct error *error);
uint64_t row_amount(struct query *query, int column);    /* not negative */
int64_t row_id(struct query *query, int column);         /* from 1 on */
int64_t row_id_or_none(struct query *query, int column); /* NULL is 0 */
uint32_t row_ordinal(struct query *query, int column);   /* 1 … UINT32_MAX */
bool row_flag(struct query *query, int column);          /* 0 or 1 */
/* Unix milliseconds, up to the year 9999. */
#define ROW_TIME_MAX 253402300799999
int64_t row_time(struct query *query, int column);
/* An offset in a segment, or its length: at most 16 TiB, so that sums do not overflow. */
#define ROW_OFFSET_MAX ((int64_t)1 << 44)
uint64_t row_offset(struct query *query, int column);
/* A text as peers may give them: clean, at most NAME_LEN_MAX bytes; a name is not empty.
 * Borrowed until the next query_next or query_end. */
const char *row_label(struct query *query, int column);
const char *row_name(struct query *query, int column);
/* A blob; borrowed for as long as a text. */
struct reader row_bytes(struct query *query, int column);
/* Copies a blob of exactly this length. */
void row_blob(struct query *query, int column, void *ret_data, size_t len);

#endif
