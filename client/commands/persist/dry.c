/* What --dry-run does in place of a persist: walks, opens and counts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/commands/persist/session.h"
#include "client/select/link.h"
#include "client/terminal/interrupts.h"
#include "client/tree/directory.h"
#include "client/tree/loss.h"
#include "client/tree/one_mode.h"
#include "client/tree/walk.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/escape.h"

struct dry_run {
	struct persist *persist; /* borrowed */
	struct tree tree;
	struct tree_directory directory;
	uint64_t skipped;
	struct links_left_out links;
	struct faults faults;
	struct totals totals;
};

static void on_skipped(void *context, const char *path, size_t len, const char *kind)
{
	struct dry_run *dry = context;
	char *text AUTO_FREE = escape_encode(path, len);
	report_warning(dry->persist->report, "`%s`: skipped, because it is a %s", text,
		       kind);
	dry->skipped++;
}

static void on_link(void *context, enum link_end end, const char *path, size_t len,
		    const char *target)
{
	struct dry_run *dry = context;
	links_left_out_add(&dry->links, end, path, len, target);
}

static int on_progress(void *context, struct error *error)
{
	(void)context;
	if (interrupts_pending())
		return error_set(error, ERR_INTERRUPTED, "interrupted");
	return 0;
}

static void dry_run_fini(struct dry_run *dry)
{
	tree_directory_fini(&dry->directory);
	links_left_out_fini(&dry->links);
	faults_fini(&dry->faults);
	tree_fini(&dry->tree);
}

static void note_mode(struct dry_run *dry, uint32_t number, int fd, mode_t mode)
{
	char begin[4];
	ssize_t len = pread(fd, begin, sizeof(begin), 0);
	uint8_t loss = loss_of_mode(mode);
	tree_entry(&dry->tree, number)->mode = mode & 0777u;
	if (len > 0) {
		loss |= loss_of_capabilities(fd, mode, begin, (size_t)len);
		one_mode_note(&dry->tree, mode, begin, (size_t)len);
	}
	loss_note(&dry->tree, tree_entry(&dry->tree, number), loss);
}

static int measure(struct dry_run *dry, uint32_t number, struct error *error)
{
	const struct entry *entry = tree_entry(&dry->tree, number);
	dry->totals.directories += entry->type == ROW_DIRECTORY;
	dry->totals.symlinks += entry->type == ROW_SYMLINK;
	if (entry->type != ROW_FILE)
		return 0;
	struct tree_spot spot;
	tree_directory_spot(&dry->directory, number, &spot);
	int fd AUTO_FD = spot.fd < 0 ? -1
				     : openat(spot.fd, spot.name,
					      O_RDONLY | spot.open_flags | O_NONBLOCK |
						      O_NOCTTY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0) {
		int wrong = errno;
		char *text AUTO_FREE = tree_path_text(&dry->tree, number);
		return error_set_errno(error, ERR_LOCAL, wrong, "`%s`: cannot be read",
				       text);
	}
	note_mode(dry, number, fd, status.st_mode);
	dry->totals.files++;
	dry->totals.bytes += (uint64_t)status.st_size;
	return 0;
}

static int measure_all(struct dry_run *dry, struct error *error)
{
	for (uint32_t i = 0; i < dry->tree.count; i++) {
		if (!tree_entry(&dry->tree, i)->is_row)
			continue;
		if (measure(dry, i, error) < 0)
			faults_add(&dry->faults, error);
	}
	return faults_any(&dry->faults) ? faults_error(&dry->faults, error) : 0;
}

static void report_dry(const struct dry_run *dry)
{
	struct report *report = dry->persist->report;
	if (dry->persist->options->verbose)
		persist_report_paths(dry->persist, &dry->tree);
	struct json_writer *json = report_json(report);
	if (json) {
		json_writer_boolean(json, "dry_run", true);
		persist_report_totals(json, &dry->totals);
		json_writer_unsigned(json, "skipped", dry->skipped);
		report_json_warnings(report);
		json_writer_unsigned(json, "elapsed_ms",
				     clock_now_ms() - dry->persist->started_ms);
		return;
	}
	char files[HUMAN_TEXT_SIZE], directories[HUMAN_TEXT_SIZE];
	char symlinks[HUMAN_TEXT_SIZE], bytes[HUMAN_TEXT_SIZE];
	report_line(report, "would persist %s, %s and %s: %s; nothing was done",
		    human_things(dry->totals.files, "file", files),
		    human_things(dry->totals.directories, "directory", directories),
		    human_things(dry->totals.symlinks, "symbolic link", symlinks),
		    human_size(dry->totals.bytes, bytes));
}

int persist_dry_run(struct persist *persist, struct error *error)
{
	struct dry_run dry AUTO(dry_run_fini) = {.persist = persist};
	tree_init(&dry.tree);
	faults_init(&dry.faults);
	tree_directory_init(&dry.directory, &dry.tree, persist->selection.root_fd);
	struct walk_request request = {
		.selection = &persist->selection,
		.prefix = persist->prefix,
		.own = &persist->own,
		.faults = &dry.faults,
		.events = {on_progress, on_skipped, on_link, &dry},
	};
	int err = walk_run(&request, &dry.tree, error);
	if (err == 0 && !faults_any(&dry.faults) &&
	    persist->options->if_empty == IF_EMPTY_ERROR)
		err = selection_check(&persist->selection, &dry.faults, error);
	if (err == 0)
		err = measure_all(&dry, error);
	if (err == 0)
		err = persist_check_totals(persist, &dry.totals, error);
	report_keep_faults(persist->report, &dry.faults);
	if (err < 0)
		return err;
	for (enum link_end end = 0; end < LINK_ENDS; end++) {
		char *links AUTO_FREE = links_left_out_text(&dry.links, end);
		if (links)
			report_warning(persist->report, "%s", links);
	}
	char *loss AUTO_FREE = loss_text(&dry.tree);
	if (loss)
		report_warning(persist->report, "%s", loss);
	char *mode AUTO_FREE = one_mode_text(&dry.tree, persist->selection.root_fd);
	if (mode)
		report_warning(persist->report, "%s", mode);
	persist_warn_of_empty(persist, &dry.totals);
	report_dry(&dry);
	return 0;
}
