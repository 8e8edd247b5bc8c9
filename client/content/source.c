#include "client/content/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/tree/loss.h"
#include "client/tree/one_mode.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* However a larger file is cut, its row has too many units. */
#define SIZE_MAX_CUT ((off_t)ROW_UNITS_MAX * CHUNK_MAX)

void source_init(struct source *source, struct reading *reading, uint8_t *scratch)
{
	*source = (struct source){.reading = reading, .scratch = scratch, .file.fd = -1};
	tree_directory_init(&source->directory, reading->tree, reading->root_fd);
}

void source_fini(struct source *source)
{
	source_close(source);
	tree_directory_fini(&source->directory);
}

/* ---- opening ---- */

static int fail(const struct reading *reading, uint32_t entry, int number,
		struct error *error)
{
	char *path AUTO_FREE = tree_path_text(reading->tree, entry);
	if (number == ENOENT)
		return error_set(error, ERR_LOCAL,
				 "`%s`: vanished between listing and opening%s", path,
				 reading->if_changed == IF_CHANGED_SKIP
					 ? ""
					 : "; use --if-changed=skip to leave it out");
	if (number == ELOOP || number == ENOTDIR || number == EISDIR || number == ENXIO)
		return error_set(
			error, ERR_LOCAL,
			"`%s`: was replaced by something else during the persist", path);
	return error_set_errno(error, ERR_LOCAL, number, "`%s`: cannot be read", path);
}

static int too_large(const struct reading *reading, uint32_t entry, struct error *error)
{
	char *path AUTO_FREE = tree_path_text(reading->tree, entry);
	return error_set(error, ERR_LIMIT,
			 "`%s`: too large for one file (about 20 GiB); split it", path);
}

static struct source_state state_of(const struct stat *status)
{
	return (struct source_state){
		.device = status->st_dev,
		.size = (uint64_t)status->st_size,
		.stamp = stamp_of(status),
	};
}

static bool may_vanish(const struct source *source)
{
	return source->reading->if_changed == IF_CHANGED_SKIP && !source->settles;
}

/* The descriptor is the source's now. */
static void take_file(struct source *source, uint32_t entry, int fd,
		      const struct stat *status)
{
	struct source_state state = state_of(status);
	source->file = (struct source_file){
		.fd = fd,
		.entry = entry,
		.mode = status->st_mode & 0777,
		.state = state,
		.size = state.size,
		.racy = !stamp_is_settled(&state.stamp),
		.loss = loss_of_mode(status->st_mode),
		.is_plain = status->st_dev == source->reading->device &&
			    !tree_entry(source->reading->tree, entry)->is_followed,
	};
}

int source_open(struct source *source, uint32_t entry, unsigned attempt,
		struct error *error)
{
	struct reading *reading = source->reading;
	struct tree_spot spot;
	tree_directory_spot(&source->directory, entry, &spot);
	int fd AUTO_FD = spot.fd < 0 ? -1
				     : openat(spot.fd, spot.name,
					      O_RDONLY | spot.open_flags | O_NONBLOCK |
						      O_NOCTTY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 && errno == ENOENT && may_vanish(source)) {
		reading_leave_out(reading, entry, "vanished before it was read");
		return 0;
	}
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(reading, entry, errno, error);
	if (!S_ISREG(status.st_mode))
		return fail(reading, entry, ENXIO, error);
	if (status.st_size > SIZE_MAX_CUT)
		return too_large(reading, entry, error);
	take_file(source, entry, take_fd(&fd), &status);
	source->file.attempt = attempt;
	source->watch = (struct secret_watch){0};
	if (reading->on_opened) {
		char *path AUTO_FREE = tree_path_text(reading->tree, entry);
		reading->on_opened(reading->context, path, attempt);
	}
	return 0;
}

bool source_is_open(const struct source *source)
{
	return source->file.fd >= 0;
}

void source_close(struct source *source)
{
	cleanup_fd_(&source->file.fd);
	free(source->file.units);
	source->file = (struct source_file){.fd = -1};
}

/* ---- reading ---- */

/* Small files are read as they are: asking would take longer. What a measured one says of
 * holes is worth as much as what it says of its size. */
static bool may_have_holes(const struct source_file *file, uint64_t offset)
{
	return file->size > UNIT_WHOLE_MAX && !file->is_measured && offset < file->size;
}

static uint64_t run_at(struct source_file *file, uint64_t offset, bool *ret_is_hole)
{
	file->extent = extent_at(&file->extent, file->fd, offset, file->size);
	*ret_is_hole = file->extent.is_hole;
	return file->extent.end - offset;
}

bool source_is_hole(struct source *source, uint64_t offset, size_t len)
{
	bool is_hole;
	return may_have_holes(&source->file, offset) &&
	       run_at(&source->file, offset, &is_hole) >= len && is_hole;
}

/* As pread(); ends where data ends and a hole begins, or the other way round. */
static ssize_t read_run(struct source_file *file, uint64_t offset, void *data, size_t len)
{
	bool is_hole = false;
	if (may_have_holes(file, offset)) {
		uint64_t run = run_at(file, offset, &is_hole);
		bool is_last = file->extent.end == file->size;
		if (run < len && (is_hole || !is_last))
			len = (size_t)run;
	}
	if (!is_hole)
		return pread(file->fd, data, len, (off_t)offset);
	memset(data, 0, len);
	return (ssize_t)len;
}

static int refuse_secret(const struct source *source, struct error *error)
{
	char *path AUTO_FREE = tree_path_text(source->reading->tree, source->file.entry);
	return error_set(error, ERR_DENIED,
			 "`%s`: holds the token that was given to this persist; leave it "
			 "out, or say --allow-token",
			 path);
}

int source_read(struct source *source, uint64_t offset, void *data, size_t len,
		size_t *ret_len, struct error *error)
{
	struct source_file *file = &source->file;
	size_t done = 0;
	while (done < len) {
		ssize_t got =
			read_run(file, offset + done, (uint8_t *)data + done, len - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(source->reading, file->entry, errno, error);
		done += (size_t)got;
		/* a regular file that knows its size gives less only at its end */
		if (got == 0 || offset + done == file->size)
			break;
	}
	*ret_len = done;
	struct text secret = source->reading->secret;
	if (secret.len && secret_watch_finds(&source->watch, secret, offset, data, done))
		return refuse_secret(source, error);
	return 0;
}

int source_measure(struct source *source, struct error *error)
{
	struct source_file *file = &source->file;
	file->size = UINT64_MAX;
	file->is_measured = true;
	file->is_plain = false;
	file->unit_count = 0;
	file->at = 0;
	file->chunker = (struct chunker){0};
	uint64_t size = 0;
	size_t got = UNIT_LEN_MAX;
	while (got == UNIT_LEN_MAX) {
		int err = source_read(source, size, source->scratch, UNIT_LEN_MAX, &got,
				      error);
		if (err == 0)
			err = flow_check(source->reading->flow, error);
		if (err < 0)
			return err;
		size += got;
		if (size > (uint64_t)SIZE_MAX_CUT)
			return too_large(source->reading, file->entry, error);
	}
	file->size = size;
	return 0;
}

int source_add_unit(struct source *source, uint32_t unit, struct error *error)
{
	struct source_file *file = &source->file;
	if (file->unit_count == ROW_UNITS_MAX)
		return too_large(source->reading, file->entry, error);
	array_make_room(file->units, file->unit_count, file->unit_room);
	file->units[file->unit_count++] = unit;
	return 0;
}

void source_note_beginning(struct source *source, const void *data, size_t len)
{
	struct source_file *file = &source->file;
	file->loss |= loss_of_capabilities(file->fd, file->mode, data, len);
	one_mode_note(source->reading->tree, file->mode, data, len);
}

/* ---- rule T3 ---- */

bool source_state_equal(const struct source_state *a, const struct source_state *b)
{
	return a->device == b->device && a->size == b->size &&
	       stamp_equal(&a->stamp, &b->stamp);
}

bool source_unchanged(const struct source *source)
{
	struct stat status;
	if (fstat(source->file.fd, &status) < 0)
		return false;
	struct source_state now = state_of(&status);
	return source_state_equal(&now, &source->file.state);
}

/* Whether a chunk that lies in a hole has that key: chunks of zeros are all alike. */
static bool is_chunk_of_zeros(struct source *source, const struct unit_key *key)
{
	if (key->len != CHUNK_MAX)
		return false;
	if (!source->has_zeros) {
		memset(source->scratch, 0, CHUNK_MAX);
		source->zeros = xxh128_of(source->scratch, CHUNK_MAX);
		source->has_zeros = true;
	}
	return xxh128_equal(&source->zeros, &key->xxh);
}

int source_matches(struct source *source, const uint32_t *units, uint32_t count,
		   struct error *error)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct unit_key key = units_key(source->reading->units, units[i]);
		if (source_is_hole(source, at, key.len) &&
		    is_chunk_of_zeros(source, &key)) {
			at += key.len;
			continue;
		}
		size_t got;
		int err = source_read(source, at, source->scratch, key.len, &got, error);
		if (err < 0)
			return err;
		struct xxh128 now = xxh128_of(source->scratch, got);
		if (got != key.len || !xxh128_equal(&now, &key.xxh))
			return 0;
		at += got;
	}
	return 1;
}

void source_finish(struct source *source)
{
	const struct source_file *file = &source->file;
	struct entry *entry = tree_entry(source->reading->tree, file->entry);
	entry->mode = file->mode & 0777u;
	loss_note(source->reading->tree, entry, file->loss);
	entry->seconds = file->state.stamp.modified.seconds;
	entry->nanoseconds = file->state.stamp.modified.nanoseconds;
	entry->size = file->size;
	entry->inode = file->state.stamp.inode;
	entry->changed_ns = 0;
	entry->is_recorded = false;
	entry_set_units(entry, file->units, file->unit_count);
	entry->is_known = true;
	if (!file->racy)
		source_trust(source);
	source_close(source);
}

void source_trust(const struct source *source)
{
	const struct source_file *file = &source->file;
	struct entry *entry = tree_entry(source->reading->tree, file->entry);
	entry->inode = file->state.stamp.inode;
	bool is_whole = file->is_plain && !entry->loses;
	entry->changed_ns = is_whole ? file->state.stamp.changed_ns : 0;
}
