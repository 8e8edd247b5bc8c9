#include "daemon/store/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

void survey_fini(struct survey *survey)
{
	for (size_t i = 0; i < survey->unknown_count; i++)
		free(survey->unknown[i]);
	free(survey->unknown);
	free(survey->other);
	free(survey->rows);
	free(survey->lens);
	*survey = (struct survey){0};
}

uint64_t survey_file_len(const struct survey *survey, size_t row)
{
	return segment_row_len(&survey->rows[row]);
}

uint64_t survey_excess(const struct survey *survey, size_t row)
{
	int64_t len = survey->lens[row];
	uint64_t wanted = survey_file_len(survey, row);
	return len > 0 && (uint64_t)len > wanted ? (uint64_t)len - wanted : 0;
}

bool survey_is_file(const struct store *store, const char *name)
{
	struct stat status;
	return fstatat(store->segments_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	       S_ISREG(status.st_mode);
}

/* ---- the files that rows name --------------------------------------------------- */

/* Length of a segment file; -1 where there is none, or something else has its name; -2 on
 * an error. */
static int64_t file_len(const struct store *store, const char *location,
			struct error *error)
{
	const struct io *io = store->io;
	if (!survey_is_file(store, location))
		return -1;
	int fd = io_open(io, store->segments_fd, location, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT)
		return -1;
	int64_t len = fd < 0 ? -1 : io->size(io->context, fd);
	if (len < 0)
		(void)error_set_errno(error, ERR_LOCAL, errno,
				      "segment `%s`: cannot be opened", location);
	if (fd >= 0)
		(void)io_close(io, fd);
	return len < 0 ? -2 : len;
}

static int measure(const struct store *store, struct survey *survey, struct error *error)
{
	survey->lens = must_calloc(survey->count + 1, sizeof(*survey->lens));
	for (size_t i = 0; i < survey->count; i++) {
		survey->lens[i] = file_len(store, survey->rows[i].location, error);
		if (survey->lens[i] == -2)
			return error->code;
	}
	return 0;
}

/* ---- the files that no row names ------------------------------------------------ */

/* The locations that the catalogue knows, for searching: a store has many segments. */
struct known_files {
	const char **names; /* owned; ascend, borrowed from a survey */
	size_t count;
};

static void known_files_fini(struct known_files *known)
{
	free(known->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct known_files list_known(const struct survey *survey)
{
	struct known_files known = {
		.names = must_calloc(survey->count + 1, sizeof(*known.names)),
		.count = survey->count};
	for (size_t i = 0; i < survey->count; i++)
		known.names[i] = survey->rows[i].location;
	qsort(known.names, known.count, sizeof(*known.names), compare_names);
	return known;
}

static bool is_known(const struct known_files *known, const char *name)
{
	return bsearch(&name, known->names, known->count, sizeof(*known->names),
		       compare_names) != NULL;
}

static void add_unknown(const struct store *store, struct survey *survey,
			const char *name)
{
	if (!survey_is_file(store, name)) {
		if (survey->other_count++ == 0)
			survey->other = must_strdup(name);
		return;
	}
	array_make_room(survey->unknown, survey->unknown_count, survey->unknown_room);
	survey->unknown[survey->unknown_count++] = must_strdup(name);
}

static int list_unknown(const struct store *store, struct survey *survey,
			struct error *error)
{
	int fd = openat(store->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	struct known_files known AUTO(known_files_fini) = list_known(survey);
	const struct dirent *entry = NULL;
	while (dir && (errno = 0, entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && !is_known(&known, entry->d_name))
			add_unknown(store, survey, entry->d_name);
	}
	if (dir && errno == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "`%s/segments`: cannot be listed",
			       store->directory);
}

int survey_take(struct store *store, struct survey *ret_survey, struct error *error)
{
	struct survey survey AUTO(survey_fini) = {0};
	int err =
		catalogue_segments(store->catalogue, &survey.rows, &survey.count, error);
	if (!err)
		err = measure(store, &survey, error);
	if (!err)
		err = list_unknown(store, &survey, error);
	if (err)
		return err;
	*ret_survey = survey;
	survey = (struct survey){0};
	return 0;
}
