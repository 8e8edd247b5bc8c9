/*
 * Questions to a database (database.h), and changes of it.
 */
#ifndef BATON_STORE_DATABASE_QUERY_H
#define BATON_STORE_DATABASE_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/database/database.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

struct statement;

/*
 * One use of a statement: bind its parameters in their order, step through its rows, end
 * it. Binding cannot fail at once: the next query_next tells what was wrong.
 */
struct query {
	struct database *database;   /* borrowed */
	struct statement *statement; /* borrowed from the database, which keeps it */
	int bound;
	int code; /* of SQLite */
	int bent; /* the first bad column (row_check()), counted from 1; 0: none */
};

/* sql must be a string literal: it is found again by its address. */
struct query query_of(struct database *database, const char *sql);
void query_end(struct query *query);
/* Texts and blobs are borrowed until query_end. */
void query_number(struct query *query, int64_t number);
void query_text(struct query *query, struct text text);
void query_blob(struct query *query, const void *data, size_t len);
void query_null(struct query *query);

/* 1: a row; 0: no more; <0: an error. */
int query_next(struct query *query, struct error *error);
/* Prepares a statement ahead, so that later it can only fail by what is in the files. An
 * error: it does not suit the database that is open. */
int query_prepare(struct database *database, const char *sql, struct error *error);
/* For a statement that gives no rows. */
int query_run(struct query *query, struct error *error);
/* The first row's first column; 0 and *ret_number = 0 where there is no row or NULL. */
int query_one(struct query *query, int64_t *ret_number, struct error *error);

#endif
