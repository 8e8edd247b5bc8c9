#include "client/download/download.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/machine/parallel.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

/* How long the daemon may look for itself. */
#define FAREWELL_MS 10000
#define SLOTS_MAX (2u * PARALLEL_MAX + 1u)

/* A leased buffer with a frame. */
struct slot {
	uint8_t *bytes; /* owned; BULK_LEN_MAX, of which only what is used is ever touched
			 */
	uint32_t len;
	uint64_t number; /* of the frame in its round, from 1 */
};

struct download {
	struct want *want;                /* borrowed */
	const struct download_sink *sink; /* borrowed */
	bool verify;
	struct slot slots[SLOTS_MAX];
	unsigned slot_count;
	uint64_t received; /* frames */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t freed;  /* a buffer, or failed */
	pthread_cond_t pushed; /* a frame, or closed, or failed */
	struct slot *free_slots[SLOTS_MAX];
	unsigned free_count;
	struct slot *ready[SLOTS_MAX]; /* a ring: frames in the order they came */
	unsigned ready_first;
	unsigned ready_count;
	bool closed;      /* no more frames come: workers end when none is ready */
	bool failed;      /* workers end at once, nothing more is received */
	uint64_t damaged; /* number of a frame that is, for the daemon; 0: none */
};

/* What one worker needs again for each frame. */
struct decoder {
	struct download *download; /* borrowed */
	unsigned worker;
	struct codec *codec;     /* owned */
	struct unit_name *units; /* owned; FRAME_UNITS_MAX */
	uint8_t *raw;            /* owned; FRAME_RAW_MAX */
};

/* ---- the queue ---- */

/* A free buffer; NULL once the download has failed. */
static struct slot *lease(struct download *download)
{
	pthread_mutex_lock(&download->mutex);
	while (download->free_count == 0 && !download->failed)
		pthread_cond_wait(&download->freed, &download->mutex);
	struct slot *slot = NULL;
	if (!download->failed)
		slot = download->free_slots[--download->free_count];
	pthread_mutex_unlock(&download->mutex);
	return slot;
}

static void push(struct download *download, struct slot *slot)
{
	pthread_mutex_lock(&download->mutex);
	unsigned at = (download->ready_first + download->ready_count++) % SLOTS_MAX;
	download->ready[at] = slot;
	pthread_cond_signal(&download->pushed);
	pthread_mutex_unlock(&download->mutex);
}

/* The next frame; NULL when there will be none. */
static struct slot *pop(struct download *download)
{
	pthread_mutex_lock(&download->mutex);
	while (download->ready_count == 0 && !download->closed && !download->failed)
		pthread_cond_wait(&download->pushed, &download->mutex);
	struct slot *slot = NULL;
	if (download->ready_count > 0 && !download->failed) {
		slot = download->ready[download->ready_first];
		download->ready_first = (download->ready_first + 1) % SLOTS_MAX;
		download->ready_count--;
	}
	pthread_mutex_unlock(&download->mutex);
	return slot;
}

static void give_back(struct download *download, struct slot *slot)
{
	pthread_mutex_lock(&download->mutex);
	download->free_slots[download->free_count++] = slot;
	pthread_cond_signal(&download->freed);
	pthread_mutex_unlock(&download->mutex);
}

static void close_queue(struct download *download, bool failed)
{
	pthread_mutex_lock(&download->mutex);
	download->closed = true;
	download->failed |= failed;
	pthread_cond_broadcast(&download->freed);
	pthread_cond_broadcast(&download->pushed);
	pthread_mutex_unlock(&download->mutex);
}

/* ---- decoding ---- */

static void note_damaged(struct download *download, const struct slot *slot,
			 const struct error *error)
{
	if (error->code != ERR_DAMAGED && error->code != ERR_VERSION)
		return;
	pthread_mutex_lock(&download->mutex);
	download->damaged = slot->number;
	pthread_mutex_unlock(&download->mutex);
}

/* Puts the name of the file in front of what is wrong with its bytes. */
static int blame(const struct download *download, uint32_t mention, struct error *error)
{
	if (mention == WANT_NONE || error->code != ERR_DAMAGED)
		return error->code;
	const struct view_table *table = download->want->table;
	char *path AUTO_FREE = view_table_shown(table, table->units[mention].entry);
	struct error why = *error;
	return error_set(error, ERR_DAMAGED, "`%s`: %s", path, why.text);
}

/* The first unit of the frame that somebody waits for, or WANT_NONE. */
static uint32_t first_wanted(const struct decoder *decoder,
			     const struct frame_header *header)
{
	const struct want *want = decoder->download->want;
	for (uint32_t i = 0; i < header->unit_count; i++) {
		uint32_t mention = want_find(want, &decoder->units[i]);
		if (mention != WANT_NONE && !want_is_taken(want, mention))
			return mention;
	}
	return WANT_NONE;
}

static int use_unit(struct decoder *decoder, const struct unit_name *name,
		    const uint8_t *bytes, struct error *error)
{
	struct download *download = decoder->download;
	uint32_t mention = want_find(download->want, name);
	if (mention == WANT_NONE || want_is_taken(download->want, mention))
		return 0;
	if (download->verify) {
		struct digest sha = sha256_of(bytes, name->key.len);
		if (!digest_equal(&sha, &name->sha)) {
			(void)error_set(error, ERR_DAMAGED,
					"the SHA-256 of its bytes does not match");
			return blame(download, mention, error);
		}
	}
	if (!want_take(download->want, mention))
		return 0;
	int err = 0;
	for (; !err && mention != WANT_NONE; mention = want_next(download->want, mention))
		err = download->sink->on_unit(download->sink->context, decoder->worker,
					      mention, bytes, error);
	return err;
}

/* Header and table, so far as they concern the frame alone. */
static int open_frame(struct decoder *decoder, const struct slot *slot,
		      struct frame_header *header, struct error *error)
{
	if (slot->len < FRAME_HEADER_LEN)
		return error_set(error, ERR_DAMAGED, "frame: cut short");
	int err = frame_header_decode(slot->bytes, header, error);
	if (err)
		return err;
	if (header->kind != FRAME_CONTENT || frame_len(header) != slot->len)
		return error_set(error, ERR_DAMAGED,
				 "frame: not one of content, or not as long as it says");
	return frame_table_decode(header, slot->bytes, decoder->units, error);
}

static int decode_frame(struct decoder *decoder, const struct slot *slot,
			struct error *error)
{
	struct download *download = decoder->download;
	struct frame_header header;
	int err = open_frame(decoder, slot, &header, error);
	if (err)
		return blame(download, want_first_left(download->want), error);
	uint32_t wanted = first_wanted(decoder, &header);
	if (wanted == WANT_NONE)
		return 0;
	err = frame_payload_decode(&header, decoder->units,
				   slot->bytes + frame_table_end(&header), decoder->codec,
				   decoder->raw, error);
	if (err)
		return blame(download, wanted, error);
	const uint8_t *at = decoder->raw;
	for (uint32_t i = 0; !err && i < header.unit_count; i++) {
		err = use_unit(decoder, &decoder->units[i], at, error);
		at += decoder->units[i].key.len;
	}
	return err;
}

static void decoder_fini(struct decoder *decoder)
{
	codec_free(decoder->codec);
	free(decoder->units);
	free(decoder->raw);
}

static struct decoder decoder_of(struct download *download, unsigned worker)
{
	return (struct decoder){
		.download = download,
		.worker = worker,
		.codec = codec_new(1),
		.units = must_alloc(FRAME_UNITS_MAX * sizeof(struct unit_name)),
		.raw = must_alloc(FRAME_RAW_MAX),
	};
}

static int decode_next(struct decoder *decoder, struct slot *slot, struct error *error)
{
	int err = decode_frame(decoder, slot, error);
	if (err)
		note_damaged(decoder->download, slot, error);
	give_back(decoder->download, slot);
	return err;
}

/* One worker. */
static int decode_frames(void *context, unsigned worker, struct error *error)
{
	struct download *download = context;
	struct decoder decoder AUTO(decoder_fini) = decoder_of(download, worker);
	struct slot *slot;
	int err = 0;
	while (!err && (slot = pop(download)) != NULL)
		err = decode_next(&decoder, slot, error);
	if (err)
		close_queue(download, true);
	return err;
}

/* ---- receiving ---- */

/* Fills one buffer. 1: go on; 0: the end, or a worker has failed; <0: the link. */
static int receive_one(struct link *link, struct download *download, struct error *error)
{
	struct slot *slot = lease(download);
	if (!slot)
		return 0;
	struct link_message message = {.payload = slot->bytes};
	int err = link_receive(link, &message, BULK_LEN_MAX, error);
	uint8_t *fresh AUTO_FREE = message.payload == slot->bytes ? NULL
								  : message.payload;
	if (!err && message.type == MSG_FRAME && !fresh) {
		slot->len = message.len;
		slot->number = ++download->received;
		push(download, slot);
		return 1;
	}
	give_back(download, slot);
	if (err || message.type == MSG_FRAMES_END)
		return err;
	const char *name = message_type_name(message.type);
	return error_set(error, ERR_PROTOCOL,
			 "the daemon sent %s where frames were expected",
			 name ? name : "something unknown");
}

static void download_init(struct download *download)
{
	pthread_mutex_init(&download->mutex, NULL);
	pthread_cond_init(&download->freed, NULL);
	pthread_cond_init(&download->pushed, NULL);
	download->slot_count = 2 * parallel_count() + 1;
	for (unsigned i = 0; i < download->slot_count; i++) {
		download->slots[i].bytes = must_alloc(BULK_LEN_MAX);
		download->free_slots[download->free_count++] = &download->slots[i];
	}
}

static void download_fini(struct download *download)
{
	for (unsigned i = 0; i < download->slot_count; i++)
		free(download->slots[i].bytes);
	pthread_cond_destroy(&download->freed);
	pthread_cond_destroy(&download->pushed);
	pthread_mutex_destroy(&download->mutex);
}

/* The daemon can then take these bytes anew, when somebody has them. It hangs up once it
 * has looked for itself: a persist that follows this attach finds that done. */
static void tell_damage(struct link *link, const struct download *download,
			const struct error *why)
{
	if (download->damaged == 0)
		return;
	struct msg_error message = {
		.code = error_to_wire(why->code),
		.exit = (uint64_t)error_exit_status(why->code),
		.message = {.at = why->text, .len = strlen(why->text)},
		.frame = download->damaged,
	};
	struct error ignored;
	int64_t until = clock_deadline(FAREWELL_MS);
	int err = link_send_control(link, MSG_ERROR, &message, &ignored);
	while (!err && link_wait(link, clock_left(until), &ignored) == 1) {
		struct link_message rest = {0};
		err = link_receive(link, &rest, 0, &ignored);
		free(rest.payload);
	}
}

static int check_complete(const struct download *download, struct error *error)
{
	uint32_t missing = want_left(download->want) ? want_first_left(download->want)
						     : WANT_NONE;
	if (missing == WANT_NONE)
		return 0;
	(void)error_set(error, ERR_DAMAGED, "the daemon did not send its bytes");
	return blame(download, missing, error);
}

/* With workers that decode. <0: the link's failure; ret_failed: what a worker found. */
static int receive_all(struct link *link, struct download *download,
		       struct parallel *workers, struct error *ret_failed,
		       struct error *error)
{
	int got;
	do {
		got = receive_one(link, download, error);
	} while (got > 0);
	close_queue(download, got < 0);
	(void)parallel_join(workers, ret_failed);
	return got;
}

/* Where there is no thread: each frame is decoded before the next is received. */
static int receive_alone(struct link *link, struct download *download,
			 struct error *ret_failed, struct error *error)
{
	struct decoder decoder AUTO(decoder_fini) = decoder_of(download, 0);
	int got, err = 0;
	while (!err && (got = receive_one(link, download, error)) > 0)
		err = decode_next(&decoder, pop(download), ret_failed);
	return err ? 0 : got;
}

int download_run(struct link *link, struct want *want, const struct download_sink *sink,
		 bool verify, struct error *error)
{
	struct download download AUTO(download_fini) = {
		.want = want, .sink = sink, .verify = verify};
	download_init(&download);
	struct parallel_job job = {.body = decode_frames, .context = &download};
	struct parallel *workers = parallel_start(&job);
	struct error failed = {0};
	int got = workers ? receive_all(link, &download, workers, &failed, error)
			  : receive_alone(link, &download, &failed, error);
	if (failed.code) {
		*error = failed;
		tell_damage(link, &download, error);
		return error->code;
	}
	return got < 0 ? got : check_complete(&download, error);
}
