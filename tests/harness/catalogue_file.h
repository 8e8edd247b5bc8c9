/*
 * The catalogue's file, while no catalogue is open: what rots, what an older batond
 * wrote, what no batond would write.
 */
#ifndef BATON_TESTS_CATALOGUE_FILE_H
#define BATON_TESTS_CATALOGUE_FILE_H

#include <stddef.h>
#include <stdint.h>

#define CATALOGUE_FILE "catalogue.db"
#define CATALOGUE_LOG "catalogue.db-wal"

/* The bytes of either; owned by the caller. */
uint8_t *catalogue_file_read(const char *directory, const char *name, size_t *ret_len);
/* Puts bytes over what is there. */
void catalogue_file_write(const char *directory, const char *name, const void *bytes,
			  size_t len, uint64_t offset);

/* Runs SQL on it, the sums of its pages kept right; nothing refers to anything. An
 * SQLite code: constraints may refuse it. */
int catalogue_file_try(const char *directory, const char *sql);
/* The same for what must succeed. */
void catalogue_file_run(const char *directory, const char *sql);

/* The number that a query gives; the file stays as it is. */
int64_t catalogue_file_ask(const char *directory, const char *sql);

/* Makes it what schema 2 or 3 was: the same rows without what came later. */
void catalogue_file_age(const char *directory, unsigned schema);

#endif
