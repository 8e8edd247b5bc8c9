/*
 * What a walk takes from a scouted stat record instead of looking, and what it notes of
 * what it looked at. Private to walk.c; one thread.
 */
#ifndef BATON_CLIENT_TREE_WALK_RECORDED_H
#define BATON_CLIENT_TREE_WALK_RECORDED_H

#include "client/record/scout.h"
#include "client/tree/tree.h"
#include "client/tree/walk_names.h"

/* What the record says of an entry that the scout found to be so. scout may be NULL, the
 * number RECORD_NONE. */
bool walk_recorded(const struct record_scout *scout, uint32_t number,
		   struct record_entry *ret_entry);
/* The names in a directory, sorted. */
void walk_recorded_names(const struct record *record, uint32_t directory,
			 struct walk_names *names);
/* Takes mode, time and stamp from the record, where it has that number. */
void walk_recorded_keep(struct entry *entry, uint32_t number,
			const struct record_entry *known);
/* Takes them from a status. If it is settled, and of a path on the root's device, it
 * stands for what is read from now on. */
void walk_recorded_note(struct entry *entry, const struct stat *status, dev_t device);

#endif
