#include "client/content/reader.h"

#include <string.h>

#include "client/content/recall.h"
#include "proto/base/cleanup.h"

void content_reader_init(struct content_reader *reader, struct reading *reading,
			 uint8_t *scratch)
{
	*reader = (struct content_reader){.reading = reading};
	source_init(&reader->source, reading, scratch);
}

void content_reader_fini(struct content_reader *reader)
{
	source_fini(&reader->source);
}

bool content_reader_holds(const struct content_reader *reader)
{
	return source_is_open(&reader->source) || reader->next < reader->end;
}

/* A unit's bytes stand at the end of the batch; kept there only if they are new. */
static int take_unit(struct content_reader *reader, struct batch *batch, size_t len,
		     struct error *error)
{
	const uint8_t *data = batch->data + batch->len;
	struct unit_key key = {.xxh = xxh128_of(data, len), .len = (uint32_t)len};
	uint32_t unit;
	if (reader->source.file.unit_count == 0)
		source_note_beginning(&reader->source, data, len);
	bool is_new = units_claim(reader->reading->units, &key, data, &unit);
	if (is_new)
		batch_add(batch, unit, &key);
	return source_add_unit(&reader->source, unit, error);
}

/* ---- progress ---- */

/* The first so many bytes of the file have been read; what is read again does not count
 * twice. */
static void show_read(struct content_reader *reader, uint64_t len)
{
	struct source_file *file = &reader->source.file;
	struct reading *reading = reader->reading;
	if (len <= file->shown || tree_entry(reading->tree, file->entry)->is_known)
		return;
	progress_add(reading->progress, 0, len - file->shown);
	file->shown = len;
}

static void show_file(struct content_reader *reader)
{
	struct reading *reading = reader->reading;
	show_read(reader, reader->source.file.size);
	if (!tree_entry(reading->tree, reader->source.file.entry)->is_known)
		progress_add(reading->progress, 1, 0);
}

/* ---- the end of a file ---- */

/* What was read is good; files whose change time proves nothing are looked at again. */
static void accept(struct content_reader *reader, bool is_prefix)
{
	struct reading *reading = reader->reading;
	struct source_file *file = &reader->source.file;
	struct revisit revisit = {
		.entry = file->entry,
		.attempt = file->attempt,
		.state = file->state,
	};
	bool racy = file->racy && !is_prefix;
	show_file(reader);
	if (is_prefix)
		file->is_plain = false;
	source_finish(&reader->source);
	if (racy)
		reading_note_racy(reading, &revisit);
	else
		entry_settle(tree_entry(reading->tree, revisit.entry));
}

/* The file only grew: what was there when it was opened is stored, if it is still there.
 */
static int accept_prefix(struct content_reader *reader, struct error *error)
{
	const struct source_file *file = &reader->source.file;
	int result =
		source_matches(&reader->source, file->units, file->unit_count, error);
	if (result > 0)
		accept(reader, true);
	if (result != 0)
		return result < 0 ? result : 0;
	char *path AUTO_FREE = tree_path_text(reader->reading->tree, file->entry);
	return error_set(error, ERR_CHANGED,
			 "`%s`: changed while it was read, not only at its end, so that "
			 "--if-changed=prefix does not help",
			 path);
}

/* It changed: read again, or what the user wants. was_whole: all that was there when it
 * was opened has been read and its units taken. */
static int read_again(struct content_reader *reader, bool was_whole, struct error *error)
{
	struct source_file *file = &reader->source.file;
	struct reading *reading = reader->reading;
	uint32_t entry = file->entry;
	unsigned attempt = file->attempt;
	if (attempt < READ_AGAIN_MAX) {
		uint64_t shown = file->shown;
		source_close(&reader->source);
		int err = source_open(&reader->source, entry, attempt + 1, error);
		file->shown = shown;
		return err;
	}
	if (was_whole && reading->if_changed == IF_CHANGED_PREFIX)
		return accept_prefix(reader, error);
	source_close(&reader->source);
	return reading_give_up(reading, entry, error);
}

/* ---- files of one unit, and larger ones ---- */

static bool is_large(const struct source_file *file)
{
	return file->size > UNIT_WHOLE_MAX;
}

/* It gave more or less than it should have, and its status is what it was. If a write in
 * this grain of the clock may be the reason, it is read again when that is over; else it
 * does not know its size. Where it gives another size each time, it changes. */
static int measure(struct content_reader *reader, struct error *error)
{
	struct source_file *file = &reader->source.file;
	if (file->is_measured)
		return read_again(reader, false, error);
	if (!file->racy || file->attempt == READ_AGAIN_MAX)
		return source_measure(&reader->source, error);
	reading_note_racy(reader->reading, &(struct revisit){.entry = file->entry,
							     .attempt = file->attempt,
							     .state = file->state});
	source_close(&reader->source);
	return 0;
}

static bool wants_prefix(const struct content_reader *reader)
{
	return reader->source.file.attempt == READ_AGAIN_MAX &&
	       reader->reading->if_changed == IF_CHANGED_PREFIX;
}

static int read_whole(struct content_reader *reader, struct batch *batch,
		      struct error *error)
{
	struct source_file *file = &reader->source.file;
	size_t size = (size_t)file->size;
	size_t got;
	int err = source_read(&reader->source, 0, batch->data + batch->len, size + 1,
			      &got, error);
	if (err < 0)
		return err;
	bool unchanged = source_unchanged(&reader->source);
	bool good = got == size && unchanged;
	if (size > 0 && (good || (got >= size && wants_prefix(reader)))) {
		err = take_unit(reader, batch, size, error);
		if (err < 0)
			return err;
	}
	if (!good)
		return unchanged ? measure(reader, error)
				 : read_again(reader, got >= size, error);
	accept(reader, false);
	return 0;
}

/* Where a chunk begins in a hole that goes on for all of it, it is zeros, and ends where it
 * would if they were read. Takes all such chunks. The batch is empty. */
static int take_holes(struct content_reader *reader, struct batch *batch,
		      struct error *error)
{
	struct source_file *file = &reader->source.file;
	int err = 0;
	while (err == 0 && file->size - file->at >= CHUNK_MAX &&
	       source_is_hole(&reader->source, file->at, CHUNK_MAX)) {
		if (reader->has_zeros) {
			err = source_add_unit(&reader->source, reader->zeros, error);
		} else {
			memset(batch->data, 0, CHUNK_MAX);
			err = take_unit(reader, batch, CHUNK_MAX, error);
			if (err < 0)
				return err;
			reader->zeros = file->units[file->unit_count - 1];
			reader->has_zeros = true;
		}
		file->at += CHUNK_MAX;
		file->chunker = (struct chunker){0};
	}
	return err;
}

/* All that there should be has been read. */
static int end_large(struct content_reader *reader, bool has_more, struct error *error)
{
	if (!source_unchanged(&reader->source))
		return read_again(reader, true, error);
	if (has_more)
		return measure(reader, error);
	accept(reader, false);
	return 0;
}

/* The next chunks of a large file, as many as are known to end in this batch, which was
 * empty. What is cut off at its end is read again into the next. */
static int read_large(struct content_reader *reader, struct batch *batch,
		      struct error *error)
{
	struct source_file *file = &reader->source.file;
	int err = take_holes(reader, batch, error);
	if (err < 0 || batch->count > 0)
		return err;
	uint64_t size = file->size;
	uint64_t left = size - file->at;
	size_t want = left < UNIT_LEN_MAX ? (size_t)left : UNIT_LEN_MAX;
	size_t got;
	err = source_read(&reader->source, file->at, batch->data, want + (want == left),
			  &got, error);
	if (err < 0)
		return err;
	if (got < want)
		return source_unchanged(&reader->source)
			       ? measure(reader, error)
			       : read_again(reader, false, error);
	size_t cut, done = 0;
	while (batch->count < reader->reading->batch_units &&
	       (cut = chunker_cut(&file->chunker, batch->data + done, want - done,
				  want == left)) > 0) {
		if (batch->len != done)
			memmove(batch->data + batch->len, batch->data + done, cut);
		done += cut;
		err = take_unit(reader, batch, cut, error);
		if (err < 0)
			return err;
	}
	file->at += done;
	show_read(reader, file->at);
	return file->at < size ? 0 : end_large(reader, got > want, error);
}

/* ---- filling ---- */

/* Opens the next file among the reader's entries that the stat record does not know, then
 * what is to be read again; none left, or the batch full: no file. */
static int open_next(struct content_reader *reader, struct batch *batch,
		     struct error *error)
{
	struct revisit again;
	while (!source_is_open(&reader->source) && reader->next < reader->end) {
		uint32_t number = reader->next;
		const struct entry *entry = tree_entry(reader->reading->tree, number);
		bool is_file = entry->type == ROW_FILE;
		enum recalled recalled =
			is_file && entry->is_recorded
				? recall_file(reader->reading, number, batch)
				: RECALL_READ;
		if (recalled == RECALL_FULL)
			return 0;
		reader->next++;
		if (!is_file || recalled == RECALLED)
			continue;
		int err = source_open(&reader->source, number, 0, error);
		if (err < 0)
			return err;
		if (reading_only_opens(reader->reading))
			source_close(&reader->source);
	}
	if (!source_is_open(&reader->source) &&
	    reading_next_again(reader->reading, &again))
		return source_open(&reader->source, again.entry, again.attempt, error);
	return 0;
}

/* Large files begin with an empty batch; others should not make a frame much larger than
 * its target. */
static bool fits(const struct source_file *file, const struct batch *batch)
{
	if (batch->len == 0 && batch->count == 0)
		return true;
	return !is_large(file) && batch->len + (size_t)file->size <=
					  FRAME_RAW_TARGET + FRAME_RAW_TARGET / 2;
}

/* 1: there may be room for more; 0: not, or nothing is left. */
static int fill_one(struct content_reader *reader, struct batch *batch,
		    struct error *error)
{
	int err = open_next(reader, batch, error);
	if (err < 0)
		return err;
	const struct source_file *file = &reader->source.file;
	if (file->fd < 0 || !fits(file, batch))
		return 0;
	err = is_large(file) ? read_large(reader, batch, error)
			     : read_whole(reader, batch, error);
	return err < 0 ? err : 1;
}

int content_reader_fill(struct content_reader *reader, struct batch *batch,
			struct error *error)
{
	int result = 1;
	while (result > 0 && batch->len < FRAME_RAW_TARGET &&
	       batch->count < reader->reading->batch_units) {
		result = fill_one(reader, batch, error);
		if (result < 0) {
			source_close(&reader->source);
			result = reading_put_aside(reader->reading, error) ? 1 : result;
		}
	}
	return result < 0 ? result : 0;
}
