#include "client/destination/destination.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/destination/internal.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"

/* ---- opening ---- */

/* DIR itself may be reached through links. */
static int open_root(struct materialise *m, struct error *error)
{
	m->places.root_fd =
		open(m->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->places.root_fd >= 0)
		return 0;
	struct stat stat;
	if (errno == ENOTDIR)
		return error_set(error, ERR_LOCAL,
				 "`%s`: it, or something above it, is not a directory; "
				 "name another place",
				 m->places.shown);
	if (errno != ENOENT)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       m->places.shown);
	if (lstat(m->options.directory, &stat) == 0)
		return error_set(error, ERR_LOCAL,
				 "`%s`: a symbolic link that leads nowhere",
				 m->places.shown);
	if (errno != ENOENT)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       m->places.shown);
	m->missing = true;
	return 0;
}

int materialise_open(const struct view_table *table,
		     const struct materialise_options *options,
		     struct materialise **ret_materialise, struct error *error)
{
	struct materialise *m = must_calloc(1, sizeof *m);
	*ret_materialise = m;
	m->options = *options;
	m->parent_fd = m->root_stage.fd = -1;
	places_init(&m->places, table, options->directory);
	m->modes.places = &m->places;
	int err = open_root(m, error);
	if (err)
		return err;
	known_open(&m->known, &m->places, &m->options);
	return plan_directory(m, error);
}

/* ---- asking ---- */

bool materialise_needs(const struct materialise *m, uint32_t entry)
{
	return place_of(&m->places, entry) != PLACE_KEPT;
}

struct materialise_counts materialise_counts(const struct materialise *m)
{
	struct materialise_counts counts = {0};
	for (uint32_t entry = 0; entry < m->places.table->entry_count; entry++) {
		if (m->places.table->entries[entry].type != ROW_FILE)
			continue;
		counts.files++;
		counts.unchanged += place_of(&m->places, entry) == PLACE_KEPT;
	}
	counts.written = __atomic_load_n(&m->written, __ATOMIC_RELAXED);
	if (m->missing && m->finished)
		counts.written = counts.files;
	return counts;
}

struct listing {
	materialise_on_path *on_path;
	void *context; /* borrowed */
};

static int list_extra(void *context, const struct extra *extra, struct error *error)
{
	(void)error;
	struct listing *listing = context;
	char *path AUTO_FREE = escape_encode(extra->path, extra->path_len);
	listing->on_path(listing->context, MATERIALISE_DELETE, path);
	return 0;
}

int materialise_list(struct materialise *m, materialise_on_path *on_path, void *context,
		     struct error *error)
{
	for (uint32_t entry = 1; entry < m->places.table->entry_count; entry++) {
		bool kept = !materialise_needs(m, entry);
		if (kept && m->places.table->entries[entry].type == ROW_DIRECTORY)
			continue;
		char *path AUTO_FREE = view_table_shown(m->places.table, entry);
		on_path(context, kept ? MATERIALISE_KEEP : MATERIALISE_WRITE, path);
	}
	struct listing listing = {.on_path = on_path, .context = context};
	if (!m->options.delete_extra || m->missing)
		return 0;
	return each_extra(m, list_extra, &listing, error);
}

/* ---- ending ---- */

int materialise_record(struct materialise *m, const struct record_base *base,
		       const struct record_view *view)
{
	return known_write(&m->known, base, view);
}

/* Everything but the memory; again does nothing. */
static void clean_up(struct materialise *m)
{
	struct error ignored;
	if (!m->finished && m->was_empty && m->changed)
		take_back_all(m);
	if (!m->finished && m->missing)
		root_take_back(m);
	remove_stages(m);
	if (m->places.root_fd >= 0)
		(void)modes_restore(&m->modes, &ignored);
	if (m->has_umask)
		(void)umask(m->umask_before);
	m->has_umask = false;
}

void materialise_close(struct materialise *m)
{
	if (!m)
		return;
	clean_up(m);
	if (m->places.root_fd >= 0)
		(void)close(m->places.root_fd);
	if (m->parent_fd >= 0)
		(void)close(m->parent_fd);
	free(m->name);
	free(m->large);
	known_fini(&m->known);
	modes_fini(&m->modes);
	places_fini(&m->places);
	free(m);
}

int materialise_abandon(struct materialise *m, struct error *error)
{
	clean_up(m);
	struct error why = *error;
	struct materialise_counts counts = materialise_counts(m);
	if (m->is_anothers)
		(void)error_set(error, why.code,
				"%s; nothing of this attach is in it; run the command "
				"again to complete what is there",
				why.text);
	else if (!m->changed)
		(void)error_set(error, why.code, "%s; `%s` is as it was", why.text,
				m->places.shown);
	else
		(void)error_set(
			error, why.code,
			"%s; `%s` holds %" PRIu64 " of %" PRIu64
			" files, each whole; run the command again to complete it",
			why.text, m->places.shown, counts.unchanged + counts.written,
			counts.files);
	int code = error->code;
	materialise_close(m);
	return code;
}
