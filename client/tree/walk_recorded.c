#include "client/tree/walk_recorded.h"

#include <dirent.h>

bool walk_recorded(const struct record_scout *scout, uint32_t number,
		   struct record_entry *ret_entry)
{
	if (number == RECORD_NONE || !record_scout_saw(scout, number, SCOUT_HOLDS))
		return false;
	*ret_entry = record_get(scout->record, number);
	return true;
}

void walk_recorded_names(const struct record *record, uint32_t directory,
			 struct walk_names *names)
{
	static const unsigned char types[] = {DT_UNKNOWN, DT_REG, DT_DIR, DT_LNK};
	uint32_t end = record_end(record, directory);
	for (uint32_t at = directory + 1; at < end; at = record_end(record, at)) {
		struct record_name entry = record_name_of(record, at);
		walk_names_recall(names, types[entry.type], entry.name, entry.name_len);
	}
	walk_names_sort(names);
}

void walk_recorded_keep(struct entry *entry, uint32_t number,
			const struct record_entry *known)
{
	entry->mode = known->mode & 0777u;
	entry->seconds = known->stamp.modified.seconds;
	entry->nanoseconds = known->stamp.modified.nanoseconds;
	entry->record = number;
	entry->changed_ns = known->stamp.changed_ns;
	entry->is_recorded = true;
}

void walk_recorded_note(struct entry *entry, const struct stat *status, dev_t device)
{
	struct stamp stamp = stamp_of(status);
	entry->mode = status->st_mode & 0777;
	entry->seconds = stamp.modified.seconds;
	entry->nanoseconds = stamp.modified.nanoseconds;
	entry->inode = stamp.inode;
	if (status->st_dev == device && (status->st_mode & 07000) == 0 &&
	    stamp_is_settled(&stamp))
		entry->changed_ns = stamp.changed_ns;
}
