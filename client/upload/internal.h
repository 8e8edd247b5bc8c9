/*
 * The parts of content and upload share: batches, their queues, and the state of one
 * upload.
 *
 * A batch goes round:
 *
 *   free ──read──▶ asked ──OFFER──▶ answered ──compress, send──▶ free
 *
 * Threads: the caller's (walks, then makes the manifest), workers, one receiver. A small
 * tree has the caller's alone, which does all of it (crew.c); what is said of
 * threads here holds for it too.
 * Locks: send_lock is held while something is sent and taken before lock; the flow's
 * guards all that is marked below.
 * The receiver takes lock only, so it can always go on, so the daemon can always answer:
 * nobody waits in a circle.
 */
#ifndef BATON_CLIENT_UPLOAD_INTERNAL_H
#define BATON_CLIENT_UPLOAD_INTERNAL_H

#include <sys/stat.h>

#include "client/content/chunk.h"
#include "client/content/flow.h"
#include "client/content/units.h"
#include "client/files/stamp.h"
#include "client/tree/directory.h"
#include "client/upload/upload.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

/* A tree of so many entries and bytes at most is uploaded without threads: starting four
 * takes longer than reading and compressing it. */
#define UPLOAD_SMALL_ENTRIES 64u
#define UPLOAD_SMALL_LEN (64u * 1024u)
/* Batches in circulation: enough that the daemon's queue is never empty, few enough for
 * 64 MiB even where all hold chunks of large files. */
#define UPLOAD_BATCHES 12u
/* Room for a unit of the largest size; untouched pages cost nothing. */
#define UPLOAD_BATCH_LEN (UNIT_LEN_MAX + 4096u)
/* Units that close a batch, and a frame: trees of tiny files. */
#define UPLOAD_BATCH_UNITS 2048u
/* How often a file that changes is read again. */
#define UPLOAD_READ_AGAIN 3u

struct batch_unit {
	struct unit_key key;
	uint32_t unit;  /* in the unit table */
	uint32_t entry; /* recalled: its bytes are not here, but in the file of this
			 * entry; TREE_ROOT: they stand in data */
};

struct batch {
	struct batch *next;
	uint8_t kind;  /* FRAME_CONTENT or FRAME_PIECE */
	uint8_t *data; /* owned; the units one behind the other */
	size_t len;
	struct batch_unit *units; /* owned; FRAME_UNITS_MAX */
	uint32_t count;
	uint8_t *offer; /* owned; the payload that answers it */
	size_t offer_len;
};

struct batch_queue {
	struct batch *first, *last;
};

/* Units of a frame that was sent, until STORED names them. */
struct parcel {
	struct parcel *next;
	uint32_t count;
	uint32_t units[];
};

/* What a file was at one moment, as far as rule T3 looks at it. */
struct source_state {
	dev_t device;
	uint64_t size;
	struct stamp stamp;
};

/* A file to be read again, or looked at again. */
struct revisit {
	uint32_t entry;
	unsigned attempt; /* from 0 */
	struct source_state state;
};

struct revisit_list {
	struct revisit *items; /* owned */
	size_t count, room;
};

/* Which entries of the stat record are which rows of the base; all NULL: not known. */
struct base_rows {
	uint32_t *numbers; /* owned; by entry of the record; BASE_ROW_NONE: not one */
	uint32_t *firsts;  /* owned; of each piece its first row, and the end of all */
};
#define BASE_ROW_NONE UINT32_MAX

/* The rows of the manifest, as far as they are made. */
struct row_maker {
	struct upload *upload; /* borrowed */
	struct piece_writer writer;
	uint32_t next;        /* entry whose row, if it has one, comes next */
	uint32_t directory;   /* whose path begins `path`; NO_DIRECTORY: none does */
	size_t directory_len; /* bytes of that, with the "/" behind it */
	struct buffer path, scratch, names; /* owned */
};
#define NO_DIRECTORY UINT32_MAX

struct upload {
	const struct upload_request *request; /* borrowed */
	struct upload_result *result;         /* borrowed */
	struct tree *tree;                    /* borrowed: the result's */
	struct units *units;                  /* borrowed: the result's */
	struct worker *own;                   /* borrowed: the calling thread's */
	struct upload_threads *threads; /* owned; NULL: not started, or not needed */
	bool has_begun;                 /* before there are threads */
	struct record_scout scout;      /* of the stat record, if there is one */
	struct digest *base_pieces;     /* owned; sorted */
	size_t base_piece_count;
	struct base_rows base_rows;
	dev_t device;         /* of the root */
	uint32_t batch_units; /* UPLOAD_BATCH_UNITS, or less where the window is small */

	pthread_mutex_t send_lock;
	struct flow flow;

	/* under the flow's lock */
	struct batch_queue free, asked, answered;
	unsigned unmade;    /* free batches that were not needed so far */
	struct batch *open; /* owned; remainders that wait for company; NULL: alone */
	struct parcel *sent_first, *sent_last;
	bool has_sent;         /* any unit */
	uint32_t in_flight;    /* units asked about or sent, unanswered */
	uint32_t walked, next; /* entries that may be read; that were taken */
	struct buffer is_file; /* a byte for each entry walked; the walking thread's, who
				* alone may read an entry's type while it is read */
	bool is_measured;      /* likewise */
	struct revisit_list again, racy;
	bool is_cold;     /* the daemon lacks much of what was recalled */
	unsigned busy;    /* workers with a job */
	unsigned holders; /* workers with entries or a file of theirs to go on with */
};

/* One file being read, in pieces if it is large. */
struct source {
	int fd; /* owned; -1: none */
	uint32_t entry;
	unsigned attempt;
	uint16_t mode;             /* 0 … 0777 */
	struct source_state state; /* when it was opened */
	bool racy;                 /* its stamp was not settled then */
	bool is_plain;      /* on the root's device, without setuid and the like */
	uint64_t at;        /* bytes read and cut */
	uint64_t shown;     /* bytes counted as progress */
	struct chunker chunker;
	uint32_t *units; /* owned */
	uint32_t unit_count, unit_room;
};

/* What a thread needs to read files and to compress frames. */
struct worker {
	struct upload *upload; /* borrowed */
	pthread_t thread;
	bool holds;         /* counted in holders */
	bool settles;       /* rows need what it opens: nothing can be left out now */
	uint32_t next, end; /* entries taken */
	struct source source;
	struct tree_directory directory; /* of the file opened last */
	struct codec *codec; /* owned */
	uint8_t *out;        /* owned; FRAME_STORED_MAX bytes */
	struct buffer head;  /* owned */
};

/* ---- upload.c ---- */
/* Before the first message; does what is to be done once. */
int upload_begin(struct upload *upload, struct error *error);
/* Notes something that the user should know and that is no failure. */
void upload_warn(struct upload *upload, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- crew.c ---- */
void worker_init(struct worker *worker, struct upload *upload);
void worker_fini(struct worker *worker);
/* Until there are threads, if ever: whoever waits does what has to be done. */
void upload_work_alone(struct upload *upload);
/* Starts the threads, unless they run. */
int upload_start_threads(struct upload *upload, struct error *error);
/* Ends them: at once after a failure, else when all is answered. */
void upload_end_threads(struct upload *upload);
/* Whether all that was found is read, asked about and sent. */
bool upload_is_quiet_locked(const struct upload *upload);
/* Takes the next answer of the daemon, and nothing else: send_lock may be held. */
void upload_take_answer_locked(struct upload *upload);

/* ---- content/batch.c ---- */
struct batch *batch_new(void);
void batch_free(struct batch *batch);
void batch_clear(struct batch *batch);
void batch_queue_put(struct batch_queue *queue, struct batch *batch);
struct batch *batch_queue_take(struct batch_queue *queue); /* NULL: empty */
void batch_queue_fini(struct batch_queue *queue);
/* Appends a unit whose bytes already stand at the end of data. */
void batch_add(struct batch *batch, uint32_t unit, const struct unit_key *key);
/* Appends a recalled one, only to be asked about. */
void batch_add_recalled(struct batch *batch, uint32_t unit, const struct unit_key *key,
			uint32_t entry);

void revisit_list_add(struct revisit_list *list, const struct revisit *revisit);

/* A free batch, or NULL. */
struct batch *upload_take_free_locked(struct upload *upload);
/* Waits for a free batch; NULL after a failure. */
struct batch *upload_lease(struct upload *upload);
void upload_release(struct upload *upload, struct batch *batch);
void upload_release_locked(struct upload *upload, struct batch *batch);

/* ---- content/reader.c ---- */
/* Fills the batch from the worker's entries, as far as they and its room go. */
int upload_fill(struct worker *worker, struct batch *batch, struct error *error);
/* Opens the file of an entry, or leaves it out: then there is no source. */
int upload_open(struct worker *worker, uint32_t entry, unsigned attempt,
		struct error *error);
/* Whether the worker has entries or a file to go on with. */
bool upload_holds(const struct worker *worker);

/* ---- content/recall.c ---- */
enum recalled {
	RECALLED, /* its units are known, and are in the batch as far as they are new */
	RECALL_FULL, /* they do not fit any more */
	RECALL_READ, /* it is to be read like others */
};
/* Takes the units of a file from the stat record. */
enum recalled upload_recall(struct worker *worker, uint32_t entry, struct batch *batch);
/* Whether the daemon has a recalled unit; <0: an error. */
int upload_recall_answered(struct upload *upload, const struct batch_unit *unit,
			   const uint8_t *candidates, uint8_t count, struct error *error);
/* The recalled units of one answer so far. */
struct recall_count {
	uint32_t recalled, lacked;
	uint32_t entry; /* the latest of which a unit was lacked */
};
/* Counts one more. A file of which a unit is lacked is read after all; where most are
 * lacked, so are the files to come. */
void upload_recall_count(struct upload *upload, struct recall_count *count,
			 const struct batch_unit *unit, bool is_held);
/* Looks at the stat record's paths, and sorts the base's pieces. */
void upload_recall_begin(struct upload *upload);
bool upload_base_has(const struct upload *upload, const struct unit_name *piece);

/* ---- content/source.c ---- */
/* Opens the file of an entry, of which nothing is written. ERR_LOCAL, ERR_LIMIT name it.
 * SOURCE_VANISHED: it did, and --if-changed=skip wants it left out; not while the worker
 * settles. */
#define SOURCE_VANISHED 1
int source_open(struct worker *worker, uint32_t entry, unsigned attempt,
		struct error *error);
/* ERR_LIMIT: the file has more units than a row can name. */
int source_too_large(struct upload *upload, uint32_t entry, struct error *error);
/* Whether the file is what it was when it was opened. */
bool source_unchanged(const struct source *source);
/* Reads up to len bytes from offset; fewer at the end of the file. */
int source_read(struct worker *worker, uint64_t offset, void *data, size_t len,
		size_t *ret_len, struct error *error);
/* What was read is the entry's: its mode, time, size and units; closes. */
void source_finish(struct worker *worker);
/* What was read is what the stamp stands for: the stat record may say so. */
void source_trust(struct upload *upload, const struct source *source);
void source_close(struct source *source);
bool source_state_equal(const struct source_state *a, const struct source_state *b);
/* Whether the file still begins with these units; 1, 0 or <0. */
int source_matches(struct worker *worker, const uint32_t *units, uint32_t count,
		   struct error *error);

/* ---- content/settle.c ---- */
/* The entry gives no row, with the warning "left out, because it WHY". */
void upload_leave_out(struct upload *upload, uint32_t entry, const char *why);
/* The file changed again: what --if-changed says about it. ERR_CHANGED. */
int upload_give_up(struct upload *upload, uint32_t entry, struct error *error);
/* Looks again at the files of `racy`, once the clock has moved on; those that changed go
 * to `again`. The worker is the caller's own. */
int upload_look_again(struct worker *worker, struct error *error);
/* Sends the units that were believed to be equal to others and are not. */
int upload_settle_claims(struct worker *worker, struct error *error);

/* ---- frames.c ---- */
/* Asks about the batch's units, or puts an empty one back. Takes the batch. */
int upload_ask(struct upload *upload, struct batch *batch, struct error *error);
/* Deals with an answered batch. Takes the batch. */
int upload_finish(struct worker *worker, struct batch *batch, struct error *error);
/* Sends the batch's units unasked. Takes the batch. */
int upload_send(struct worker *worker, struct batch *batch, struct error *error);
/* Sends what waits for company. */
int upload_flush(struct worker *worker, struct error *error);

/* ---- exchange.c ---- */
/* The receiver's thread. */
void *upload_receive(void *upload);
/* Waits for one answer and gives it to whom it belongs. */
int upload_receive_one(struct upload *upload, struct error *error);

/* ---- base.c ---- */
/* Finds out which rows the base has, if the stat record says so. */
void base_rows_init(struct base_rows *rows, const struct upload_request *request);
void base_rows_fini(struct base_rows *rows);
/* The piece of the base that a new manifest would have, too, from this entry on: all its
 * rows stand unchanged and alone. NULL, or the piece and the entry of its last row. */
const struct root_piece *upload_same_piece(const struct upload *upload, uint32_t entry,
					   uint32_t *ret_last);

/* ---- manifest.c ---- */
void row_maker_init(struct row_maker *maker, struct upload *upload);
void row_maker_fini(struct row_maker *maker);
/* Makes the rows of what is settled, up to the first entry that is not, asks about the
 * pieces that they fill and sends them. Behind the walk, by the thread that walked. */
int upload_manifest_advance(struct row_maker *maker, struct error *error);
/* Makes the rows that are left, and fills the result's root. All must be settled. */
int upload_manifest_finish(struct row_maker *maker, struct error *error);

#endif
