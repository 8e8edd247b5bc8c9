#include "client/attach_held.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/stat_scout.h"
#include "proto/cleanup.h"

void attach_held_open(struct attach_held *held, const struct options *options)
{
	*held = (struct attach_held){.root_fd = -1};
	if (options->no_stat_record || options->verify)
		return;
	held->root_fd = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (held->root_fd >= 0)
		held->record = stat_record_open(held->root_fd);
}

void attach_held_close(struct attach_held *held)
{
	stat_record_close(held->record);
	cleanup_fd_(&held->root_fd);
	*held = (struct attach_held){.root_fd = -1};
}

/* What is extra is found by listing directories, what is told path by path by its rows.
 */
static bool needs_rows(const struct options *options)
{
	return options->delete_extra || options->dry_run || options->verbose;
}

struct digest attach_held_server(const char *server)
{
	return sha256_of(server, strlen(server));
}

static void name_view(struct attach_held *held, const struct record_view *view)
{
	held->tags[held->named_count] =
		(struct text){(const char *)view->tag.bytes, SHA256_LEN};
	held->named[held->named_count++] = view;
}

/* That a base is what its tag says the digest proves; of another view only the daemon
 * that gave it may say so: another one could have given anything under that tag. */
struct text_list attach_held_tags(struct attach_held *held, const struct options *options,
				  const char *server)
{
	struct digest here = attach_held_server(server);
	size_t count = 0;
	const struct record_view *views = NULL;
	if (held->record && !needs_rows(options))
		views = stat_record_views(held->record, &count);
	for (size_t i = 0; i < count; i++)
		if (views[i].is_base || digest_equal(&views[i].server, &here))
			name_view(held, &views[i]);
	return (struct text_list){.items = held->tags, .count = held->named_count};
}

/* The view of that tag; NULL: none was named. */
static const struct record_view *find_view(const struct attach_held *held,
					   const struct digest *tag)
{
	for (size_t i = 0; i < held->named_count; i++)
		if (digest_equal(&held->named[i]->tag, tag))
			return held->named[i];
	return NULL;
}

static bool is_there(const struct attach_held *held, const struct record_view *view)
{
	struct stat_scout scout AUTO(stat_scout_fini) = {0};
	uint32_t count = stat_record_count(held->record);
	stat_scout_init(&scout, held->record, held->root_fd);
	stat_scout_run(&scout, 1, count);
	for (uint32_t entry = 1; entry < count; entry++) {
		struct record_name name = stat_record_name(held->record, entry);
		uint8_t enough = name.type == ROW_DIRECTORY ? SCOUT_DIRECTORY
							    : SCOUT_HOLDS;
		if (record_view_has(view, &name) &&
		    !stat_scout_saw(&scout, entry, enough))
			return false;
	}
	return true;
}

bool attach_held_lies_there(const struct attach_held *held, struct view_rows *view)
{
	const struct record_view *known = find_view(held, &view->tag);
	if (!known || !is_there(held, known))
		return false;
	view->digest = known->digest;
	view->totals = known->totals;
	return true;
}
