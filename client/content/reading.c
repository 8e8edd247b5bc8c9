#include "client/content/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

void reading_fini(struct reading *reading)
{
	free(reading->again.items);
	free(reading->racy.items);
}

/* ---- files to be visited again ---- */

static void add(struct revisit_list *list, const struct revisit *revisit)
{
	array_make_room(list->items, list->count, list->room);
	list->items[list->count++] = *revisit;
}

void reading_revisit_locked(struct reading *reading, const struct revisit *revisit)
{
	add(&reading->again, revisit);
	(void)pthread_cond_broadcast(&reading->flow->job);
}

void reading_note_racy(struct reading *reading, const struct revisit *revisit)
{
	flow_lock(reading->flow);
	add(&reading->racy, revisit);
	flow_unlock(reading->flow);
}

bool reading_next_again_locked(struct reading *reading, struct revisit *ret_revisit)
{
	if (reading->again.count == 0)
		return false;
	*ret_revisit = reading->again.items[--reading->again.count];
	return true;
}

bool reading_next_again(struct reading *reading, struct revisit *ret_revisit)
{
	flow_lock(reading->flow);
	bool any = reading_next_again_locked(reading, ret_revisit);
	flow_unlock(reading->flow);
	return any;
}

/* ---- what the user hears ---- */

void reading_warn(struct reading *reading, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	flow_lock(reading->flow);
	string_list_add(reading->warnings, text);
	flow_unlock(reading->flow);
}

void reading_skip(struct reading *reading)
{
	flow_lock(reading->flow);
	reading->skipped++;
	flow_unlock(reading->flow);
}

void reading_leave_out(struct reading *reading, uint32_t number, const char *why)
{
	char *path AUTO_FREE = tree_path_text(reading->tree, number);
	reading_warn(reading, "`%s`: left out, because it %s", path, why);
	struct entry *entry = tree_entry(reading->tree, number);
	entry_set_units(entry, NULL, 0);
	entry->size = 0;
	entry->inode = 0;
	entry->changed_ns = 0;
	entry->is_recorded = false;
	entry->is_row = false;
	entry->loses = false;
	entry->is_known = true;
	entry_settle(entry);
	reading_skip(reading);
}

void reading_only_open(struct reading *reading)
{
	__atomic_store_n(&reading->only_opens, true, __ATOMIC_RELAXED);
}

bool reading_only_opens(const struct reading *reading)
{
	return __atomic_load_n(&reading->only_opens, __ATOMIC_RELAXED);
}

bool reading_put_aside(struct reading *reading, const struct error *error)
{
	bool is_of_one = error->code == ERR_LOCAL || error->code == ERR_CHANGED ||
			 error->code == ERR_LIMIT;
	if (is_of_one)
		faults_add(reading->faults, error);
	if (is_of_one && error->code != ERR_CHANGED)
		reading_only_open(reading);
	return is_of_one;
}

int reading_give_up(struct reading *reading, uint32_t number, struct error *error)
{
	if (reading->if_changed == IF_CHANGED_SKIP) {
		reading_leave_out(reading, number, "kept changing while it was read");
		return 0;
	}
	char *path AUTO_FREE = tree_path_text(reading->tree, number);
	if (reading->if_changed == IF_CHANGED_PREFIX)
		return error_set(error, ERR_CHANGED,
				 "`%s`: kept changing while it was read, not only at its "
				 "end, so that --if-changed=prefix does not help",
				 path);
	return error_set(
		error, ERR_CHANGED,
		"`%s`: kept changing while it was read, %u times; use "
		"--if-changed=skip to leave it out, or =prefix to store what was "
		"there when it was opened",
		path, READ_AGAIN_MAX + 1);
}
