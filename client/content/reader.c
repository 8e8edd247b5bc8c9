/* The reading half of a worker: files into batches, each file whole or not at all (rule
 * T3), what was met before dropped at once. */
#include <stdlib.h>
#include <string.h>

#include "client/upload/internal.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

int upload_open(struct worker *worker, uint32_t entry, unsigned attempt,
		struct error *error)
{
	int rc = source_open(worker, entry, attempt, error);
	if (rc != SOURCE_VANISHED)
		return rc;
	upload_leave_out(worker->upload, entry, "vanished before it was read");
	return 0;
}

bool upload_holds(const struct worker *worker)
{
	return worker->source.fd >= 0 || worker->next < worker->end;
}

/* A unit's bytes stand at the end of the batch; kept there only if they are new. */
static int take_unit(struct worker *worker, struct batch *batch, size_t len,
		     struct error *error)
{
	struct source *source = &worker->source;
	const uint8_t *data = batch->data + batch->len;
	struct unit_key key = {.xxh = xxh128_of(data, len), .len = (uint32_t)len};
	uint32_t unit;
	bool is_new = units_claim(worker->upload->units, &key, data, &unit);
	if (is_new)
		batch_add(batch, unit, &key);
	if (source->unit_count == ROW_UNITS_MAX)
		return source_too_large(worker->upload, source->entry, error);
	array_make_room(source->units, source->unit_count, source->unit_room);
	source->units[source->unit_count++] = unit;
	return 0;
}

/* ---- progress ---- */

/* The first so many bytes of the file have been read; what is read again does not count
 * twice. */
static void show_read(struct worker *worker, uint64_t len)
{
	struct source *source = &worker->source;
	struct upload *upload = worker->upload;
	if (len <= source->shown || tree_entry(upload->tree, source->entry)->is_known)
		return;
	progress_add(upload->request->progress, 0, len - source->shown);
	source->shown = len;
}

static void show_file(struct worker *worker)
{
	struct upload *upload = worker->upload;
	show_read(worker, worker->source.state.size);
	if (!tree_entry(upload->tree, worker->source.entry)->is_known)
		progress_add(upload->request->progress, 1, 0);
}

/* ---- the end of a file ---- */

/* What was read is good; files whose change time proves nothing are looked at again. */
static void accept(struct worker *worker, bool is_prefix)
{
	struct upload *upload = worker->upload;
	struct source *source = &worker->source;
	struct revisit revisit = {
		.entry = source->entry,
		.attempt = source->attempt,
		.state = source->state,
	};
	bool racy = source->racy && !is_prefix;
	show_file(worker);
	if (is_prefix)
		source->is_plain = false;
	source_finish(worker);
	if (!racy) {
		entry_settle(tree_entry(upload->tree, revisit.entry));
		return;
	}
	flow_lock(&upload->flow);
	revisit_list_add(&upload->racy, &revisit);
	flow_unlock(&upload->flow);
}

/* The file only grew: what was there when it was opened is stored, if it is still there.
 */
static int accept_prefix(struct worker *worker, struct error *error)
{
	const struct source *source = &worker->source;
	int rc = source_matches(worker, source->units, source->unit_count, error);
	if (rc > 0)
		accept(worker, true);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	char *path AUTO_FREE = tree_path_text(worker->upload->tree, source->entry);
	return error_set(error, ERR_CHANGED,
			 "`%s`: changed while it was read, not only at its end, so that "
			 "--if-changed=prefix does not help",
			 path);
}

/* It changed: read again, or what the user wants. was_whole: all that was there when it
 * was opened has been read and its units taken. */
static int read_again(struct worker *worker, bool was_whole, struct error *error)
{
	struct source *source = &worker->source;
	struct upload *upload = worker->upload;
	uint32_t entry = source->entry;
	unsigned attempt = source->attempt;
	if (attempt < UPLOAD_READ_AGAIN) {
		uint64_t shown = source->shown;
		source_close(source);
		int rc = upload_open(worker, entry, attempt + 1, error);
		source->shown = shown;
		return rc;
	}
	if (was_whole && upload->request->if_changed == IF_CHANGED_PREFIX)
		return accept_prefix(worker, error);
	source_close(source);
	return upload_give_up(upload, entry, error);
}

/* ---- files of one unit, and larger ones ---- */

static bool is_large(const struct source *source)
{
	return source->state.size > UNIT_WHOLE_MAX;
}

static bool wants_prefix(const struct worker *worker)
{
	return worker->source.attempt == UPLOAD_READ_AGAIN &&
	       worker->upload->request->if_changed == IF_CHANGED_PREFIX;
}

static int read_whole(struct worker *worker, struct batch *batch, struct error *error)
{
	struct source *source = &worker->source;
	size_t size = (size_t)source->state.size;
	size_t got;
	int rc = source_read(worker, 0, batch->data + batch->len, size, &got, error);
	if (rc < 0)
		return rc;
	bool good = got == size && source_unchanged(source);
	if (size > 0 && (good || (got == size && wants_prefix(worker)))) {
		rc = take_unit(worker, batch, size, error);
		if (rc < 0)
			return rc;
	}
	if (!good)
		return read_again(worker, got == size, error);
	accept(worker, false);
	return 0;
}

/* The next chunks of a large file, as many as are known to end in this batch, which was
 * empty. What is cut off at its end is read again into the next. */
static int read_large(struct worker *worker, struct batch *batch, struct error *error)
{
	struct source *source = &worker->source;
	uint64_t size = source->state.size;
	uint64_t left = size - source->at;
	size_t want = left < UNIT_LEN_MAX ? (size_t)left : UNIT_LEN_MAX;
	size_t got;
	int rc = source_read(worker, source->at, batch->data, want, &got, error);
	if (rc < 0)
		return rc;
	if (got < want)
		return read_again(worker, false, error);
	size_t cut, done = 0;
	while (batch->count < worker->upload->batch_units &&
	       (cut = chunker_cut(&source->chunker, batch->data + done, want - done,
				  want == left)) > 0) {
		if (batch->len != done)
			memmove(batch->data + batch->len, batch->data + done, cut);
		done += cut;
		rc = take_unit(worker, batch, cut, error);
		if (rc < 0)
			return rc;
	}
	source->at += done;
	show_read(worker, source->at);
	if (source->at < size)
		return 0;
	if (!source_unchanged(source))
		return read_again(worker, true, error);
	accept(worker, false);
	return 0;
}

/* ---- filling ---- */

static bool take_revisit(struct upload *upload, struct revisit *ret_revisit)
{
	flow_lock(&upload->flow);
	bool any = upload->again.count > 0;
	if (any)
		*ret_revisit = upload->again.items[--upload->again.count];
	flow_unlock(&upload->flow);
	return any;
}

/* Opens the next file among the worker's entries that the stat record does not know, then
 * what is to be read again; none left, or the batch full: no source. */
static int open_next(struct worker *worker, struct batch *batch, struct error *error)
{
	struct revisit again;
	while (worker->source.fd < 0 && worker->next < worker->end) {
		uint32_t number = worker->next;
		const struct entry *entry = tree_entry(worker->upload->tree, number);
		bool is_file = entry->type == ROW_FILE;
		enum recalled recalled = is_file && entry->is_recorded
						 ? upload_recall(worker, number, batch)
						 : RECALL_READ;
		if (recalled == RECALL_FULL)
			return 0;
		worker->next++;
		if (!is_file || recalled == RECALLED)
			continue;
		int rc = upload_open(worker, number, 0, error);
		if (rc < 0)
			return rc;
	}
	if (worker->source.fd < 0 && take_revisit(worker->upload, &again))
		return upload_open(worker, again.entry, again.attempt, error);
	return 0;
}

/* Large files begin with an empty batch; others should not make a frame much larger than
 * its target. */
static bool fits(const struct source *source, const struct batch *batch)
{
	if (batch->len == 0 && batch->count == 0)
		return true;
	return !is_large(source) && batch->len + (size_t)source->state.size <=
					    FRAME_RAW_TARGET + FRAME_RAW_TARGET / 2;
}

int upload_fill(struct worker *worker, struct batch *batch, struct error *error)
{
	while (batch->len < FRAME_RAW_TARGET &&
	       batch->count < worker->upload->batch_units) {
		int rc = open_next(worker, batch, error);
		if (rc < 0)
			return rc;
		struct source *source = &worker->source;
		if (source->fd < 0 || !fits(source, batch))
			return 0;
		rc = is_large(source) ? read_large(worker, batch, error)
				      : read_whole(worker, batch, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}
