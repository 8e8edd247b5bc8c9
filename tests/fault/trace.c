#include "tests/fault/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"
#include "tests/harness/killed.h"

#define FD_MAX 1024
#define SEGMENTS "segments"
#define NO_FILE UINT32_MAX

enum step_kind {
	STEP_WRITE,
	STEP_TRUNCATE,
	STEP_SYNC_FILE,
	STEP_CREATE,
	STEP_UNLINK,
	STEP_RENAME,
	STEP_SYNC_NAMES,
};

struct step {
	enum step_kind kind;
	uint32_t file;      /* of the first four, and of a rename */
	bool in_segments;   /* of the last four */
	char *name, *to;    /* owned; of those but the last */
	uint64_t offset;    /* of a write; the length of a truncate */
	struct buffer data; /* of a write */
	size_t synced;      /* the step that makes it durable; SIZE_MAX: none */
};

struct name {
	char *name; /* owned */
	bool in_segments;
	uint32_t file; /* NO_FILE: none */
};

struct names {
	struct name *at; /* owned */
	size_t count, room;
};

struct trace {
	struct io table;
	pthread_mutex_t mutex; /* guards all below */
	char *directory;       /* owned */
	struct step *steps;    /* owned */
	size_t count, room;
	struct names live;
	uint32_t files;
	uint32_t derived;       /* the unit index's */
	uint32_t of_fd[FD_MAX]; /* file + 1; 0: none */
};

static void unlock(struct trace **trace)
{
	pthread_mutex_unlock(&(*trace)->mutex);
}

#define LOCKED(context)                                                                  \
	struct trace *trace AUTO(unlock) = (context);                                    \
	pthread_mutex_lock(&trace->mutex)

/* ---- names ------------------------------------------------------------------------ */

static struct name *names_entry(struct names *names, bool in_segments, const char *text)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->at[i].in_segments == in_segments &&
		    strcmp(names->at[i].name, text) == 0)
			return &names->at[i];
	array_make_room(names->at, names->count, names->room);
	names->at[names->count] = (struct name){must_strdup(text), in_segments, NO_FILE};
	return &names->at[names->count++];
}

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->at[i].name);
	free(names->at);
	*names = (struct names){0};
}

static void names_apply(struct names *names, const struct step *step)
{
	names_entry(names, step->in_segments, step->name)->file =
		step->kind == STEP_CREATE ? step->file : NO_FILE;
	if (step->kind == STEP_RENAME)
		names_entry(names, step->in_segments, step->to)->file = step->file;
}

/* ---- recording -------------------------------------------------------------------- */

static struct step *add(struct trace *trace, enum step_kind kind)
{
	array_make_room(trace->steps, trace->count, trace->room);
	struct step *step = &trace->steps[trace->count++];
	*step = (struct step){.kind = kind, .synced = SIZE_MAX};
	return step;
}

static void add_name(struct trace *trace, enum step_kind kind, bool in_segments,
		     const char *name, const char *to)
{
	struct step *step = add(trace, kind);
	step->in_segments = in_segments;
	step->name = must_strdup(name);
	step->to = to ? must_strdup(to) : NULL;
	step->file = kind == STEP_CREATE
			     ? trace->files++
			     : names_entry(&trace->live, in_segments, name)->file;
	names_apply(&trace->live, step);
}

static void add_write(struct trace *trace, uint32_t file, const void *data, size_t len,
		      uint64_t offset)
{
	struct step *step = add(trace, STEP_WRITE);
	step->file = file;
	step->offset = offset;
	buffer_put(&step->data, data, len);
}

static bool is_of_names(const struct step *step)
{
	return step->kind == STEP_CREATE || step->kind == STEP_UNLINK ||
	       step->kind == STEP_RENAME;
}

static bool is_of_data(const struct step *step)
{
	return step->kind == STEP_WRITE || step->kind == STEP_TRUNCATE;
}

static void add_file_sync(struct trace *trace, uint32_t file)
{
	add(trace, STEP_SYNC_FILE)->file = file;
	for (size_t i = 0; i < trace->count; i++) {
		struct step *step = &trace->steps[i];
		if (is_of_data(step) && step->file == file && step->synced == SIZE_MAX)
			step->synced = trace->count - 1;
	}
}

static void add_name_sync(struct trace *trace, bool in_segments)
{
	add(trace, STEP_SYNC_NAMES)->in_segments = in_segments;
	for (size_t i = 0; i < trace->count; i++) {
		struct step *step = &trace->steps[i];
		if (is_of_names(step) && step->in_segments == in_segments &&
		    step->synced == SIZE_MAX)
			step->synced = trace->count - 1;
	}
}

static bool is_same(int fd, const char *path)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Whether a descriptor is the data directory (0) or its segments (1); -1: neither. */
static int which_directory(const struct trace *trace, int fd)
{
	char *segments AUTO_FREE = killed_path(trace->directory, "", SEGMENTS);
	if (is_same(fd, trace->directory))
		return 0;
	return is_same(fd, segments) ? 1 : -1;
}

/* The same of a name, and its last component. */
static int place_of(const struct trace *trace, int dir_fd, const char *path,
		    const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return which_directory(trace, dir_fd);
	char *parent AUTO_FREE = must_memdup(path, (size_t)(slash - path) + 1);
	int fd AUTO_FD = openat(dir_fd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : which_directory(trace, fd);
}

static void note_open(struct trace *trace, int fd, bool in_segments, const char *name,
		      int flags)
{
	if (names_entry(&trace->live, in_segments, name)->file == NO_FILE)
		add_name(trace, STEP_CREATE, in_segments, name, NULL);
	uint32_t file = names_entry(&trace->live, in_segments, name)->file;
	claim(fd < FD_MAX);
	trace->of_fd[fd] = file + 1;
	if (strcmp(name, "units.db") == 0)
		trace->derived = file;
	if (flags & O_TRUNC)
		add(trace, STEP_TRUNCATE)->file = file;
}

static int trace_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
	LOCKED(context);
	int fd = io_system.open(NULL, dir_fd, path, flags, mode);
	const char *name;
	int place = fd < 0 || flags & O_DIRECTORY ? -1
						  : place_of(trace, dir_fd, path, &name);
	if (place >= 0)
		note_open(trace, fd, place == 1, name, flags);
	return fd;
}

static int trace_close(void *context, int fd)
{
	LOCKED(context);
	if (fd >= 0 && fd < FD_MAX)
		trace->of_fd[fd] = 0;
	return io_system.close(NULL, fd);
}

static uint32_t file_of(const struct trace *trace, int fd)
{
	return trace->of_fd[fd] - 1;
}

static ssize_t trace_pwrite(void *context, int fd, const void *data, size_t len,
			    off_t offset)
{
	LOCKED(context);
	ssize_t put = io_system.pwrite(NULL, fd, data, len, offset);
	if (put > 0 && trace->of_fd[fd])
		add_write(trace, file_of(trace, fd), data, (size_t)put, (uint64_t)offset);
	return put;
}

static int trace_ftruncate(void *context, int fd, off_t len)
{
	LOCKED(context);
	int result = io_system.ftruncate(NULL, fd, len);
	if (result == 0 && trace->of_fd[fd]) {
		struct step *step = add(trace, STEP_TRUNCATE);
		step->file = file_of(trace, fd);
		step->offset = (uint64_t)len;
	}
	return result;
}

/* The trace is what a power cut asks. */
static int trace_sync(void *context, int fd)
{
	LOCKED(context);
	int place = trace->of_fd[fd] ? -1 : which_directory(trace, fd);
	if (trace->of_fd[fd])
		add_file_sync(trace, file_of(trace, fd));
	else if (place >= 0)
		add_name_sync(trace, place == 1);
	return 0;
}

static int trace_unlink(void *context, int dir_fd, const char *path)
{
	LOCKED(context);
	const char *name;
	int place = place_of(trace, dir_fd, path, &name);
	int result = io_system.unlink(NULL, dir_fd, path);
	if (result == 0 && place >= 0)
		add_name(trace, STEP_UNLINK, place == 1, name, NULL);
	return result;
}

static int trace_rename(void *context, int dir_fd, const char *from, const char *to)
{
	LOCKED(context);
	const char *from_name, *to_name;
	int place = place_of(trace, dir_fd, from, &from_name);
	(void)place_of(trace, dir_fd, to, &to_name);
	int result = io_system.rename(NULL, dir_fd, from, to);
	if (result == 0 && place >= 0)
		add_name(trace, STEP_RENAME, place == 1, from_name, to_name);
	return result;
}

/* What is there already. */
static void note_file(const char *directory, const char *folder, const char *name,
		      void *context)
{
	struct trace *trace = context;
	struct buffer bytes AUTO(buffer_fini) = killed_read(directory, folder, name);
	uint32_t file = trace->files;
	add_name(trace, STEP_CREATE, folder[0] != '\0', name, NULL);
	if (bytes.len > 0)
		add_write(trace, file, bytes.at, bytes.len, 0);
	add_file_sync(trace, file);
}

struct trace *trace_new(const char *directory)
{
	struct trace *trace = must_calloc(1, sizeof(*trace));
	trace->directory = must_strdup(directory);
	trace->derived = NO_FILE;
	claim(pthread_mutex_init(&trace->mutex, NULL) == 0);
	trace->table = io_system;
	trace->table.context = trace;
	trace->table.open = trace_open;
	trace->table.close = trace_close;
	trace->table.pwrite = trace_pwrite;
	trace->table.ftruncate = trace_ftruncate;
	trace->table.fdatasync = trace_sync;
	trace->table.fsync = trace_sync;
	trace->table.unlink = trace_unlink;
	trace->table.rename = trace_rename;
	killed_each_file(directory, note_file, trace);
	add_name_sync(trace, false);
	add_name_sync(trace, true);
	return trace;
}

void trace_free(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++) {
		free(trace->steps[i].name);
		free(trace->steps[i].to);
		buffer_fini(&trace->steps[i].data);
	}
	free(trace->steps);
	names_fini(&trace->live);
	free(trace->directory);
	pthread_mutex_destroy(&trace->mutex);
	free(trace);
}

const struct io *trace_table(const struct trace *trace)
{
	return &trace->table;
}

uint64_t trace_len(struct trace *context)
{
	LOCKED(context);
	return trace->count;
}

/* ---- what is pending behind so many steps ----------------------------------------- */

/* The unit index is synced by a clean stop alone and believed behind one alone: what is
 * not synced of it is all there or not at all. */
static bool is_derived(const struct trace *trace, const struct step *step)
{
	return is_of_data(step) && step->file == trace->derived;
}

struct pending {
	size_t *at; /* owned; steps */
	size_t count, room;
};

static void pending_fini(struct pending *pending)
{
	free(pending->at);
}

static struct pending pending_of(const struct trace *trace, uint64_t len,
				 bool (*is_wanted)(const struct step *))
{
	struct pending pending = {0};
	for (size_t i = 0; i < len; i++) {
		const struct step *step = &trace->steps[i];
		if (!is_wanted(step) || step->synced < len || is_derived(trace, step))
			continue;
		array_make_room(pending.at, pending.count, pending.room);
		pending.at[pending.count++] = i;
	}
	return pending;
}

/* ---- choices ---------------------------------------------------------------------- */

/* What becomes of a step that was not synced. */
enum fate {
	FATE_LOST,
	FATE_KEPT,
	FATE_FIRST_SECTORS, /* the first half of its sectors of 512 bytes */
	FATE_ODD_SECTORS,
	FATE_FIRST_PAGES, /* of its pages of 4096 bytes */
	FATE_ODD_PAGES,
};
#define TORN_FATES 4u

/* Of `count` pending ones: none, all, each alone, all but each, and, of data, each torn
 * behind all before it. */
static uint64_t choices_of(const struct pending *pending, bool of_data)
{
	return 2 + pending->count * (2 + (of_data ? TORN_FATES : 0));
}

static enum fate fate_of(const struct pending *pending, uint64_t choice, size_t position)
{
	if (choice < 2)
		return choice == 0 ? FATE_LOST : FATE_KEPT;
	size_t chosen = (size_t)(choice - 2) % pending->count;
	uint64_t way = (choice - 2) / pending->count;
	if (way == 0)
		return position == chosen ? FATE_KEPT : FATE_LOST;
	if (way == 1)
		return position == chosen ? FATE_LOST : FATE_KEPT;
	if (position == chosen)
		return FATE_FIRST_SECTORS + (enum fate)(way - 2);
	return position < chosen ? FATE_KEPT : FATE_LOST;
}

/* Every choice of data with all names and with none, then every choice of names with all
 * data and with none. */
static bool split_choice(uint64_t choice, uint64_t data_choices, uint64_t name_choices,
			 uint64_t *ret_data, uint64_t *ret_names)
{
	if (choice < 2 * data_choices) {
		*ret_data = choice / 2;
		*ret_names = choice % 2;
		return true;
	}
	choice -= 2 * data_choices;
	*ret_data = choice % 2;
	*ret_names = choice / 2;
	return choice < 2 * name_choices;
}

/* ---- images ----------------------------------------------------------------------- */

static void image_resize(struct buffer *image, uint64_t len)
{
	if (len > image->len) {
		buffer_reserve(image, (size_t)len - image->len);
		memset(image->at + image->len, 0, (size_t)len - image->len);
	}
	image->len = (size_t)len;
}

static void image_write(struct buffer *image, const struct step *step, size_t from,
			size_t len)
{
	if (step->offset + from + len > image->len)
		image_resize(image, step->offset + from + len);
	memcpy(image->at + step->offset + from, step->data.at + from, len);
}

static bool piece_is_kept(enum fate fate, size_t piece, size_t pieces)
{
	bool first = fate == FATE_FIRST_SECTORS || fate == FATE_FIRST_PAGES;
	return first ? piece < pieces / 2 : piece % 2 == 1;
}

static void image_write_torn(struct buffer *image, const struct step *step,
			     enum fate fate)
{
	size_t size = fate == FATE_FIRST_SECTORS || fate == FATE_ODD_SECTORS ? 512 : 4096;
	size_t first = (size_t)(step->offset / size);
	size_t pieces = (size_t)((step->offset + step->data.len - 1) / size) - first + 1;
	for (size_t at = 0, piece = 0; at < step->data.len; piece++) {
		size_t end = (size_t)((first + piece + 1) * size - step->offset);
		end = end < step->data.len ? end : step->data.len;
		if (piece_is_kept(fate, piece, pieces))
			image_write(image, step, at, end - at);
		at = end;
	}
}

static void image_apply(struct buffer *image, const struct step *step, enum fate fate)
{
	if (fate == FATE_LOST)
		return;
	if (step->kind == STEP_TRUNCATE)
		image_resize(image, step->offset);
	else if (fate == FATE_KEPT)
		image_write(image, step, 0, step->data.len);
	else
		image_write_torn(image, step, fate);
}

/* FATE_KEPT of what is not pending. */
static enum fate step_fate(const struct pending *pending, uint64_t choice, size_t step)
{
	for (size_t i = 0; i < pending->count; i++)
		if (pending->at[i] == step)
			return fate_of(pending, choice, i);
	return FATE_KEPT;
}

static enum fate derived_fate(uint64_t choice)
{
	return choice % 2 ? FATE_KEPT : FATE_LOST;
}

/* ---- the state -------------------------------------------------------------------- */

static uint64_t mix(uint64_t sum, const void *data, size_t len)
{
	uint64_t parts[2] = {sum, xxh64_of(data, len)};
	return xxh64_of(parts, sizeof(parts));
}

static uint64_t sum_of(const struct names *names, const struct buffer *images)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < names->count; i++) {
		const struct name *name = &names->at[i];
		if (name->file == NO_FILE)
			continue;
		sum = mix(sum, name->name, strlen(name->name));
		sum = mix(sum, images[name->file].at, images[name->file].len);
	}
	return sum;
}

static void write_files(const struct names *names, const struct buffer *images,
			const char *directory)
{
	char *segments AUTO_FREE = killed_path(directory, "", SEGMENTS);
	claim(mkdir(directory, 0700) == 0 && mkdir(segments, 0700) == 0);
	for (size_t i = 0; i < names->count; i++) {
		const struct name *name = &names->at[i];
		if (name->file != NO_FILE)
			killed_write(directory, name->in_segments ? "/" SEGMENTS : "",
				     name->name, &images[name->file]);
	}
}

/* The files as this cut leaves them; `images` has room for all of the trace's. */
static void make_state(const struct trace *trace, uint64_t len,
		       const struct pending pending[2], const uint64_t choices[2],
		       struct names *names, struct buffer *images)
{
	for (size_t i = 0; i < len; i++) {
		const struct step *step = &trace->steps[i];
		if (is_derived(trace, step) && step->synced >= len)
			image_apply(&images[step->file], step, derived_fate(choices[0]));
		else if (is_of_data(step))
			image_apply(&images[step->file], step,
				    step_fate(&pending[0], choices[0], i));
		else if (is_of_names(step) &&
			 step_fate(&pending[1], choices[1], i) == FATE_KEPT)
			names_apply(names, step);
	}
}

bool trace_state(const struct trace *trace, uint64_t len, uint64_t choice,
		 const char *directory, uint64_t *ret_sum)
{
	struct pending pending[2] = {pending_of(trace, len, is_of_data),
				     pending_of(trace, len, is_of_names)};
	uint64_t choices[2];
	bool exists = split_choice(choice, choices_of(&pending[0], true),
				   choices_of(&pending[1], false), &choices[0],
				   &choices[1]);
	struct names names AUTO(names_fini) = {0};
	struct buffer *images AUTO_FREE = must_calloc(trace->files + 1, sizeof(*images));
	if (exists) {
		make_state(trace, len, pending, choices, &names, images);
		*ret_sum = sum_of(&names, images);
	}
	if (exists && directory)
		write_files(&names, images, directory);
	for (uint32_t i = 0; i < trace->files; i++)
		buffer_fini(&images[i]);
	pending_fini(&pending[0]);
	pending_fini(&pending[1]);
	return exists;
}
