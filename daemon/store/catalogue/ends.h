/*
 * Whether the catalogue's file and its log belong together. SQLite takes any database and
 * any log for one: an older file beside a newer log, or the other way round, is a mixture
 * of two catalogues, in which rows are missing that neither of them lacks.
 *
 * Each says by itself how many changes were counted (FORMAT.md §1): the file in its page
 * of `settings`, the log in the first such page that it holds. The file has all changes
 * that came before the log began, so the log's number is at most one more than the
 * file's; and the file has nothing that its log did not have before, so the file's is at
 * most that of both together.
 *
 * Behind a broken frame, where SQLite takes the log to end, sound ones may show that more
 * was durable: each counted change was synced before the next one began, so a page that
 * counts two more than the catalogue was not written behind a torn tail. That catalogue
 * has forgotten; it is opened, and who asks catalogue_log_commits() decides.
 */
#ifndef BATON_STORE_CATALOGUE_ENDS_H
#define BATON_STORE_CATALOGUE_ENDS_H

#include "daemon/store/catalogue/internal.h"

/* Sets catalogue->log_commits. For one that was opened to read, while its files are as
 * they were found. What cannot be read, or has no such page, says nothing. ERR_DAMAGED:
 * they do not. */
int catalogue_check_ends(struct catalogue *catalogue, const struct io *io,
			 struct error *error);

#endif
