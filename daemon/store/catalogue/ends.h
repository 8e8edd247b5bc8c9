/*
 * Whether the catalogue's file and its log belong together. SQLite takes any database and
 * any log for one: an older file beside a newer log, or the other way round, is a mixture
 * of two catalogues, in which rows are missing that neither of them lacks.
 *
 * Each of the two says how many changes were counted (FORMAT.md §1): the file in its page
 * of `settings`, the log in the first such page that it holds. Two things are always so:
 *  - The file has all changes from before the log began. So the log's first number is at
 *    most one more than the file's.
 *  - The file has nothing that did not come through its log. So the file's number is at
 *    most the one that SQLite reads from both together.
 *
 * SQLite takes the log to end at the first broken frame. Sound frames behind it may show
 * that more was durable: each counted change is synced before the next one begins, so a
 * page that counts two more than the catalogue cannot be part of a torn tail. Such a
 * catalogue has forgotten something. It is opened all the same; the caller asks
 * catalogue_log_commits() and decides.
 */
#ifndef BATON_STORE_CATALOGUE_ENDS_H
#define BATON_STORE_CATALOGUE_ENDS_H

#include "daemon/store/catalogue/internal.h"

/* Sets catalogue->log_commits. For a catalogue that was opened to read, while its files
 * are still as they were found. A file that cannot be read, or has no page of `settings`,
 * proves nothing. ERR_DAMAGED: the two do not belong together. */
int catalogue_check_ends(struct catalogue *catalogue, const struct io *io,
			 struct error *error);

#endif
