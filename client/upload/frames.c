#include "client/upload/frames.h"

#include <string.h>

#include "client/content/recall.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* A remainder of a batch below this waits for company in the open batch. */
#define COMPANY_LEN (FRAME_RAW_TARGET / 2)
/* A frame of a small tree, up to a block of the disk, goes as it is: zstd's first call
 * takes a process 0.1 ms, more than all the rest that it does to send it. */
#define RAW_LEN_MAX 4096u

void packer_init(struct packer *packer, uint8_t *out)
{
	*packer = (struct packer){.codec = codec_new(1), .out = out};
}

void packer_fini(struct packer *packer)
{
	codec_free(packer->codec);
	buffer_fini(&packer->head);
}

void frames_fini(struct frames *frames)
{
	batch_free(frames->open);
}

void frames_gather(struct frames *frames)
{
	frames->open = batch_new();
}

static bool is_alone(const struct frames *frames)
{
	return flow_is_alone(frames->exchange->flow);
}

/* ---- frames ---- */

/* Some units of a batch, one behind the other. */
struct slice {
	uint8_t kind;
	const struct batch_unit *units; /* borrowed */
	uint32_t count;
	const uint8_t *data; /* borrowed */
	uint32_t len;
};

/* The daemon says it too, in STORED; knowing it already saves waiting for that. */
static void learn_names(struct frames *frames, const struct slice *slice)
{
	const uint8_t *data = slice->data;
	for (uint32_t i = 0; i < slice->count; i++) {
		const struct batch_unit *unit = &slice->units[i];
		struct digest sha = sha256_of(data, unit->key.len);
		units_learn(frames->exchange->units, unit->unit, &sha);
		data += unit->key.len;
	}
}

/* A payload, and how it is packed. */
struct packed {
	enum codec_id codec;
	const void *at; /* borrowed, of the slice or the packer */
	size_t len;
};

static int pack(struct frames *frames, struct packer *packer, const struct slice *slice,
		struct packed *ret_packed, struct error *error)
{
	if (is_alone(frames) && slice->len <= RAW_LEN_MAX) {
		*ret_packed = (struct packed){CODEC_RAW, slice->data, slice->len};
		return 0;
	}
	ret_packed->at = packer->out;
	return codec_pack(packer->codec, slice->data, slice->len, packer->out,
			  FRAME_STORED_MAX, &ret_packed->codec, &ret_packed->len, error);
}

static int send_slice(struct frames *frames, struct packer *packer,
		      const struct slice *slice, struct error *error)
{
	if (is_alone(frames) && slice->kind == FRAME_CONTENT)
		learn_names(frames, slice);
	struct packed packed;
	int err = pack(frames, packer, slice, &packed, error);
	if (err < 0)
		return err;
	struct unit_key *keys AUTO_FREE = must_alloc(slice->count * sizeof(*keys));
	for (uint32_t i = 0; i < slice->count; i++)
		keys[i] = slice->units[i].key;
	buffer_clear(&packer->head);
	units_head_encode(&packer->head, slice->kind, (uint8_t)packed.codec, slice->len,
			  keys, slice->count);
	struct iovec pieces[2] = {
		{.iov_base = packer->head.at, .iov_len = packer->head.len},
		{.iov_base = (void *)(uintptr_t)packed.at, .iov_len = packed.len},
	};
	return exchange_send(frames->exchange, slice->units, slice->count, pieces, error);
}

static int send_whole(struct frames *frames, struct packer *packer,
		      const struct batch *batch, struct error *error)
{
	if (batch->count == 0)
		return 0;
	return send_slice(frames, packer,
			  &(struct slice){
				  .kind = batch->kind,
				  .units = batch->units,
				  .count = batch->count,
				  .data = batch->data,
				  .len = (uint32_t)batch->len,
			  },
			  error);
}

/* ---- an answered batch ---- */

/* Reads one unit's candidates. 1: the daemon has it; 0: it has not; <0 ERR_PROTOCOL. */
static int weigh(struct frames *frames, struct reader *offer,
		 const struct batch_unit *unit, const uint8_t *data, struct error *error)
{
	uint8_t count = reader_u8(offer);
	const uint8_t *candidates = reader_bytes(offer, (size_t)count * SHA256_LEN);
	if (count > CANDIDATES_MAX || offer->failed)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: sent a malformed OFFER");
	if (unit->entry != TREE_ROOT)
		return recall_answered(frames->reading, unit, candidates, count, error);
	if (count == 0)
		return 0;
	struct digest own = sha256_of(data, unit->key.len);
	for (uint8_t i = 0; i < count; i++) {
		if (memcmp(candidates + i * SHA256_LEN, own.bytes, SHA256_LEN) != 0)
			continue;
		int err = units_held(frames->exchange->units, unit->unit, &own, error);
		return err < 0 ? err : 1;
	}
	return 0;
}

/* Leaves in the batch what the daemon lacks, moved together. */
static int drop_held(struct frames *frames, struct batch *batch, struct error *error)
{
	struct reader offer = reader_of(batch->offer, batch->offer_len);
	struct recall_count recalled = {0};
	uint32_t count = batch->count;
	size_t at = 0;
	if (reader_u32(&offer) != count)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: an OFFER does not answer its ASK");
	batch->count = 0;
	batch->len = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct batch_unit unit = batch->units[i];
		const uint8_t *data = batch->data + at;
		int held = weigh(frames, &offer, &unit, data, error);
		if (held < 0)
			return held;
		if (unit.entry != TREE_ROOT) {
			recall_count(frames->reading, &recalled, &unit, held);
			continue;
		}
		if (!held && batch->len != at)
			memmove(batch->data + batch->len, data, unit.key.len);
		if (!held)
			batch_add(batch, unit.unit, &unit.key);
		at += unit.key.len;
	}
	if (offer.failed || offer.left > 0)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: sent a malformed OFFER");
	return 0;
}

static bool is_full(const struct frames *frames, size_t len, uint32_t count)
{
	return len >= FRAME_RAW_TARGET || count >= frames->reading->batch_units;
}

/* Sends full frames from the front of the batch; the rest moves to its front. Pieces of a
 * manifest go one by one. */
static int send_full(struct frames *frames, struct packer *packer, struct batch *batch,
		     struct error *error)
{
	uint32_t first = 0;
	size_t start = 0, at = 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		at += batch->units[i].key.len;
		bool ends = is_full(frames, at - start, i + 1 - first) ||
			    batch->kind == FRAME_PIECE ||
			    (i + 1 < batch->count &&
			     at - start + batch->units[i + 1].key.len > FRAME_RAW_MAX);
		if (!ends)
			continue;
		struct slice slice = {
			.kind = batch->kind,
			.units = batch->units + first,
			.count = i + 1 - first,
			.data = batch->data + start,
			.len = (uint32_t)(at - start),
		};
		int err = send_slice(frames, packer, &slice, error);
		if (err < 0)
			return err;
		first = i + 1;
		start = at;
	}
	batch->count -= first;
	batch->len -= start;
	memmove(batch->units, batch->units + first, batch->count * sizeof(*batch->units));
	memmove(batch->data, batch->data + start, batch->len);
	return 0;
}

static void append_units(struct batch *to, const struct batch *from)
{
	memcpy(to->data + to->len, from->data, from->len);
	for (uint32_t i = 0; i < from->count; i++)
		batch_add(to, from->units[i].unit, &from->units[i].key);
}

/* Brings a small remainder together with others. Returns the batch that is the caller's
 * now: empty, or full and to be sent. */
static struct batch *gather(struct frames *frames, struct batch *batch)
{
	flow_lock(frames->exchange->flow);
	struct batch *open = frames->open;
	bool together = open->count + batch->count <= frames->reading->batch_units;
	if (together) {
		append_units(open, batch);
		batch_clear(batch);
	}
	bool swap = !together || is_full(frames, open->len, open->count);
	if (swap)
		frames->open = batch;
	flow_unlock(frames->exchange->flow);
	return swap ? open : batch;
}

int frames_finish(struct frames *frames, struct packer *packer, struct batch *batch,
		  struct error *error)
{
	int err = drop_held(frames, batch, error);
	if (err == 0)
		err = send_full(frames, packer, batch, error);
	if (err == 0 && batch->count > 0 && batch->len < COMPANY_LEN && !is_alone(frames))
		batch = gather(frames, batch);
	if (err == 0)
		err = send_whole(frames, packer, batch, error);
	exchange_release(frames->exchange, batch);
	return err;
}

int frames_send(struct frames *frames, struct packer *packer, struct batch *batch,
		struct error *error)
{
	int err = send_whole(frames, packer, batch, error);
	exchange_release(frames->exchange, batch);
	return err;
}

int frames_flush(struct frames *frames, struct packer *packer, struct error *error)
{
	if (is_alone(frames))
		return 0;
	struct batch *batch = exchange_lease(frames->exchange);
	if (!batch)
		return flow_check(frames->exchange->flow, error);
	flow_lock(frames->exchange->flow);
	struct batch *open = frames->open;
	frames->open = batch;
	flow_unlock(frames->exchange->flow);
	int err = send_whole(frames, packer, open, error);
	exchange_release(frames->exchange, open);
	return err;
}
