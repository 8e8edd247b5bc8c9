#include "client/destination/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/place/alike.h"
#include "client/record/pass.h"
#include "client/record/scout.h"
#include "client/terminal/interrupts.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Opening and closing a file takes as long as reading so many bytes. */
#define SETTLE_FILE_COST 8192u

/* ---- which entry is which ---- */

/* The record's entry for each entry of the view, which are both in manifest order. */
static void match_entries(struct known_record *known)
{
	const struct view_table *table = known->table;
	uint32_t *next AUTO_FREE = must_calloc(table->entry_count, sizeof(*next));
	known->recorded = must_alloc(table->entry_count * sizeof(*known->recorded));
	known->recorded[VIEW_ROOT] = 0;
	next[VIEW_ROOT] = 1;
	for (uint32_t entry = 1; entry < table->entry_count; entry++) {
		uint32_t parent = table->entries[entry].parent;
		const char *name = view_table_name(table, entry);
		uint32_t found = RECORD_NONE;
		if (known->recorded[parent] != RECORD_NONE)
			found = record_seek(
				known->record, &next[parent],
				record_end(known->record, known->recorded[parent]), name,
				strlen(name));
		known->recorded[entry] = found;
		next[entry] = found == RECORD_NONE ? 0 : found + 1;
	}
}

static bool units_equal(const struct known_record *known, uint32_t entry,
			const struct record_entry *before)
{
	const struct view_entry *row = &known->table->entries[entry];
	const struct view_unit *units = known->table->units + row->first_unit;
	if (before->unit_count != row->unit_count)
		return false;
	for (uint32_t i = 0; i < row->unit_count; i++) {
		struct unit_name name = record_unit(before, i);
		if (!unit_name_equal(&name, &units[i].name))
			return false;
	}
	return true;
}

static bool time_equal(const struct known_record *known, uint32_t entry,
		       const struct record_entry *before)
{
	const struct view_entry *row = &known->table->entries[entry];
	return known->options->times_now ||
	       (before->stamp.modified.seconds == row->seconds &&
		before->stamp.modified.nanoseconds == row->nanoseconds);
}

static bool target_equal(const struct known_record *known, uint32_t entry,
			 const struct record_entry *before)
{
	const char *target = view_table_target(known->table, entry);
	return before->target_len == strlen(target) &&
	       memcmp(before->target, target, before->target_len) == 0;
}

/* Whether the record has what the view has, its time too. */
static bool says_the_same(const struct known_record *known, uint32_t entry)
{
	const struct view_entry *row = &known->table->entries[entry];
	if (known->options->reads_all || known->recorded[entry] == RECORD_NONE)
		return false;
	struct record_entry before = record_get(known->record, known->recorded[entry]);
	if (before.type != row->type)
		return false;
	if (row->type == ROW_DIRECTORY)
		return (before.mode & 0500) == 0500 &&
		       (row->implied || (before.mode & 0777) == row->mode);
	if (!before.trusted || !time_equal(known, entry, &before))
		return false;
	if (row->type == ROW_SYMLINK)
		return target_equal(known, entry, &before);
	return before.mode == row->mode && units_equal(known, entry, &before);
}

void known_open(struct known_record *known, struct places *places,
		const struct destination_options *options)
{
	*known = (struct known_record){
		.places = places,
		.table = places->table,
		.options = options,
	};
	if (!options->keeps_record)
		return;
	known->notes = must_calloc(known->table->entry_count, sizeof(*known->notes));
	known_note_device(known);
	const struct record *record = options->record;
	if (places->root_fd < 0 || !record || !record_is_of(record, places->root_fd))
		return;
	known->record = record;
	match_entries(known);
}

void known_fini(struct known_record *known)
{
	free(known->recorded);
	free(known->notes);
}

void known_note_device(struct known_record *known)
{
	struct stat stat;
	if (known->places->root_fd >= 0 && fstat(known->places->root_fd, &stat) == 0)
		known->device = stat.st_dev;
}

/* ---- what need not be read ---- */

/* Whether all of the view lies in DIR as the record says, so that nothing has to be done.
 * A record that holds much more is not worth looking through; what is to be deleted may
 * lie on other mounts, which the record does not know. */
bool known_covers(struct known_record *known)
{
	if (!known->record || known->options->delete_extra ||
	    record_count(known->record) / 2 > known->table->entry_count)
		return false;
	for (uint32_t entry = 1; entry < known->table->entry_count; entry++)
		if (!says_the_same(known, entry))
			return false;
	struct record_scout scout AUTO(record_scout_fini) = {0};
	record_scout_init(&scout, known->record, known->places->root_fd);
	record_scout_run(&scout, 1, record_count(known->record));
	for (uint32_t entry = 1; entry < known->table->entry_count; entry++) {
		bool is_directory = known->table->entries[entry].type == ROW_DIRECTORY;
		if (!record_scout_saw(&scout, known->recorded[entry],
				      is_directory ? SCOUT_DIRECTORY : SCOUT_HOLDS))
			return false;
	}
	known->is_as_recorded = true;
	return true;
}

bool known_holds(const struct known_record *known, uint32_t entry,
		 const struct stat *stat)
{
	if (!known->record || !says_the_same(known, entry))
		return false;
	struct record_entry before = record_get(known->record, known->recorded[entry]);
	return record_entry_holds(known->record, &before, stat);
}

/* ---- how it is called ---- */

static bool is_ascii(const char *name)
{
	while (*name && !((unsigned char)*name & 0x80))
		name++;
	return !*name;
}

/* Whether it is worth asking the file system. */
static bool may_be_alike(const char *name, const char *other)
{
	return strcasecmp(name, other) == 0 || !is_ascii(name) || !is_ascii(other);
}

char *known_name(const struct known_record *known, uint32_t entry, int fd,
		 const struct stat *there)
{
	const struct record *record = known->record;
	const char *own = view_table_name(known->table, entry);
	if (!record)
		return NULL;
	if (known->recorded[entry] != RECORD_NONE)
		return must_strdup(own);
	uint32_t directory = known->recorded[known->table->entries[entry].parent];
	if (directory == RECORD_NONE)
		return NULL;
	uint32_t end = record_end(record, directory);
	for (uint32_t at = directory + 1; at < end; at = record_end(record, at)) {
		struct record_name found = record_name_of(record, at);
		char *name AUTO_FREE = must_memdup(found.name, found.name_len);
		if (may_be_alike(own, name) && alike_is(fd, name, there))
			return take_ptr(&name);
	}
	return NULL;
}

/* ---- what is to be remembered ---- */

/* Its time must be the row's, since the note has none. */
static bool is_plain(const struct known_record *known, uint32_t entry,
		     const struct stat *stat)
{
	const struct view_entry *row = &known->table->entries[entry];
	return known->notes && !known->options->times_now && !row->implied &&
	       stat->st_dev == known->device && (stat->st_mode & 07000) == 0 &&
	       stat->st_mtim.tv_sec == row->seconds &&
	       stat->st_mtim.tv_nsec == (long)row->nanoseconds;
}

static void note(struct known_record *known, uint32_t entry, const struct stat *stat)
{
	struct stamp stamp = stamp_of(stat);
	known->notes[entry] = (struct record_note){.inode = stamp.inode,
						   .changed_ns = stamp.changed_ns};
}

bool known_can_prove(const struct known_record *known, uint32_t entry,
		     const struct stat *stat)
{
	struct stamp stamp = stamp_of(stat);
	return is_plain(known, entry, stat) && stamp_is_settled(&stamp);
}

void known_note_kept(struct known_record *known, uint32_t entry, const struct stat *stat)
{
	note(known, entry, stat);
}

void known_note_made(struct known_record *known, uint32_t entry, const struct stat *stat)
{
	if (!is_plain(known, entry, stat) || place_of(known->places, entry) != PLACE_NEW)
		return;
	note(known, entry, stat);
	int64_t changed_ns = known->notes[entry].changed_ns;
	int64_t latest = __atomic_load_n(&known->latest_ns, __ATOMIC_RELAXED);
	while (latest < changed_ns &&
	       !__atomic_compare_exchange_n(&known->latest_ns, &latest, changed_ns, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void known_note_fd(struct known_record *known, uint32_t entry, int fd)
{
	struct stat stat;
	if (known->notes && place_of(known->places, entry) == PLACE_NEW &&
	    fstat(fd, &stat) == 0)
		known_note_made(known, entry, &stat);
}

void known_forget(struct known_record *known, uint32_t entry)
{
	if (known->notes)
		known->notes[entry].changed_ns = 0;
}

/* Whether to read again what was made would take longer than to wait. */
static bool is_worth_settling(const struct known_record *known)
{
	uint64_t cost = 0;
	for (uint32_t entry = 1; entry < known->table->entry_count; entry++)
		if (known->table->entries[entry].type == ROW_FILE &&
		    place_of(known->places, entry) == PLACE_NEW)
			cost += SETTLE_FILE_COST + view_table_size(known->table, entry);
	return cost >= known->options->settle_from;
}

/* Nobody has seen what was made until it is published: from two grains of the clock on no
 * write can leave its change time as it is. What is younger then proves nothing. */
void known_settle(struct known_record *known)
{
	struct stamp stamp = {.changed_ns = known->latest_ns};
	if (!known->notes || !known->latest_ns)
		return;
	int wait_ms = is_worth_settling(known) ? STAMP_SETTLE_MS_MAX : 0;
	if (stamp_settle(&stamp, interrupts_fd(), wait_ms))
		return;
	for (uint32_t entry = 0; entry < known->table->entry_count; entry++) {
		stamp.changed_ns = known->notes[entry].changed_ns;
		if (place_of(known->places, entry) == PLACE_NEW &&
		    !stamp_is_settled(&stamp))
			known->notes[entry].changed_ns = 0;
	}
}

/* ---- writing ---- */

/* The names of a file's units, and its size. */
static void add_units(const struct known_record *known, uint32_t number,
		      struct record_pass *pass, struct record_entry *entry)
{
	const struct view_table *table = known->table;
	const struct view_entry *row = &table->entries[number];
	for (uint32_t i = 0; i < row->unit_count; i++)
		record_pass_add_unit(pass, &table->units[row->first_unit + i].name);
	entry->size = view_table_size(table, number);
}

/* The mode that a directory has now. */
static uint16_t mode_of_directory(struct known_record *known, uint32_t entry)
{
	struct stat stat;
	int fd = places_fd(known->places, 0, entry);
	return fd >= 0 && fstat(fd, &stat) == 0 ? stat.st_mode & 07777 : 0;
}

/* has_base: entries may be rows of a base. */
static void add_entry(struct known_record *known, struct record_pass *pass,
		      uint32_t number, bool has_base)
{
	const struct view_entry *row = &known->table->entries[number];
	const char *name = number == VIEW_ROOT ? ""
					       : view_table_name(known->table, number);
	bool trusted = known->notes[number].changed_ns != 0;
	struct record_entry entry = {
		.name = name,
		.name_len = strlen(name),
		.type = row->type,
		.mode = row->mode,
		.trusted = trusted,
		.in_base = has_base && row->in_base,
		.in_view = number != VIEW_ROOT,
		.stamp = {.inode = known->notes[number].inode,
			  .modified = {row->seconds, row->nanoseconds},
			  .changed_ns = known->notes[number].changed_ns},
	};
	if (row->type == ROW_FILE && trusted)
		add_units(known, number, pass, &entry);
	if (row->type == ROW_DIRECTORY) {
		entry.listed = trusted && place_of(known->places, number) == PLACE_NEW;
		if (!trusted)
			entry.mode = mode_of_directory(known, number);
		if (!row->implied)
			entry.mode = (entry.mode & 07000) | row->mode;
	}
	if (row->type == ROW_SYMLINK) {
		entry.target = view_table_target(known->table, number);
		entry.target_len = strlen(entry.target);
	}
	record_pass_add(pass, number, row->parent, &entry);
}

static bool names_view(const struct record *record, const struct record_view *view)
{
	size_t count;
	const struct record_view *views = record_views(record, &count);
	for (size_t i = 0; i < count; i++)
		if (digest_equal(&views[i].tag, &view->tag) &&
		    (views[i].is_base || digest_equal(&views[i].server, &view->server)))
			return true;
	return false;
}

/* All of the view lies in DIR as the record says, which may not know that it is a view.
 * Its times need not be those of the rows if they are to be left as they are. */
static int record_view(const struct known_record *known, const struct record_view *view)
{
	if (!record_view_is_known(view) || known->options->times_now ||
	    names_view(known->record, view))
		return 0;
	return record_write_view(known->places->root_fd, known->record, view,
				 known->recorded + 1, known->table->entry_count - 1);
}

int known_write(struct known_record *known, const struct record_base *base,
		const struct record_view *view)
{
	if (!known->notes)
		return 0;
	if (known->is_as_recorded)
		return record_view(known, view);
	struct record_writer *writer =
		record_writer_new(known->places->root_fd, known->record, view);
	if (!writer)
		return -1;
	struct record_pass pass AUTO(record_pass_fini);
	record_pass_init(&pass, writer, known->table->entry_count);
	for (uint32_t entry = 0; entry < known->table->entry_count; entry++)
		add_entry(known, &pass, entry, base);
	return record_writer_commit(writer, base);
}
