/* Files of an upload: opened below the root, read whole or in parts, torn ones noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/upload/internal.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* However a larger file is cut, its row has too many units. */
#define SIZE_MAX_CUT ((off_t)ROW_UNITS_MAX * CHUNK_MAX)

static int fail(struct upload *upload, uint32_t entry, int number, struct error *error)
{
	char *path AUTO_FREE = tree_path_text(upload->tree, entry);
	if (number == ENOENT)
		return error_set(error, ERR_LOCAL,
				 "`%s`: vanished between listing and opening%s", path,
				 upload->request->if_changed == IF_CHANGED_SKIP
					 ? ""
					 : "; use --if-changed=skip to leave it out");
	if (number == ELOOP || number == ENOTDIR || number == EISDIR || number == ENXIO)
		return error_set(
			error, ERR_LOCAL,
			"`%s`: was replaced by something else during the persist", path);
	return error_set_errno(error, ERR_LOCAL, number, "`%s`: cannot be read", path);
}

int source_too_large(struct upload *upload, uint32_t entry, struct error *error)
{
	char *path AUTO_FREE = tree_path_text(upload->tree, entry);
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

bool source_state_equal(const struct source_state *a, const struct source_state *b)
{
	return a->device == b->device && a->size == b->size &&
	       stamp_equal(&a->stamp, &b->stamp);
}

int source_open(struct worker *worker, uint32_t number, unsigned attempt,
		struct error *error)
{
	struct upload *upload = worker->upload;
	struct tree_spot spot;
	tree_directory_spot(&worker->directory, number, &spot);
	int fd AUTO_FD = spot.fd < 0 ? -1
				     : openat(spot.fd, spot.name,
					      O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
						      O_NOCTTY | O_CLOEXEC);
	struct stat status;
	bool may_vanish = upload->request->if_changed == IF_CHANGED_SKIP &&
			  !worker->settles;
	if (fd < 0 && errno == ENOENT && may_vanish)
		return SOURCE_VANISHED;
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(upload, number, errno, error);
	if (!S_ISREG(status.st_mode))
		return fail(upload, number, ENXIO, error);
	if (status.st_size > SIZE_MAX_CUT)
		return source_too_large(upload, number, error);
	struct source_state state = state_of(&status);
	worker->source = (struct source){
		.fd = take_fd(&fd),
		.entry = number,
		.attempt = attempt,
		.mode = status.st_mode & 0777,
		.state = state,
		.racy = !stamp_is_settled(&state.stamp),
		.is_plain = status.st_dev == upload->device && !(status.st_mode & 07000),
	};
	if (upload->request->on_opened) {
		char *path AUTO_FREE = tree_path_text(upload->tree, number);
		upload->request->on_opened(upload->request->context, path, attempt);
	}
	return 0;
}

bool source_unchanged(const struct source *source)
{
	struct stat status;
	if (fstat(source->fd, &status) < 0)
		return false;
	struct source_state now = state_of(&status);
	return source_state_equal(&now, &source->state);
}

int source_read(struct worker *worker, uint64_t offset, void *data, size_t len,
		size_t *ret_len, struct error *error)
{
	const struct source *source = &worker->source;
	size_t done = 0;
	while (done < len) {
		ssize_t got = pread(source->fd, (uint8_t *)data + done, len - done,
				    (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(worker->upload, source->entry, errno, error);
		done += (size_t)got;
		/* a regular file gives less only at its end */
		if (got == 0 || offset + done >= source->state.size)
			break;
	}
	*ret_len = done;
	return 0;
}

void source_close(struct source *source)
{
	cleanup_fd_(&source->fd);
	free(source->units);
	*source = (struct source){.fd = -1};
}

void source_finish(struct worker *worker)
{
	struct source *source = &worker->source;
	struct entry *entry = tree_entry(worker->upload->tree, source->entry);
	entry->mode = source->mode & 0777u;
	entry->seconds = source->state.stamp.modified.seconds;
	entry->nanoseconds = source->state.stamp.modified.nanoseconds;
	entry->size = source->state.size;
	entry->inode = source->state.stamp.inode;
	entry->changed_ns = 0;
	entry->is_recorded = false;
	entry_set_units(entry, source->units, source->unit_count);
	entry->is_known = true;
	if (!source->racy)
		source_trust(worker->upload, source);
	source_close(source);
}

void source_trust(struct upload *upload, const struct source *source)
{
	struct entry *entry = tree_entry(upload->tree, source->entry);
	entry->inode = source->state.stamp.inode;
	entry->changed_ns = source->is_plain ? source->state.stamp.changed_ns : 0;
}

int source_matches(struct worker *worker, const uint32_t *units, uint32_t count,
		   struct error *error)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct unit_key key = units_key(worker->upload->units, units[i]);
		size_t got;
		int rc = source_read(worker, at, worker->out, key.len, &got, error);
		if (rc < 0)
			return rc;
		struct xxh128 now = xxh128_of(worker->out, got);
		if (got != key.len || !xxh128_equal(&now, &key.xxh))
			return 0;
		at += got;
	}
	return 1;
}
