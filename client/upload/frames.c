/* The sending half: questions, frames, and which bytes go into which frame. */
#include <stdlib.h>
#include <string.h>

#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* A remainder of a batch below this waits for company in the open batch. */
#define COMPANY_LEN (FRAME_RAW_TARGET / 2)
/* A frame of a small tree, up to a block of the disk, goes as it is: zstd's first call
 * takes a process 0.1 ms, more than all the rest that it does to send it. */
#define RAW_LEN_MAX 4096u

/* Reserves room for unanswered units. send_lock is held, lock is held. */
static int window_take_locked(struct upload *upload, uint32_t count, struct error *error)
{
	claim(count <= upload->request->ask_window);
	while (!upload->flow.code &&
	       upload->in_flight + count > upload->request->ask_window) {
		if (flow_is_alone(&upload->flow))
			upload_take_answer_locked(upload);
		else
			(void)pthread_cond_wait(&upload->flow.room, &upload->flow.lock);
	}
	if (upload->flow.code)
		return flow_failure_locked(&upload->flow, error);
	if (upload->in_flight == 0)
		(void)pthread_cond_signal(&upload->flow.question);
	upload->in_flight += count;
	return 0;
}

/* ---- questions ---- */

/* Queues and sends; send_lock is held, so that the order of both is one. */
static int ask_sending(struct upload *upload, struct batch *batch,
		       const struct iovec *payload, struct error *error)
{
	flow_lock(&upload->flow);
	int rc = window_take_locked(upload, batch->count, error);
	if (rc == 0) {
		batch_queue_put(&upload->asked, batch);
	} else {
		batch_clear(batch);
		upload_release_locked(upload, batch);
	}
	flow_unlock(&upload->flow);
	return rc < 0 ? rc : link_send(upload->request->link, MSG_ASK, payload, 1, error);
}

int upload_ask(struct upload *upload, struct batch *batch, struct error *error)
{
	int rc = batch->count > 0 ? upload_begin(upload, error) : 0;
	if (rc < 0 || batch->count == 0) {
		upload_release(upload, batch);
		return rc;
	}
	struct buffer payload AUTO(buffer_fini) = {0};
	buffer_put_u32(&payload, batch->count);
	for (uint32_t i = 0; i < batch->count; i++) {
		buffer_put(&payload, batch->units[i].key.xxh.bytes, XXH128_LEN);
		buffer_put_u32(&payload, batch->units[i].key.len);
	}
	struct iovec piece = {.iov_base = payload.at, .iov_len = payload.len};
	(void)pthread_mutex_lock(&upload->send_lock);
	rc = ask_sending(upload, batch, &piece, error);
	(void)pthread_mutex_unlock(&upload->send_lock);
	return rc;
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

static struct parcel *parcel_of(const struct slice *slice)
{
	struct parcel *parcel =
		must_alloc(sizeof *parcel + slice->count * sizeof parcel->units[0]);
	*parcel = (struct parcel){.count = slice->count};
	for (uint32_t i = 0; i < slice->count; i++)
		parcel->units[i] = slice->units[i].unit;
	return parcel;
}

/* send_lock is held. */
static int units_sending(struct upload *upload, const struct slice *slice,
			 const struct iovec pieces[2], struct error *error)
{
	flow_lock(&upload->flow);
	int rc = window_take_locked(upload, slice->count, error);
	if (rc == 0) {
		struct parcel *parcel = parcel_of(slice);
		if (upload->sent_last)
			upload->sent_last->next = parcel;
		else
			upload->sent_first = parcel;
		upload->sent_last = parcel;
		upload->has_sent = true;
	}
	flow_unlock(&upload->flow);
	return rc < 0 ? rc
		      : link_send(upload->request->link, MSG_UNITS, pieces, 2, error);
}

/* The daemon says it too, in STORED; knowing it already saves waiting for that. */
static void learn_names(struct upload *upload, const struct slice *slice)
{
	const uint8_t *data = slice->data;
	for (uint32_t i = 0; i < slice->count; i++) {
		const struct batch_unit *unit = &slice->units[i];
		struct digest sha = sha256_of(data, unit->key.len);
		units_learn(upload->units, unit->unit, &sha);
		data += unit->key.len;
	}
}

/* A payload, and how it is packed. */
struct packed {
	enum codec_id codec;
	const void *at; /* borrowed, of the slice or the worker */
	size_t len;
};

static int pack(struct worker *worker, const struct slice *slice,
		struct packed *ret_packed, struct error *error)
{
	if (flow_is_alone(&worker->upload->flow) && slice->len <= RAW_LEN_MAX) {
		*ret_packed = (struct packed){CODEC_RAW, slice->data, slice->len};
		return 0;
	}
	ret_packed->at = worker->out;
	return codec_pack(worker->codec, slice->data, slice->len, worker->out,
			  FRAME_STORED_MAX, &ret_packed->codec, &ret_packed->len, error);
}

static int send_slice(struct worker *worker, const struct slice *slice,
		      struct error *error)
{
	struct upload *upload = worker->upload;
	if (flow_is_alone(&upload->flow) && slice->kind == FRAME_CONTENT)
		learn_names(upload, slice);
	struct packed packed;
	int rc = pack(worker, slice, &packed, error);
	if (rc < 0)
		return rc;
	struct unit_key *keys AUTO_FREE = must_alloc(slice->count * sizeof *keys);
	for (uint32_t i = 0; i < slice->count; i++)
		keys[i] = slice->units[i].key;
	buffer_clear(&worker->head);
	units_head_encode(&worker->head, slice->kind, (uint8_t)packed.codec, slice->len,
			  keys, slice->count);
	struct iovec pieces[2] = {
		{.iov_base = worker->head.at, .iov_len = worker->head.len},
		{.iov_base = (void *)(uintptr_t)packed.at, .iov_len = packed.len},
	};
	(void)pthread_mutex_lock(&upload->send_lock);
	rc = units_sending(upload, slice, pieces, error);
	(void)pthread_mutex_unlock(&upload->send_lock);
	return rc;
}

static int send_whole(struct worker *worker, const struct batch *batch,
		      struct error *error)
{
	if (batch->count == 0)
		return 0;
	return send_slice(worker,
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
static int weigh(struct upload *upload, struct reader *offer,
		 const struct batch_unit *unit, const uint8_t *data, struct error *error)
{
	uint8_t count = reader_u8(offer);
	const uint8_t *candidates = reader_bytes(offer, (size_t)count * SHA256_LEN);
	if (count > CANDIDATES_MAX || offer->failed)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: sent a malformed OFFER");
	if (unit->entry != TREE_ROOT)
		return upload_recall_answered(upload, unit, candidates, count, error);
	if (count == 0)
		return 0;
	struct digest own = sha256_of(data, unit->key.len);
	for (uint8_t i = 0; i < count; i++) {
		if (memcmp(candidates + i * SHA256_LEN, own.bytes, SHA256_LEN) != 0)
			continue;
		int rc = units_held(upload->units, unit->unit, &own, error);
		return rc < 0 ? rc : 1;
	}
	return 0;
}

/* Leaves in the batch what the daemon lacks, moved together. */
static int drop_held(struct upload *upload, struct batch *batch, struct error *error)
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
		int held = weigh(upload, &offer, &unit, data, error);
		if (held < 0)
			return held;
		if (unit.entry != TREE_ROOT) {
			upload_recall_count(upload, &recalled, &unit, held);
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

static bool is_full(const struct upload *upload, size_t len, uint32_t count)
{
	return len >= FRAME_RAW_TARGET || count >= upload->batch_units;
}

/* Sends full frames from the front of the batch; the rest moves to its front. Pieces of a
 * manifest go one by one. */
static int send_full(struct worker *worker, struct batch *batch, struct error *error)
{
	uint32_t first = 0;
	size_t start = 0, at = 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		at += batch->units[i].key.len;
		bool ends = is_full(worker->upload, at - start, i + 1 - first) ||
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
		int rc = send_slice(worker, &slice, error);
		if (rc < 0)
			return rc;
		first = i + 1;
		start = at;
	}
	batch->count -= first;
	batch->len -= start;
	memmove(batch->units, batch->units + first, batch->count * sizeof *batch->units);
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
static struct batch *gather(struct upload *upload, struct batch *batch)
{
	flow_lock(&upload->flow);
	struct batch *open = upload->open;
	bool together = open->count + batch->count <= upload->batch_units;
	if (together) {
		append_units(open, batch);
		batch_clear(batch);
	}
	bool swap = !together || is_full(upload, open->len, open->count);
	if (swap)
		upload->open = batch;
	flow_unlock(&upload->flow);
	return swap ? open : batch;
}

int upload_finish(struct worker *worker, struct batch *batch, struct error *error)
{
	struct upload *upload = worker->upload;
	int rc = drop_held(upload, batch, error);
	if (rc == 0)
		rc = send_full(worker, batch, error);
	if (rc == 0 && batch->count > 0 && batch->len < COMPANY_LEN &&
	    !flow_is_alone(&upload->flow))
		batch = gather(upload, batch);
	if (rc == 0)
		rc = send_whole(worker, batch, error);
	upload_release(upload, batch);
	return rc;
}

int upload_send(struct worker *worker, struct batch *batch, struct error *error)
{
	int rc = send_whole(worker, batch, error);
	upload_release(worker->upload, batch);
	return rc;
}

int upload_flush(struct worker *worker, struct error *error)
{
	struct upload *upload = worker->upload;
	if (flow_is_alone(&upload->flow))
		return 0;
	struct batch *batch = upload_lease(upload);
	if (!batch)
		return flow_check(&upload->flow, error);
	flow_lock(&upload->flow);
	struct batch *open = upload->open;
	upload->open = batch;
	flow_unlock(&upload->flow);
	int rc = send_whole(worker, open, error);
	upload_release(upload, open);
	return rc;
}
