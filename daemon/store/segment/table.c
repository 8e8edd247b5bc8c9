#include "daemon/store/segment/table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/store/disk/accounts.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/segments.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

struct segment_table {
	const struct io *io; /* borrowed */
	int segments_fd;     /* borrowed */
	pthread_mutex_t mutex;
	struct segment **at; /* owned; ascending by id; only current ones */
	size_t count, room;
	struct accounts accounts; /* owned; sums of what the current ones are charged */
	_Atomic int close_errno;  /* of the first close that failed; 0: none */
	/* Borrowed; open though nobody may have them pinned, the oldest at `kept_next`.
	 */
	struct segment *kept[SEGMENTS_KEPT_OPEN];
	size_t kept_next;
};

int segment_fd(const struct segment *segment)
{
	return segment->fd;
}

uint64_t segment_place(const struct segment *segment, uint64_t offset)
{
	return holes_place(&segment->holes, offset);
}

int segment_read(const struct io *io, const struct segment *segment, void *ret_data,
		 size_t len, uint64_t offset)
{
	return io_read_at(io, segment->fd, ret_data, len, segment_place(segment, offset));
}

/* What is in the file of the bytes up to an offset. */
static uint64_t stored_up_to(const struct segment *segment, uint64_t end)
{
	return end > segment->holes.bytes ? end - segment->holes.bytes : 0;
}

/* One that is not current any more is charged nothing. */
static void charge_locked(struct segment_table *table, struct segment *segment,
			  uint64_t end)
{
	if (!segment->current)
		return;
	struct account *account = accounts_of(&table->accounts, segment->namespace_id);
	uint64_t bytes = stored_up_to(segment, end);
	account->held += bytes - segment->charged;
	segment->charged = bytes;
}

static void insert_locked(struct segment_table *table, struct segment *segment)
{
	segments_insert(&table->at, &table->count, &table->room, segment);
	charge_locked(table, segment, segment->vouched);
}

static void remove_locked(struct segment_table *table, struct segment *segment)
{
	size_t position = segments_position(table->at, table->count, &segment->id);
	claim(position < table->count && table->at[position] == segment);
	table->count--;
	memmove(table->at + position, table->at + position + 1,
		(table->count - position) * sizeof(*table->at));
	charge_locked(table, segment, 0);
	segment->current = false;
}

/* ---- life --------------------------------------------------------------------- */

struct segment_table *segment_table_new(const struct io *io, int segments_fd)
{
	struct segment_table *table = must_calloc(1, sizeof(*table));
	table->io = io;
	table->segments_fd = segments_fd;
	pthread_mutex_init(&table->mutex, NULL);
	return table;
}

static void free_segment(struct segment *segment)
{
	holes_fini(&segment->holes);
	free(segment);
}

static void close_locked(struct segment_table *table, struct segment *segment)
{
	bool failed = segment->fd >= 0 && io_close(table->io, segment->fd) < 0;
	if (failed && segment->created && segment->current && table->close_errno == 0)
		table->close_errno = errno;
	segment->fd = -1;
}

int segment_table_close_errno(const struct segment_table *table)
{
	return table->close_errno;
}

int segment_table_free(struct segment_table *table)
{
	if (!table)
		return 0;
	for (size_t i = 0; i < table->count; i++) {
		claim(table->at[i]->pins == 0);
		close_locked(table, table->at[i]);
		free_segment(table->at[i]);
	}
	int close_errno = table->close_errno;
	free(table->at);
	accounts_fini(&table->accounts);
	pthread_mutex_destroy(&table->mutex);
	free(table);
	return close_errno;
}

static struct segment *segment_of(const struct segment_row *row,
				  const struct holes *holes)
{
	struct segment *segment = must_calloc(1, sizeof(*segment));
	segment->id = row->id;
	segment->namespace_id = row->namespace_id;
	memcpy(segment->location, row->location, sizeof(segment->location));
	segment->holes = holes_copy(holes);
	segment->fd = -1;
	segment->state = row->state;
	segment->vouched = row->vouched;
	segment->current = true;
	return segment;
}

void segment_table_add(struct segment_table *table, const struct segment_row *row,
		       const struct holes *holes)
{
	HOLD(&table->mutex);
	insert_locked(table, segment_of(row, holes));
}

void segment_table_adopt(struct segment_table *table, const struct segment_id *id)
{
	HOLD(&table->mutex);
	struct segment *segment = segments_find(table->at, table->count, id);
	claim(segment && segment->pins == 0 && segment->state == SEGMENT_OPEN);
	segment->created = true;
	segment->appendable = true;
}

/* ---- pins --------------------------------------------------------------------- */

static int open_locked(struct segment_table *table, struct segment *segment,
		       struct error *error)
{
	if (segment->state == SEGMENT_DAMAGED)
		return error_set(error, ERR_DAMAGED,
				 "segment `%s`: bytes are missing from it; see `batond "
				 "check`",
				 segment->location);
	if (segment->fd >= 0)
		return 0;
	int access = segment->created ? O_RDWR : O_RDONLY;
	segment->fd = io_open(table->io, table->segments_fd, segment->location,
			      access | O_NOFOLLOW, 0);
	if (segment->fd >= 0)
		return 0;
	return error_set_errno(error, errno == ENOENT ? ERR_DAMAGED : ERR_LOCAL, errno,
			       "segment `%s`: cannot be opened", segment->location);
}

static int find_locked(struct segment_table *table, const struct segment_id *id,
		       struct segment **ret_segment, struct error *error)
{
	char text[SEGMENT_ID_TEXT_SIZE];
	*ret_segment = segments_find(table->at, table->count, id);
	if (*ret_segment)
		return 0;
	return error_set(error, ERR_DAMAGED, "segment %s: the catalogue does not know it",
			 segment_id_text(id, text));
}

int segment_table_namespace(struct segment_table *table, const struct segment_id *id,
			    int64_t *ret_namespace_id, struct error *error)
{
	HOLD(&table->mutex);
	struct segment *segment;
	int err = find_locked(table, id, &segment, error);
	if (!err)
		*ret_namespace_id = segment->namespace_id;
	return err;
}

int segment_table_pin(struct segment_table *table, const struct segment_id *id,
		      struct segment **ret_segment, struct error *error)
{
	HOLD(&table->mutex);
	struct segment *segment;
	int err = find_locked(table, id, &segment, error);
	if (!err)
		err = open_locked(table, segment, error);
	if (err)
		return err;
	segment->pins++;
	*ret_segment = segment;
	return 0;
}

void segment_table_pin_again(struct segment_table *table, struct segment *segment)
{
	HOLD(&table->mutex);
	claim(segment->pins > 0);
	segment->pins++;
}

/* Keeps the file open until SEGMENTS_KEPT_OPEN others were kept. */
static void keep_locked(struct segment_table *table, struct segment *segment)
{
	for (size_t i = 0; i < SEGMENTS_KEPT_OPEN; i++)
		if (table->kept[i] == segment)
			return;
	struct segment *oldest = table->kept[table->kept_next];
	table->kept[table->kept_next] = segment;
	table->kept_next = (table->kept_next + 1) % SEGMENTS_KEPT_OPEN;
	/* One that is pinned comes here again with its last pin. */
	if (oldest && oldest->pins == 0)
		close_locked(table, oldest);
}

static void unpin_locked(struct segment_table *table, struct segment *segment)
{
	claim(segment->pins > 0);
	segment->pins--;
	if (segment->pins > 0)
		return;
	if (segment->appendable) {
		keep_locked(table, segment);
		return;
	}
	for (size_t i = 0; i < SEGMENTS_KEPT_OPEN; i++)
		if (table->kept[i] == segment)
			table->kept[i] = NULL;
	close_locked(table, segment);
	if (!segment->current)
		free_segment(segment);
}

void segment_table_unpin(struct segment_table *table, struct segment *segment)
{
	HOLD(&table->mutex);
	unpin_locked(table, segment);
}

/* ---- leases ------------------------------------------------------------------- */

bool segment_table_lease(struct segment_table *table, int64_t namespace_id,
			 struct segment **ret_segment)
{
	struct error ignored;
	HOLD(&table->mutex);
	for (size_t i = 0; i < table->count; i++) {
		struct segment *segment = table->at[i];
		if (!segment->appendable || segment->leased ||
		    segment->namespace_id != namespace_id ||
		    open_locked(table, segment, &ignored) < 0)
			continue;
		segment->leased = true;
		segment->pins++;
		*ret_segment = segment;
		return true;
	}
	return false;
}

int segment_table_lease_pinned(struct segment_table *table, struct segment *segment,
			       struct error *error)
{
	HOLD(&table->mutex);
	claim(segment->pins > 0);
	if (segment->leased || !segment->current)
		return error_set(
			error, ERR_BUSY, "segment `%s`: it is being %s; try again",
			segment->location, segment->leased ? "written" : "moved");
	segment->leased = true;
	segment->pins++;
	return 0;
}

int segment_table_create(struct segment_table *table, int64_t namespace_id,
			 struct segment **ret_segment, struct error *error)
{
	struct segment_row row = {.namespace_id = namespace_id, .state = SEGMENT_OPEN};
	if (getrandom(row.id.bytes, SEGMENT_ID_LEN, 0) != (ssize_t)SEGMENT_ID_LEN)
		return error_set_errno(error, ERR_INTERNAL, errno,
				       "a new segment: no random number");
	char text[SEGMENT_ID_TEXT_SIZE];
	(void)snprintf(row.location, sizeof(row.location), "%s.seg",
		       segment_id_text(&row.id, text));
	int fd = io_open(table->io, table->segments_fd, row.location,
			 O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "segment `%s`: cannot be created", row.location);
	HOLD(&table->mutex);
	static const struct holes none;
	struct segment *segment = segment_of(&row, &none);
	segment->fd = fd;
	segment->pins = 1;
	segment->created = true;
	segment->leased = true;
	insert_locked(table, segment);
	*ret_segment = segment;
	return 0;
}

void segment_table_return(struct segment_table *table, struct segment *segment,
			  bool appendable)
{
	HOLD(&table->mutex);
	claim(segment->leased);
	segment->leased = false;
	segment->appendable = appendable && segment->current;
	charge_locked(table, segment, segment->vouched);
	unpin_locked(table, segment);
}

void segment_table_drop(struct segment_table *table, struct segment *segment,
			bool keep_file)
{
	/* What stays behind is unknown to the catalogue: the next start deletes it. */
	if (!keep_file)
		(void)table->io->unlink(table->io->context, table->segments_fd,
					segment->location);
	HOLD(&table->mutex);
	remove_locked(table, segment);
	unpin_locked(table, segment);
}

/* ---- quotas ------------------------------------------------------------------- */

static int check_room_locked(struct segment_table *table, int64_t namespace_id,
			     uint64_t more, struct error *error)
{
	const struct account *account = accounts_of(&table->accounts, namespace_id);
	if (account_has_room(account, more))
		return 0;
	return error_set(error, ERR_QUOTA,
			 "its quota is %" PRIu64 " bytes; %" PRIu64
			 " are stored or being written, and this needs %" PRIu64 " more",
			 account->quota, account->held, more);
}

int segment_table_reserve(struct segment_table *table, struct segment *segment,
			  uint64_t end, struct error *error)
{
	HOLD(&table->mutex);
	uint64_t bytes = stored_up_to(segment, end);
	claim(segment->leased && bytes >= segment->charged);
	int err = check_room_locked(table, segment->namespace_id,
				    bytes - segment->charged, error);
	if (!err)
		charge_locked(table, segment, end);
	return err;
}

void segment_table_set_quota(struct segment_table *table, int64_t namespace_id,
			     uint64_t quota)
{
	HOLD(&table->mutex);
	accounts_of(&table->accounts, namespace_id)->quota = quota;
}

uint64_t segment_table_charged(struct segment_table *table, int64_t namespace_id)
{
	HOLD(&table->mutex);
	return accounts_of(&table->accounts, namespace_id)->held;
}

/* ---- what the catalogue says -------------------------------------------------- */

void segment_table_vouch(struct segment_table *table, struct segment *segment,
			 uint64_t vouched, enum segment_state state)
{
	HOLD(&table->mutex);
	segment->vouched = vouched;
	segment->state = state;
	charge_locked(table, segment, vouched);
}

uint64_t segment_table_vouched(struct segment_table *table, struct segment *segment)
{
	HOLD(&table->mutex);
	return segment->vouched;
}

static struct segment_row row_of(const struct segment *segment)
{
	struct segment_row row = {
		.id = segment->id,
		.namespace_id = segment->namespace_id,
		.vouched = segment->vouched,
		.state = segment->state,
	};
	memcpy(row.location, segment->location, sizeof(row.location));
	return row;
}

struct segment_row segment_table_row(struct segment_table *table, struct segment *segment)
{
	HOLD(&table->mutex);
	return row_of(segment);
}

int segment_table_replace(struct segment_table *table, struct segment *segment,
			  const struct segment_row *row, const struct holes *holes)
{
	HOLD(&table->mutex);
	claim(segment->leased);
	remove_locked(table, segment);
	struct segment *moved = segment_of(row, holes);
	moved->created = moved->appendable = row->state == SEGMENT_OPEN;
	insert_locked(table, moved);
	return table->io->unlink(table->io->context, table->segments_fd,
				 segment->location);
}

struct segment_row *segment_table_rows(struct segment_table *table, size_t *ret_count)
{
	HOLD(&table->mutex);
	struct segment_row *rows = must_calloc(table->count + 1, sizeof(*rows));
	for (size_t i = 0; i < table->count; i++)
		rows[i] = row_of(table->at[i]);
	*ret_count = table->count;
	return rows;
}

/* ---- while a segment is looked through ------------------------------------------ */

void segment_table_close(struct segment_table *table, struct segment *segment)
{
	HOLD(&table->mutex);
	claim(segment->leased);
	segment->closed = true;
}

void segment_table_reopen(struct segment_table *table, struct segment *segment)
{
	HOLD(&table->mutex);
	segment->closed = !segment->current;
}

bool segment_table_is_closed(struct segment_table *table, const struct segment *segment)
{
	HOLD(&table->mutex);
	return segment->closed;
}
