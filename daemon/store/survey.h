/*
 * The segments that the catalogue knows, beside the files that lie in segments/. For
 * store_open, before anything is changed; one thread.
 */
#ifndef BATON_STORE_SURVEY_H
#define BATON_STORE_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/parts.h"
#include "proto/base/error.h"

struct survey {
	struct segment_row *rows; /* owned; ascending by id */
	size_t count;
	int64_t *lens;  /* owned; of the rows' files in bytes; -1: there is none */
	char **unknown; /* owned; names of files that no row has */
	size_t unknown_count, unknown_room;
	/* What is no regular file is not ours, says nothing and stays: how many there
	 * are, and the name of one (owned; NULL: there is none). */
	size_t other_count;
	char *other;
	/* One of `unknown` that is another store's (borrowed; NULL: none is): none of
	 * them is deleted. */
	const char *foreign;
	/* Whether something that is not vouched for could not be read; then it has to
	 * stay. */
	bool unsure;
};

/* Asks store->catalogue and the directory. ERR_DAMAGED, ERR_LOCAL. */
int survey_take(struct store *store, struct survey *ret_survey, struct error *error);
void survey_fini(struct survey *survey);

/* Whether the name in segments/ is a regular file's. What cannot be looked at counts as
 * one: who opens it will find it unreadable. */
bool survey_is_file(const struct store *store, const char *name);

/* Bytes of the row's file that are vouched for: all, but for holes, and their table. */
uint64_t survey_file_len(const struct survey *survey, size_t row);
/* And those that are not. */
uint64_t survey_excess(const struct survey *survey, size_t row);

#endif
