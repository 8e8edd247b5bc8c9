/* The stat record of DIR: what need not be read, and what is to be remembered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/destination/internal.h"
#include "client/record/pass.h"
#include "client/record/scout.h"
#include "client/terminal/interrupts.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* How long an attach waits at its end so that what it wrote can be trusted. */
#define SETTLE_MS_MAX 50
/* Opening and closing a file takes as long as reading so many bytes. */
#define SETTLE_FILE_COST 8192u

/* ---- which entry is which ---- */

/* The record's entry for each entry of the view, which are both in manifest order. */
static void match_entries(struct materialise *m)
{
	const struct view_table *table = m->table;
	uint32_t *next AUTO_FREE = must_calloc(table->entry_count, sizeof *next);
	m->recorded = must_alloc(table->entry_count * sizeof *m->recorded);
	m->recorded[VIEW_ROOT] = 0;
	next[VIEW_ROOT] = 1;
	for (uint32_t entry = 1; entry < table->entry_count; entry++) {
		uint32_t parent = table->entries[entry].parent;
		const char *name = view_table_name(table, entry);
		uint32_t found = RECORD_NONE;
		if (m->recorded[parent] != RECORD_NONE)
			found = record_seek(m->record, &next[parent],
					    record_end(m->record, m->recorded[parent]),
					    name, strlen(name));
		m->recorded[entry] = found;
		next[entry] = found == RECORD_NONE ? 0 : found + 1;
	}
}

static bool units_equal(const struct materialise *m, uint32_t entry,
			const struct record_entry *known)
{
	const struct view_entry *row = &m->table->entries[entry];
	const struct view_unit *units = m->table->units + row->first_unit;
	if (known->unit_count != row->unit_count)
		return false;
	for (uint32_t i = 0; i < row->unit_count; i++) {
		struct unit_name name = record_unit(known, i);
		if (!unit_name_equal(&name, &units[i].name))
			return false;
	}
	return true;
}

static bool time_equal(const struct materialise *m, uint32_t entry,
		       const struct record_entry *known)
{
	const struct view_entry *row = &m->table->entries[entry];
	return m->options.times_now ||
	       (known->stamp.modified.seconds == row->seconds &&
		known->stamp.modified.nanoseconds == row->nanoseconds);
}

static bool target_equal(const struct materialise *m, uint32_t entry,
			 const struct record_entry *known)
{
	const char *target = view_table_target(m->table, entry);
	return known->target_len == strlen(target) &&
	       memcmp(known->target, target, known->target_len) == 0;
}

/* Whether the record has what the view has, its time too. */
static bool says_the_same(const struct materialise *m, uint32_t entry)
{
	const struct view_entry *row = &m->table->entries[entry];
	if (m->recorded[entry] == RECORD_NONE)
		return false;
	struct record_entry known = record_get(m->record, m->recorded[entry]);
	if (known.type != row->type)
		return false;
	if (row->type == ROW_DIRECTORY)
		return (known.mode & 0500) == 0500 &&
		       (row->implied || (known.mode & 0777) == row->mode);
	if (!known.trusted || !time_equal(m, entry, &known))
		return false;
	if (row->type == ROW_SYMLINK)
		return target_equal(m, entry, &known);
	return known.mode == row->mode && units_equal(m, entry, &known);
}

void known_open(struct materialise *m)
{
	if (!m->options.keeps_record)
		return;
	m->notes = must_calloc(m->table->entry_count, sizeof *m->notes);
	known_note_device(m);
	const struct record *record = m->options.record;
	if (m->missing || !record || !record_is_of(record, m->root_fd))
		return;
	m->record = record;
	match_entries(m);
}

void known_fini(struct materialise *m)
{
	free(m->recorded);
	free(m->notes);
}

void known_note_device(struct materialise *m)
{
	struct stat stat;
	if (m->root_fd >= 0 && fstat(m->root_fd, &stat) == 0)
		m->device = stat.st_dev;
}

/* ---- what need not be read ---- */

/* Whether all of the view lies in DIR as the record says, so that nothing has to be done.
 * A record that holds much more is not worth looking through; what is to be deleted may
 * lie on other mounts, which the record does not know. */
bool known_covers(struct materialise *m)
{
	if (!m->record || m->options.delete_extra ||
	    record_count(m->record) / 2 > m->table->entry_count)
		return false;
	for (uint32_t entry = 1; entry < m->table->entry_count; entry++)
		if (!says_the_same(m, entry))
			return false;
	struct record_scout scout AUTO(record_scout_fini) = {0};
	record_scout_init(&scout, m->record, m->root_fd);
	record_scout_run(&scout, 1, record_count(m->record));
	for (uint32_t entry = 1; entry < m->table->entry_count; entry++) {
		bool is_directory = m->table->entries[entry].type == ROW_DIRECTORY;
		if (!record_scout_saw(&scout, m->recorded[entry],
				      is_directory ? SCOUT_DIRECTORY : SCOUT_HOLDS))
			return false;
	}
	m->is_as_recorded = true;
	return true;
}

bool known_holds(const struct materialise *m, uint32_t entry, const struct stat *stat)
{
	if (!m->record || !says_the_same(m, entry))
		return false;
	struct record_entry known = record_get(m->record, m->recorded[entry]);
	return record_entry_holds(m->record, &known, stat);
}

/* ---- what is to be remembered ---- */

/* Its time must be the row's, since the note has none. */
static bool is_plain(const struct materialise *m, uint32_t entry, const struct stat *stat)
{
	const struct view_entry *row = &m->table->entries[entry];
	return m->notes && !m->options.times_now && !row->implied &&
	       stat->st_dev == m->device && (stat->st_mode & 07000) == 0 &&
	       stat->st_mtim.tv_sec == row->seconds &&
	       stat->st_mtim.tv_nsec == (long)row->nanoseconds;
}

static void note(struct materialise *m, uint32_t entry, const struct stat *stat)
{
	struct stamp stamp = stamp_of(stat);
	m->notes[entry] = (struct record_note){.inode = stamp.inode,
					       .changed_ns = stamp.changed_ns};
}

bool known_can_prove(const struct materialise *m, uint32_t entry, const struct stat *stat)
{
	struct stamp stamp = stamp_of(stat);
	return is_plain(m, entry, stat) && stamp_is_settled(&stamp);
}

void known_note_kept(struct materialise *m, uint32_t entry, const struct stat *stat)
{
	note(m, entry, stat);
}

void known_note_made(struct materialise *m, uint32_t entry, const struct stat *stat)
{
	if (!is_plain(m, entry, stat) || place_of(m, entry) != PLACE_NEW)
		return;
	note(m, entry, stat);
	int64_t changed_ns = m->notes[entry].changed_ns;
	int64_t latest = __atomic_load_n(&m->latest_ns, __ATOMIC_RELAXED);
	while (latest < changed_ns &&
	       !__atomic_compare_exchange_n(&m->latest_ns, &latest, changed_ns, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void known_note_fd(struct materialise *m, uint32_t entry, int fd)
{
	struct stat stat;
	if (m->notes && place_of(m, entry) == PLACE_NEW && fstat(fd, &stat) == 0)
		known_note_made(m, entry, &stat);
}

/* Whether to read again what was made would take longer than to wait. */
static bool is_worth_settling(const struct materialise *m)
{
	uint64_t cost = 0;
	for (uint32_t entry = 1; entry < m->table->entry_count; entry++)
		if (m->table->entries[entry].type == ROW_FILE &&
		    place_of(m, entry) == PLACE_NEW)
			cost += SETTLE_FILE_COST + view_table_size(m->table, entry);
	return cost >= m->options.settle_from;
}

/* Nobody has seen what was made until it is published: from two grains of the clock on no
 * write can leave its change time as it is. What is younger then proves nothing. */
void known_settle(struct materialise *m)
{
	struct stamp stamp = {.changed_ns = m->latest_ns};
	if (!m->notes || !m->latest_ns)
		return;
	int wait_ms = is_worth_settling(m) ? SETTLE_MS_MAX : 0;
	if (stamp_settle(&stamp, interrupts_fd(), wait_ms))
		return;
	for (uint32_t entry = 0; entry < m->table->entry_count; entry++) {
		stamp.changed_ns = m->notes[entry].changed_ns;
		if (place_of(m, entry) == PLACE_NEW && !stamp_is_settled(&stamp))
			m->notes[entry].changed_ns = 0;
	}
}

/* ---- writing ---- */

/* The names of a file's units, and its size. */
static void add_units(const struct materialise *m, uint32_t number,
		      struct record_pass *pass, struct record_entry *entry)
{
	const struct view_table *table = m->table;
	const struct view_entry *row = &table->entries[number];
	for (uint32_t i = 0; i < row->unit_count; i++)
		record_pass_add_unit(pass, &table->units[row->first_unit + i].name);
	entry->size = view_table_size(table, number);
}

/* The mode that a directory has now. */
static uint16_t mode_of_directory(struct materialise *m, uint32_t entry)
{
	struct stat stat;
	int fd = directory_fd(m, 0, entry);
	return fd >= 0 && fstat(fd, &stat) == 0 ? stat.st_mode & 07777 : 0;
}

/* has_base: entries may be rows of a base. */
static void add_entry(struct materialise *m, struct record_pass *pass, uint32_t number,
		      bool has_base)
{
	const struct view_entry *row = &m->table->entries[number];
	const char *name = number == VIEW_ROOT ? "" : view_table_name(m->table, number);
	bool trusted = m->notes[number].changed_ns != 0;
	struct record_entry entry = {
		.name = name,
		.name_len = strlen(name),
		.type = row->type,
		.mode = row->mode,
		.trusted = trusted,
		.in_base = has_base && row->in_base,
		.in_view = number != VIEW_ROOT,
		.stamp = {.inode = m->notes[number].inode,
			  .modified = {row->seconds, row->nanoseconds},
			  .changed_ns = m->notes[number].changed_ns},
	};
	if (row->type == ROW_FILE && trusted)
		add_units(m, number, pass, &entry);
	if (row->type == ROW_DIRECTORY) {
		entry.listed = trusted && place_of(m, number) == PLACE_NEW;
		if (!trusted)
			entry.mode = mode_of_directory(m, number);
		if (!row->implied)
			entry.mode = (entry.mode & 07000) | row->mode;
	}
	if (row->type == ROW_SYMLINK) {
		entry.target = view_table_target(m->table, number);
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
static int record_view(const struct materialise *m, const struct record_view *view)
{
	if (!record_view_is_known(view) || m->options.times_now ||
	    names_view(m->record, view))
		return 0;
	return record_write_view(m->root_fd, m->record, view, m->recorded + 1,
				 m->table->entry_count - 1);
}

int materialise_record(struct materialise *m, const struct record_base *base,
		       const struct record_view *view)
{
	if (!m->notes)
		return 0;
	if (m->is_as_recorded)
		return record_view(m, view);
	struct record_writer *writer = record_writer_new(m->root_fd, m->record, view);
	if (!writer)
		return -1;
	struct record_pass pass AUTO(record_pass_fini);
	record_pass_init(&pass, writer, m->table->entry_count);
	for (uint32_t entry = 0; entry < m->table->entry_count; entry++)
		add_entry(m, &pass, entry, base);
	return record_writer_commit(writer, base);
}
