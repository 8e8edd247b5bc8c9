#include "client/select/select_link.h"

#include "proto/path/path.h"

/* Whether the glob matches the path, and no directory above it. */
static bool glob_means(const struct glob *glob, struct named path)
{
	bool means = glob_matches(glob, path.path, path.len, path.is_dir);
	size_t len = path.len;
	while (means && len > 0) {
		len = path_parent_len(path.path, len);
		means = !glob_matches(glob, path.path, len, true);
	}
	return means;
}

static const struct selector *glob_at(const struct selection *selection, size_t number)
{
	return &selection->items[selection->globs[number]];
}

static bool a_glob_means(const struct selection *selection, struct named path)
{
	bool means = false;
	for (size_t i = 0; !means && i < selection->glob_count; i++)
		means = glob_means(glob_at(selection, i)->glob, path);
	return means;
}

bool selection_means(const struct selection *selection, struct named path)
{
	const struct selector *literal = selection_literal_from(selection, path);
	return (literal && literal->path_len == path.len) ||
	       a_glob_means(selection, path);
}

/* Whether the directories that a glob begins with are this path, or below it. */
static bool a_glob_goes_through(const struct selection *selection, struct named path)
{
	bool goes = false;
	for (size_t i = 0; !goes && i < selection->glob_count; i++) {
		const struct selector *glob = glob_at(selection, i);
		goes = path_compare(glob->path, glob->plain_len, path.path, path.len) ==
			       0 ||
		       path_below(glob->path, glob->plain_len, path.path, path.len);
	}
	return goes;
}

bool selection_follows(const struct selection *selection, struct named path)
{
	if (glob_set_matches_itself(&selection->excludes, path.path, path.len, false))
		return false;
	/* A pattern that wants a directory may get one. */
	path.is_dir = true;
	return selection_literal_from(selection, path) ||
	       a_glob_goes_through(selection, path) || a_glob_means(selection, path);
}

static bool is_taken_itself(const struct selection *selection, struct named path)
{
	const struct selector *literal = selection_literal_from(selection, path);
	bool taken = literal && literal->path_len == path.len;
	for (size_t i = 0; !taken && i < selection->glob_count; i++)
		taken = glob_matches(glob_at(selection, i)->glob, path.path, path.len,
				     path.is_dir);
	return taken;
}

bool selection_takes(const struct selection *selection, struct named path)
{
	bool taken = false;
	for (;;) {
		if (path.len > 0 &&
		    glob_set_matches_itself(&selection->excludes, path.path, path.len,
					    path.is_dir))
			return false;
		taken = taken || is_taken_itself(selection, path);
		if (path.len == 0)
			return taken;
		path.len = path_parent_len(path.path, path.len);
		path.is_dir = true;
	}
}
