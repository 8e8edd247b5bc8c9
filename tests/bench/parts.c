/*
 * What the parts of Baton's work cost on this machine, each alone: the processor time of
 * reading a tree, of each hash, of compressing and of decompressing it in frames, of
 * carrying the frames through a socket, of writing them, and of making the files again.
 *
 * usage: parts TREE SCRATCH THREADS
 *
 * Prints a line for each part: name, processor seconds, bytes. The sum of the parts that a
 * work cannot do without, divided by the cores, is the least that the work takes with these
 * libraries and this kernel, whatever the program around them does. All threads run all
 * parts of their frames in turn, so that what cores take from each other is in the figures.
 *
 * Files are taken in the order of their paths, those of more than UNIT_WHOLE_MAX in pieces
 * of a frame (their cuts are not searched for), each of which is opened by itself; of equal
 * files one is compressed. Directories and links are not made, and nothing is looked up.
 */
#include <err.h>
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/unit/codec.h"
#include "proto/unit/digest.h"

#define THREADS_MAX 16u
#define FRAME_ROOM (FRAME_RAW_TARGET + UNIT_WHOLE_MAX)
#define CARRIED_AT_ONCE (128u << 10)

enum part {
	PART_READ,       /* look, open, read, close */
	PART_XXH128,     /* of each unit */
	PART_SHA256,     /* of each unit */
	PART_COMPRESS,   /* each frame */
	PART_CARRY,      /* what was compressed, through a Unix socket */
	PART_DECOMPRESS, /* each frame */
	PART_KEEP,       /* what was compressed, into a file */
	PART_MAKE,       /* create, write, set the time, close */
	PARTS,
};

static const char *const part_names[PARTS] = {
	[PART_READ] = "read",         [PART_XXH128] = "xxh128",
	[PART_SHA256] = "sha256",     [PART_COMPRESS] = "compress",
	[PART_CARRY] = "carry",       [PART_DECOMPRESS] = "decompress",
	[PART_KEEP] = "keep",         [PART_MAKE] = "make",
};

/* A file, or a piece of a large one. */
struct piece {
	char *path; /* owned */
	off_t at;
	size_t len;
	uint32_t directory; /* a number for where it is made */
	uint32_t number;    /* of the file */
	bool is_new;        /* no other has its bytes */
};

struct frame {
	size_t first, end; /* pieces */
};

struct work {
	struct piece *pieces; /* owned */
	size_t piece_count, piece_room;
	struct frame *frames; /* owned */
	size_t frame_count, frame_room;
	uint32_t directories, files;
	const char *scratch; /* borrowed */
	size_t next;         /* frame; atomic */
	pthread_mutex_t lock;
	struct digest *seen; /* owned, under lock: a table by the digest's first bytes */
	size_t seen_size;
};

struct thread {
	struct work *work; /* borrowed */
	pthread_t id;
	double spent[PARTS];
	uint64_t bytes[PARTS];
	uint8_t *raw, *packed, *unpacked; /* owned; FRAME_ROOM */
	struct codec *codec;              /* owned */
	int pair[2];                      /* owned */
	int kept;                         /* owned */
	double since;
};

/* ---- the tree ---- */

static void add_piece(struct work *work, const struct piece *piece)
{
	if (work->piece_count == work->piece_room) {
		work->piece_room = work->piece_room ? work->piece_room * 2 : 1024;
		work->pieces = must_realloc(work->pieces,
					    work->piece_room * sizeof(*work->pieces));
	}
	work->pieces[work->piece_count] = *piece;
	work->pieces[work->piece_count++].path = must_strdup(piece->path);
}

static void add_file(struct work *work, const FTSENT *file)
{
	size_t left = (size_t)file->fts_statp->st_size;
	struct piece piece = {
		.path = file->fts_path,
		.directory = work->directories,
		.number = work->files++,
		.len = left <= UNIT_WHOLE_MAX ? left : FRAME_RAW_TARGET,
	};
	do {
		if (piece.len > left)
			piece.len = left;
		add_piece(work, &piece);
		left -= piece.len;
		piece.at += (off_t)piece.len;
	} while (left > 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void find_files(struct work *work, char *tree)
{
	FTS *walk = fts_open((char *[]){tree, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	if (!walk)
		err(1, "%s", tree);
	for (FTSENT *entry; (entry = fts_read(walk)) != NULL;) {
		if (entry->fts_info == FTS_D)
			work->directories++;
		else if (entry->fts_info == FTS_F)
			add_file(work, entry);
	}
	(void)fts_close(walk);
}

static void add_frame(struct work *work, size_t first, size_t end)
{
	if (work->frame_count == work->frame_room) {
		work->frame_room = work->frame_room ? work->frame_room * 2 : 1024;
		work->frames = must_realloc(work->frames,
					    work->frame_room * sizeof(*work->frames));
	}
	work->frames[work->frame_count++] = (struct frame){first, end};
}

static void cut_frames(struct work *work)
{
	size_t first = 0, len = 0;
	for (size_t i = 0; i < work->piece_count; i++) {
		len += work->pieces[i].len;
		if (len < FRAME_RAW_TARGET && i + 1 < work->piece_count)
			continue;
		add_frame(work, first, i + 1);
		first = i + 1;
		len = 0;
	}
}

/* ---- the parts ---- */

static double thread_seconds(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void begin(struct thread *thread)
{
	thread->since = thread_seconds();
}

static void end(struct thread *thread, enum part part, size_t bytes)
{
	thread->spent[part] += thread_seconds() - thread->since;
	thread->bytes[part] += bytes;
}

static void read_piece(const struct piece *piece, uint8_t *to)
{
	struct stat status;
	int fd AUTO_FD = open(piece->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 ||
	    pread(fd, to, piece->len, piece->at) != (ssize_t)piece->len)
		err(1, "%s", piece->path);
}

static size_t read_frame(struct thread *thread, const struct frame *frame)
{
	size_t len = 0;
	begin(thread);
	for (size_t i = frame->first; i < frame->end; i++) {
		read_piece(&thread->work->pieces[i], thread->raw + len);
		len += thread->work->pieces[i].len;
	}
	end(thread, PART_READ, len);
	return len;
}

static void hash_frame(struct thread *thread, const struct frame *frame, size_t len)
{
	const struct piece *pieces = thread->work->pieces;
	const uint8_t *at = thread->raw;
	begin(thread);
	for (size_t i = frame->first; i < frame->end; at += pieces[i++].len)
		(void)xxh128_of(at, pieces[i].len);
	end(thread, PART_XXH128, len);
}

/* True the first time. */
static bool see(struct work *work, const struct digest *digest)
{
	static const struct digest none;
	uint64_t slot;
	memcpy(&slot, digest->bytes, sizeof(slot));
	(void)pthread_mutex_lock(&work->lock);
	struct digest *at = &work->seen[slot % work->seen_size];
	while (!digest_equal(at, &none) && !digest_equal(at, digest))
		at = at + 1 < work->seen + work->seen_size ? at + 1 : work->seen;
	bool is_new = digest_equal(at, &none);
	*at = *digest;
	(void)pthread_mutex_unlock(&work->lock);
	return is_new;
}

static void digest_frame(struct thread *thread, const struct frame *frame)
{
	const uint8_t *at = thread->raw;
	for (size_t i = frame->first; i < frame->end; i++) {
		struct piece *piece = &thread->work->pieces[i];
		begin(thread);
		struct digest digest = sha256_of(at, piece->len);
		end(thread, PART_SHA256, piece->len);
		piece->is_new = see(thread->work, &digest);
		at += piece->len;
	}
}

/* The bytes that are new, one behind the other; their number. */
static size_t gather_new(struct thread *thread, const struct frame *frame)
{
	const uint8_t *at = thread->raw;
	size_t len = 0;
	for (size_t i = frame->first; i < frame->end; i++) {
		const struct piece *piece = &thread->work->pieces[i];
		if (piece->is_new) {
			memcpy(thread->unpacked + len, at, piece->len);
			len += piece->len;
		}
		at += piece->len;
	}
	return len;
}

static void carry(struct thread *thread, size_t len)
{
	begin(thread);
	for (size_t done = 0; done < len;) {
		size_t part = len - done < CARRIED_AT_ONCE ? len - done : CARRIED_AT_ONCE;
		/* What does not fit waits in no buffer: the same thread empties it. */
		ssize_t sent = send(thread->pair[0], thread->packed + done, part,
				    MSG_DONTWAIT);
		for (ssize_t got = 0; got < sent;) {
			ssize_t more = read(thread->pair[1], thread->packed + done + got,
					    (size_t)(sent - got));
			if (more <= 0)
				err(1, "socket");
			got += more;
		}
		if (sent <= 0)
			err(1, "socket");
		done += (size_t)sent;
	}
	end(thread, PART_CARRY, len);
}

static void pack_frame(struct thread *thread, size_t len)
{
	enum codec_id id;
	size_t packed;
	struct error error;
	begin(thread);
	int rc = codec_pack(thread->codec, thread->unpacked, len, thread->packed,
			    FRAME_ROOM, &id, &packed, &error);
	end(thread, PART_COMPRESS, len);
	if (rc < 0)
		errx(1, "%s", error.text);
	carry(thread, packed);
	begin(thread);
	rc = codec_unpack(thread->codec, (uint8_t)id, thread->packed, packed,
			  thread->unpacked, len, &error);
	end(thread, PART_DECOMPRESS, len);
	if (rc < 0)
		errx(1, "%s", error.text);
	begin(thread);
	if (write(thread->kept, thread->packed, packed) != (ssize_t)packed)
		err(1, "%s", thread->work->scratch);
	end(thread, PART_KEEP, packed);
}

static void make_piece(const struct thread *thread, const struct piece *piece,
		       const uint8_t *bytes)
{
	char path[4096];
	(void)snprintf(path, sizeof(path), "%s/%u/%u", thread->work->scratch,
		       piece->directory, piece->number);
	static const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
						 {.tv_sec = 1000000000}};
	int fd AUTO_FD = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 ||
	    pwrite(fd, bytes, piece->len, piece->at) != (ssize_t)piece->len ||
	    futimens(fd, times) != 0)
		err(1, "%s", path);
}

static void make_files(struct thread *thread, const struct frame *frame, size_t len)
{
	const uint8_t *at = thread->raw;
	begin(thread);
	for (size_t i = frame->first; i < frame->end; i++) {
		make_piece(thread, &thread->work->pieces[i], at);
		at += thread->work->pieces[i].len;
	}
	end(thread, PART_MAKE, len);
}

static void *run_thread(void *argument)
{
	struct thread *thread = argument;
	struct work *work = thread->work;
	for (size_t i; (i = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) <
		       work->frame_count;) {
		const struct frame *frame = &work->frames[i];
		size_t len = read_frame(thread, frame);
		hash_frame(thread, frame, len);
		digest_frame(thread, frame);
		size_t fresh = gather_new(thread, frame);
		if (fresh > 0)
			pack_frame(thread, fresh);
		make_files(thread, frame, len);
	}
	return NULL;
}

/* ---- from the tree to the lines ---- */

static void start_thread(struct thread *thread, struct work *work, unsigned number)
{
	char path[4096];
	(void)snprintf(path, sizeof(path), "%s/kept%u", work->scratch, number);
	*thread = (struct thread){
		.work = work,
		.raw = must_alloc(FRAME_ROOM),
		.packed = must_alloc(FRAME_ROOM),
		.unpacked = must_alloc(FRAME_ROOM),
		.codec = codec_new(1),
		.kept = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644),
	};
	if (thread->kept < 0)
		err(1, "%s", path);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, thread->pair) != 0 ||
	    pthread_create(&thread->id, NULL, run_thread, thread) != 0)
		err(1, "cannot start a thread");
}

static void join_thread(struct thread *thread)
{
	(void)pthread_join(thread->id, NULL);
	codec_free(thread->codec);
	free(thread->raw);
	free(thread->packed);
	free(thread->unpacked);
	(void)close(thread->pair[0]);
	(void)close(thread->pair[1]);
	(void)close(thread->kept);
}

static void prepare(struct work *work)
{
	work->seen_size = 2 * work->piece_count + 1;
	work->seen = must_calloc(work->seen_size, sizeof(*work->seen));
	for (uint32_t i = 0; i <= work->directories; i++) {
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/%u", work->scratch, i);
		if (mkdir(path, 0755) != 0)
			err(1, "%s", path);
	}
}

static void work_fini(struct work *work)
{
	for (size_t i = 0; i < work->piece_count; i++)
		free(work->pieces[i].path);
	free(work->pieces);
	free(work->frames);
	free(work->seen);
}

int main(int argc, char **argv)
{
	unsigned count = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	if (count == 0 || count > THREADS_MAX)
		errx(2, "usage: parts TREE SCRATCH THREADS");
	struct work work AUTO(work_fini) = {.scratch = argv[2],
					    .lock = PTHREAD_MUTEX_INITIALIZER};
	find_files(&work, argv[1]);
	cut_frames(&work);
	prepare(&work);
	struct thread threads[THREADS_MAX];
	for (unsigned i = 0; i < count; i++)
		start_thread(&threads[i], &work, i);
	for (unsigned i = 0; i < count; i++)
		join_thread(&threads[i]);
	for (unsigned part = 0; part < PARTS; part++) {
		double spent = 0;
		uint64_t bytes = 0;
		for (unsigned i = 0; i < count; i++) {
			spent += threads[i].spent[part];
			bytes += threads[i].bytes[part];
		}
		printf("%s %.6f %llu\n", part_names[part], spent,
		       (unsigned long long)bytes);
	}
	return 0;
}
